// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What the agent does to systemd; mirrors `AgentShell+Directives.swift` and `UnitFolder.swift` of the node agent.
extension AgentShell {
    func install(_ orders: [Order], _ tenure: Scope) {
        let hashes = Set(orders.map(\.assignment.hash)).sorted()
        let keys = hashes.map { StoreKey.file(world.catalogue.fileIndex(of: $0)) }
        func failed(_ orders: [Order], _ reason: String) {
            for order in orders { handle(.installFailed(order.unit, reason: reason, .passing), tenure) }
        }
        process.client.call(.entries(keys), in: tenure) { [self] result in
            guard case .success(let answer) = result, case .entries(let entries) = answer.content else {
                return failed(orders, "the store does not answer")
            }
            let present = Set(zip(hashes, entries).filter { $1 != nil }.map(\.0))
            failed(orders.filter { !present.contains($0.assignment.hash) }, "the file is missing from the store")
            let written = orders.filter { present.contains($0.assignment.hash) }.compactMap { order in
                world.catalogue.variant(of: order.unit, hash: order.assignment.hash).map { (order, $0) }
            }
            guard !written.isEmpty else { return }
            for (order, variant) in written { host.runtime.files[order.unit] = variant }
            let once = written.filter(\.1.isOnce).map(\.0.unit)
            completions(of: once, tenure) { [self] event in
                // Not knowing whether its work is done, a unit must not be started.
                guard let event else { return failed(written.map(\.0), "the store does not answer") }
                if !once.isEmpty { handle(event, tenure) }
                load(written, tenure)
            }
        }
    }

    private func load(_ written: [(Order, UnitVariant)], _ tenure: Scope) {
        let needsReload = written.contains { host.systemd.units[$0.0.unit] != nil }
        let reload = needsReload ? world.random.between(20 * Span.millisecond, 300 * Span.millisecond) : 0
        process.after(reload) { [self] in
            let mark = changeMark
            bus { [self] in
                for (order, variant) in written { host.systemd.load(order.unit, variant) }
                return written.map { host.systemd.observation(of: $0.0.unit) }
            } then: { [self] observed in
                listFenced()
                newest(observed, since: mark) { [self] observed in
                    // Before the word that they are installed, which starts them.
                    handle(.observed(observed), tenure)
                    for (order, variant) in written {
                        let file = InstalledFile(
                            unit: order.unit, hash: variant.file.hash, isKept: variant.isKept, runs: variant.runs)
                        handle(.installed(file), tenure)
                    }
                }
            }
        }
    }

    private func listFenced() {
        process.guardControl.list(fenced: host.runtime.files.filter { !$0.value.isKept }.keys.sorted())
    }

    func uninstall(_ units: [UnitName], _ tenure: Scope) {
        bus { [self] in
            for unit in units { host.systemd.forget(unit) }
        } then: { [self] in
            for unit in units {
                host.runtime.files[unit] = nil
                host.runtime.started[unit] = nil
            }
            listFenced()
            handle(.uninstalled(units), tenure)
        }
    }

    /// Orders a start or restart; now and then systemd does not take it.
    func issue(_ operation: SystemdModel.Operation, _ unit: UnitName, _ tenure: Scope) {
        let isRefused = world.setting.hasSystemdTrouble && world.random.chance(1, in: 20)
        if world.isMutant(.earlyResult) {
            process.after(200 * Span.millisecond, in: tenure) { [self] in recordEarly(unit, tenure) }
        }
        let former = host.runtime.started[unit]
        host.runtime.started[unit] = host.runtime.files[unit]?.file.hash
        let systemd = host.systemd
        bus { [self] in
            isRefused ? false : systemd.queue(operation, unit) { [self] end in startEnded(systemd, unit, end, tenure) }
        } then: { [self] isTaken in
            if isTaken { return handle(.issued(unit), tenure) }
            host.runtime.started[unit] = former
            handle(isRefused ? .issueFailed(unit, reason: "no answer") : .startEnded(unit, .refused("unknown")), tenure)
        }
    }

    private func startEnded(_ systemd: SystemdModel, _ unit: UnitName, _ end: StartEnd, _ tenure: Scope) {
        // Later than the answer to the order, which takes 2 ms at the most on its way back.
        world.after(world.random.between(3 * Span.millisecond, 8 * Span.millisecond)) { [self] in
            guard host.isOn, host.systemd === systemd else { return }
            process.enter { [self] in
                if case .refused = end, host.runtime.files[unit] != nil, systemd.observation(of: unit).isDown {
                    host.runtime.started[unit] = nil
                }
                handle(.startEnded(unit, end), tenure)
            }
        }
    }

    /// Stops a unit and waits until its job has ended.
    func stop(_ unit: UnitName, _ tenure: Scope) {
        let systemd = host.systemd
        world.after(world.random.between(200 * Span.microsecond, 3 * Span.millisecond)) { [self] in
            guard host.isOn, host.systemd === systemd else { return }
            systemd.stop(unit) { [self] in
                world.after(world.random.between(200 * Span.microsecond, 5 * Span.millisecond)) { [self] in
                    process.enter { [self] in
                        bus { [self] in
                            host.systemd.observation(of: unit).isDown
                        } then: { [self] isDown in
                            if isDown { host.runtime.started[unit] = nil }
                            handle(isDown ? .stopped(unit) : .runsAgain(unit, reason: "it runs again"), tenure)
                        }
                    }
                }
            }
        }
    }
}
