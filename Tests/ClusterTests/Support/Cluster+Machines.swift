// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport

extension Cluster {
    /// A line of the table of machines.
    struct Machine: Sendable {
        /// Such as `worker-2`.
        var name: String
        /// First eight digits of its id.
        var id: String
        var address: String
        /// `up`, `down` or `cut`.
        var condition: String
        /// `healthy`, or what its systemd says of the agent.
        var agent: String

        /// How the command line writes it in a column.
        var target: String { "\(id).../\(address)" }
    }

    /// Every machine that was ever booted, as the local cluster itself sees it.
    func machines() async throws -> [Machine] {
        try await control("status").compactMap { line in
            let columns = line.split(separator: " ").map(String.init)
            guard columns.count >= 5, columns[0].hasPrefix("worker-") else { return nil }
            return Machine(
                name: columns[0], id: columns[1], address: columns[2], condition: columns[3], agent: columns[4])
        }
    }

    /// The machine of that name.
    func machine(_ name: String) async throws -> Machine {
        guard let machine = try await machines().first(where: { $0.name == name }) else {
            throw ClusterFailure("no machine \(name)")
        }
        return machine
    }

    /// Addresses of the machines that users see, sorted.
    func visibleAddresses() async throws -> [String] {
        try await manage("list-machines", "--no-legend", "--fields", "ip").sorted()
    }

    /// The machine whose agent leads.
    func leader() async throws -> Machine {
        let record = try await storeValue("leader")
        let all = try await machines()
        guard let leader = all.first(where: { record.contains("\"\($0.id)") }) else {
            throw ClusterFailure("the leader's record names no machine: \(record)")
        }
        return leader
    }

    /// Waits until a machine's agent says so to its systemd, at the beginning of what it says.
    func untilTold(_ words: String, on machine: String) async throws {
        try await until("\(machine) says: \(words)") {
            try await inside(machine, "systemctl show --property=StatusText --value node-agent.service")
                .joined().hasPrefix(words)
        }
    }

    /// Main process of a machine's agent; 0 when it has none.
    func agentProcess(_ machine: String) async throws -> Int {
        let text = try await inside(machine, "systemctl show --property=MainPID --value node-agent.service")
        return text.first.flatMap { Int($0) } ?? 0
    }

    /// Waits until a machine has another agent than the one whose main process was `former`.
    func untilAnotherAgent(_ machine: String, than former: Int) async throws {
        try await until("another agent runs on \(machine)") {
            let now = try await agentProcess(machine)
            return now != 0 && now != former
        }
    }

    /// Waits until the store knows all machines and no units, which run nowhere: the sign that a test left nothing behind.
    ///
    /// - Throws: `ClusterFailure` with what is too much or missing, when patience ends.
    func untilIdle(within patience: Duration) async throws {
        // Who belongs, what was done and how far the store has come outlast every test; unused files go every ten seconds.
        let lasting: Set<Substring> = [
            "aliases", "identities", "authorities", "events", "tokens", "mark", "seen", "files", "operations",
        ]
        try await until("the cluster is idle", within: patience) {
            let keys = try await storeKeys("").filter { !lasting.contains($0.prefix { $0 != "/" }) }
            let records = keys.filter { $0 == "leader" || $0.hasPrefix("machines/") }
            let running = records.count == machineCount + 1 ? try await processes() : [:]
            guard keys == records, records.count == machineCount + 1, running.isEmpty else {
                throw ClusterFailure("the store has \(keys), and there run \(running)")
            }
            return true
        }
    }

    /// Waits until the leader has deleted the files of units that are gone; from then on only users change an idle store.
    func untilSwept() async throws {
        try await until("unused unit files are deleted") { try await storeKeys("files/").isEmpty }
    }

    /// Destroys what the test before left running; enough, and quicker than `mend`, when all machines are there.
    ///
    /// - Returns: Whether the cluster was whole, and so is idle now.
    func clear() async throws -> Bool {
        guard try await storeKeys("machines/").count == machineCount else { return false }
        let leftOver = try await storeKeys("units/")
        if !leftOver.isEmpty { try await manage(["destroy"] + leftOver) }
        for id in try await manage("operation", "list", "--no-legend", "--fields", "id") {
            _ = try await manager("operation", "abort", id)
        }
        try await untilIdle(within: .seconds(60))
        return true
    }

    /// Leaves no room in a machine's `/run`.
    func fillRuntimeFolder(of machine: String) async throws {
        try await inside(
            machine,
            "mount -o remount,size=$(($(df --output=used -B1 /run | tail -n 1) + 8192)) /run; "
                + "dd if=/dev/zero of=/run/full bs=4k 2>/dev/null || true")
    }

    /// Undoes `fillRuntimeFolder`.
    func emptyRuntimeFolder(of machine: String) async throws {
        try await inside(machine, "! test -e /run/full || { rm /run/full; mount -o remount,size=20% /run; }")
    }

    /// Brings the cluster back to its machines, all up and healthy, without any unit, whatever happened to it.
    func mend() async throws {
        try await control("etcd", "start")
        for machine in try await machines() {
            if machine.condition == "cut" { try await control("heal", machine.name) }
            if machine.condition != "down" { try await emptyRuntimeFolder(of: machine.name) }
            if machine.condition != "down", machine.agent != "healthy" {
                try await inside(machine.name, "systemctl kill --signal=CONT node-agent; systemctl start node-agent")
            }
        }
        // Boots what is missing and waits until all have joined.
        try await control("up", "\(machineCount)")
        let leftOver = try await storeKeys("units/")
        if !leftOver.isEmpty { _ = try await manager(["destroy"] + leftOver) }
        for machine in try await machines().dropFirst(machineCount) where machine.condition != "down" {
            try await control("shutdown", machine.name)
        }
        try await untilIdle(within: .seconds(120))
    }

    /// What the machines' journals say of agent, guard and units.
    func journals() async throws -> String {
        var text = ""
        for machine in try await machines() {
            text += "==== \(machine.name) (\(machine.id), \(machine.address), \(machine.condition), \(machine.agent))\n"
            guard machine.condition != "down" else { continue }
            let journal = try await attempt(
                in: machine.name, "journalctl", "--no-pager", "--output=short-monotonic", "--lines=120")
            text += journal.output
        }
        return text
    }
}
