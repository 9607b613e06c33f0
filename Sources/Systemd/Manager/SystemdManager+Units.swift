// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension SystemdManager {
    package func linkUnitFiles(
        _ paths: [String], runtime: Bool, force: Bool
    ) async throws(SystemdError) -> [UnitFileChange] {
        try await call(
            .manager("LinkUnitFiles", .strings(paths), .bool(runtime), .bool(force)), Self.readFileChanges)
    }

    /// Makes the links that the files' `[Install]` sections ask for; `files` are names or absolute paths.
    package func enableUnitFiles(
        _ files: [String], runtime: Bool, force: Bool
    ) async throws(SystemdError) -> [UnitFileChange] {
        try await call(.manager("EnableUnitFiles", .strings(files), .bool(runtime), .bool(force))) {
            reader throws(SystemdError) in
            // Whether the files had any [Install] section; fleet's units have none, and that is no fault.
            _ = try reader.bool()
            return try Self.readFileChanges(&reader)
        }
    }

    package func loadUnit(_ name: String) async throws(SystemdError) {
        try await call(.manager("LoadUnit", .string(name)))
    }

    package func queue(
        _ operation: UnitOperation, _ name: String, mode: JobMode
    ) async throws(SystemdError) -> UnitJob {
        await jobAdmission(operation)
        let request = BusRequest.manager(operation.method, .string(name), .string(mode.rawValue))
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<UnitJob, SystemdError>, Never>) in
            jobs.callSent()
            submit(request) { [weak self] reply in
                let outcome = JobOutcome()
                let path = Self.decode(reply, request.subject) { reader throws(SystemdError) in
                    try reader.objectPath()
                }
                // Here and not after the continuation: the job's end may be the very next message.
                self?.assumeIsolated { $0.jobs.callAnswered(path: try? path.get(), outcome: outcome) }
                continuation.resume(returning: path.map { UnitJob(unit: name, path: $0, outcome: outcome) })
            }
        }
        return try result.get()
    }

    /// Waits until systemd can stand one more job.
    ///
    /// systemd asks the broker for a match rule per job, to learn when the job's caller goes away. Beyond 512 rules
    /// dbus-daemon refuses, and systemd 252 then drops its own connection (seen on a real machine with 600 jobs). Stops
    /// have room of their own, since starts that never end may fill the rest. Direct connections know no such limit.
    private func jobAdmission(_ operation: UnitOperation) async {
        let limit = operation == .stop ? 450 : 300
        guard let connection, !connection.endpoint.isDirect, jobs.count >= limit else { return }
        await withCheckedContinuation { jobQueue.append((limit, $0)) }
        admitted -= 1
    }

    /// Lets waiting calls go on, as many as there is room for.
    func admitJobs() {
        guard !jobQueue.isEmpty else { return }
        var taken = jobs.count + admitted
        var rest: [(limit: Int, continuation: CheckedContinuation<Void, Never>)] = []
        for entry in jobQueue {
            // Without a connection nothing would ever make room; the calls fail on their own.
            if taken < entry.limit || connection == nil {
                entry.continuation.resume()
                admitted += 1
                taken += 1
            } else {
                rest.append(entry)
            }
        }
        jobQueue = rest
    }

    package func killUnit(_ name: String, who: KillTarget, signal: Int32) async throws(SystemdError) {
        try await call(.manager("KillUnit", .string(name), .string(who.rawValue), .int32(signal)))
    }

    package func resetFailedUnit(_ name: String) async throws(SystemdError) {
        try await call(.manager("ResetFailedUnit", .string(name)))
    }

    /// Restarts the machine in order; returns when systemd has taken it up.
    ///
    /// The manager's own method Reboot would not wait for units to stop; the target does.
    package func reboot() async throws(SystemdError) {
        _ = try await queue(.start, "reboot.target", mode: .replaceIrreversibly)
    }

    package func reload() async throws(SystemdError) { try await call(.manager("Reload")) }

    package func listUnits(patterns: [String]) async throws(SystemdError) -> [UnitStatus] {
        try await call(
            .manager("ListUnitsByPatterns", .strings([]), .strings(patterns)), Self.readStatuses)
    }

    package func listUnits(names: [String]) async throws(SystemdError) -> [UnitStatus] {
        try await call(.manager("ListUnitsByNames", .strings(names)), Self.readStatuses)
    }

    static func readStatuses(_ reader: inout BusReader) throws(SystemdError) -> [UnitStatus] {
        try reader.array(of: "(ssssssouso)") { reader throws(SystemdError) in
            try reader.structure("ssssssouso") { reader throws(SystemdError) in
                let name = try reader.string()
                let description = try reader.string()
                var status = UnitStatus(
                    name: name, load: try reader.string(), active: try reader.string(), sub: try reader.string(),
                    description: description)
                try reader.skip("so")
                let id = try reader.uint32()
                let type = try reader.string()
                try reader.skip("o")
                if id != 0 { status.job = UnitStatus.Job(id: id, type: type) }
                return status
            }
        }
    }

    private static func readFileChanges(_ reader: inout BusReader) throws(SystemdError) -> [UnitFileChange] {
        try reader.array(of: "(sss)") { reader throws(SystemdError) in
            try reader.structure("sss") { reader throws(SystemdError) in
                UnitFileChange(type: try reader.string(), path: try reader.string(), target: try reader.string())
            }
        }
    }
}
