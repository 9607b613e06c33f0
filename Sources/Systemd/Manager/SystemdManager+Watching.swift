// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
internal import Logging

extension SystemdManager {
    package func changes() -> AsyncStream<UnitChange> {
        let (stream, continuation) = AsyncStream.makeStream(of: UnitChange.self)
        if case .closed = link {
            continuation.finish()
            return stream
        }
        let key = nextListener
        nextListener += 1
        listeners[key] = continuation
        continuation.onTermination = { [weak self] _ in Task { await self?.dropListener(key) } }
        return stream
    }

    private func dropListener(_ key: Int) { listeners[key] = nil }

    func tell(_ change: UnitChange) {
        for listener in listeners.values { listener.yield(change) }
    }

    package func watch(_ units: [String]) async throws(SystemdError) -> [UnitStatus] {
        watches.add(units)
        // The rules travel before the listing on the same connection, so nothing can change unseen in between.
        updateMatches()
        let found = try await listUnits(names: units)
        for status in found { _ = watches.update(status) }
        return found
    }

    package func unwatch(_ units: [String]) {
        watches.remove(units)
        updateMatches()
    }

    /// Brings the broker's rules in line with what is watched; a direct connection has no broker and gets every signal.
    func updateMatches() {
        guard case .up(let connection) = link, !connection.endpoint.isDirect else { return }
        let changes = watches.ruleChanges()
        for rule in changes.add {
            connection.call(.broker("AddMatch", rule)) { [logger] reply in
                guard case .failure(let error) = reply else { return }
                logger.warning(
                    "bus refused a match rule, changes of the unit are seen late",
                    metadata: ["error.cause": "\(error.message)", "bus.rule": "\(rule)"])
            }
        }
        // A rule that is gone already needs no removing.
        for rule in changes.remove { connection.call(.broker("RemoveMatch", rule)) { _ in } }
    }

    /// Asks how units are and reports what is news; after gaps in the signals.
    func refresh(_ units: [String]) {
        guard !units.isEmpty else { return }
        submit(.manager("ListUnitsByNames", .strings(units))) { [weak self] reply in
            self?.assumeIsolated { manager in
                switch Self.decode(reply, "ListUnitsByNames", Self.readStatuses) {
                case .success(let statuses): for status in statuses { manager.noticed(status) }
                case .failure(let error):
                    // Lost connections are told apart, and the next one refreshes again.
                    manager.logger.debug("cannot refresh units", metadata: ["error.cause": "\(error.message)"])
                }
            }
        }
    }

    private func noticed(_ status: UnitStatus) {
        if watches.update(status) { tell(.unitChanged(watches.known(status.name) ?? status)) }
    }

    /// Takes a signal apart.
    ///
    /// What cannot be read is dropped with a word: a newer systemd must not stop the agent.
    func received(_ message: BusMessage) {
        guard let member = sd_bus_message_get_member(message.raw),
            let path = sd_bus_message_get_path(message.raw)
        else { return }
        let sender = sd_bus_message_get_sender(message.raw).map { String(cString: $0) }
        let name = String(cString: member)
        var reader = BusReader(message, subject: name)
        do throws(SystemdError) {
            if case .up(let connection) = link, !connection.endpoint.isDirect, sender != ownerName {
                guard sender == "org.freedesktop.DBus", name == "NameOwnerChanged" else { return }
                guard try reader.string() == "org.freedesktop.systemd1" else { return }
                return ownerChanged(from: try reader.string(), to: try reader.string())
            }
            switch name {
            case "JobRemoved": try jobRemoved(&reader)
            case "PropertiesChanged": try propertiesChanged(String(cString: path), &reader)
            case "Reloading":
                let isActive = try reader.bool()
                tell(.reloading(isActive))
                if !isActive { refresh(watches.names) }
            default: return
            }
        } catch {
            logger.warning(
                "signal of systemd cannot be read",
                metadata: ["bus.member": "\(name)", "error.cause": "\(error.message)"])
        }
    }

    private func jobRemoved(_ reader: inout BusReader) throws(SystemdError) {
        _ = try reader.uint32()
        let path = try reader.objectPath()
        let unit = try reader.string()
        let result = JobResult(word: try reader.string())
        watches.jobRemoved(unit)
        let isOurs = jobs.removed(path: path, result: result)
        if isOurs || watches.watches(unit) { tell(.jobRemoved(unit: unit, path: path, result: result)) }
    }

    private static let statusProperties: Set<String> = ["LoadState", "ActiveState", "SubState", "Description", "Job"]

    private func propertiesChanged(_ path: String, _ reader: inout BusReader) throws(SystemdError) {
        guard let unit = UnitPath.unit(at: path), watches.watches(unit) else { return }
        let interface = try reader.string()
        if interface == UnitPath.interface(of: unit) {
            watches.update(unit, RunEnd(try reader.dictionary(wanted: RunEnd.properties)))
        }
        guard interface == "org.freedesktop.systemd1.Unit" else { return }
        let values = try reader.dictionary(wanted: Self.statusProperties)
        // systemd never announces a changed LoadState. A unit that was not loaded and now stirs may have got a file.
        guard var status = watches.known(unit), status.load == "loaded" else { return refresh([unit]) }
        if let text = values["ActiveState"]?.text { status.active = text }
        if let text = values["SubState"]?.text { status.sub = text }
        if case .reference(let id, _)? = values["Job"] {
            status.job = id == 0 ? nil : UnitStatus.Job(id: id, type: nil)
        }
        noticed(status)
    }
}
