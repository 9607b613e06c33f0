// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Glibc
import Logging
import Systemd
import Timing

/// Sees a set of units dead: asked politely at first, killed at a given moment, looked after until systemd says so.
struct UnitFence: Sendable {
    let units: any UnitManager
    let processes: any UnitProcesses
    let clockwork: any Clockwork
    let logger: Logger

    /// From one look at the units to the next while some still live.
    private static let interval = Duration.milliseconds(50)

    /// Returns when systemd says that the units are down and the kernel that none of their processes is left.
    func stop(_ names: [String], kill: Moment) async {
        guard !names.isEmpty else { return }
        await forEach(names) { name in _ = try await units.queue(.stop, name, mode: .replace) }
        var told: Set<String> = []
        while true {
            do {
                let up = try await units.listUnits(names: names).filter { !isDown($0) }
                let alive = up.map(\.name)
                let left = await processes.end(names.filter { !alive.contains($0) }, patience: .zero)
                if alive.isEmpty && left.isEmpty { return }
                // A path, a socket or a timer that was still up may have started one again that was down already.
                await forEach(up.filter { $0.active == "active" && $0.job == nil }.map(\.name)) { name in
                    _ = try await units.queue(.stop, name, mode: .replace)
                }
                if clockwork.now >= kill, !alive.isEmpty {
                    // They are killed again and again; once is enough to say so.
                    if !told.isSuperset(of: alive) {
                        logger.error(
                            "killing units that have not stopped in time", metadata: ["units": "\(alive.sorted())"])
                    }
                    told.formUnion(alive)
                    await forEach(alive) { name in try await units.killUnit(name, who: .all, signal: SIGKILL) }
                    await forEach(alive) { name in _ = try await units.queue(.stop, name, mode: .replace) }
                }
            } catch {
                logger.error("cannot see whether units are down", metadata: ["error": "\(error)"])
                // Without systemd's word on any unit the kernel's is the only one; the guard keeps them from starting again.
                if clockwork.now >= kill { _ = await processes.end(names, patience: .zero) }
            }
            await clockwork.sleep(until: clockwork.now + Self.interval)
        }
    }

    private func isDown(_ status: UnitStatus) -> Bool { status.active == "inactive" || status.active == "failed" }

    /// Does the same to all units at once; a unit that is gone meanwhile is no concern.
    private func forEach(_ names: [String], _ work: @escaping @Sendable (String) async throws -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for name in names {
                group.addTask {
                    do {
                        try await work(name)
                    } catch {
                        logger.debug("unit order refused", metadata: ["unit.name": "\(name)", "error": "\(error)"])
                    }
                }
            }
        }
    }
}
