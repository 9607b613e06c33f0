// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc
package import Systemd

/// A manager of units on the other end of a socketpair: the real wire format, but units that only exist as words.
///
/// It answers what `SystemdManager` asks of systemd. Tests say how: which names are refused, whether jobs end by
/// themselves, whether it answers at all.
package actor FakeSystemd {
    /// How jobs come to an end.
    package enum JobEnd: Sendable {
        /// After the reply, as systemd does it.
        case atOnce
        /// Before the reply, which systemd does for jobs that have nothing to do.
        case beforeReply
        /// When the test calls `finishJob`.
        case whenTold
    }

    private let thread: BusThread
    private let door = Locked(Door())
    private var peer: FakeSystemdPeer?
    private var units: [String: UnitStatus] = [:]
    private var refusals: [String: (name: String, text: String)] = [:]
    private var jobs: [UInt32: (unit: String, active: String, sub: String)] = [:]
    private var nextJob: UInt32 = 1
    private var waiters: [(member: String, continuation: CheckedContinuation<Void, Never>)] = []

    /// Methods that get no answer at all.
    package var silent: Set<String> = []
    package var jobEnd = JobEnd.atOnce
    /// The result that jobs end with when they end by themselves.
    package var jobResult = "done"
    /// Every call as `Method first-argument`, in the order of arrival.
    package private(set) var calls: [String] = []

    private struct Door {
        var isOpen = true
        var knocks = 0
    }

    package nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    package init() throws { thread = try BusThread() }

    deinit { thread.stop() }

    /// A direct way to this manager; every attempt to connect replaces the connection before.
    package nonisolated var endpoint: BusEndpoint {
        BusEndpoint(name: "fake systemd", isDirect: true) { [self] () throws(SystemdError) in try connect() }
    }

    /// How often somebody tried to connect, in vain or not.
    package nonisolated var knocks: Int { door.withLock { $0.knocks } }

    /// With `false`, attempts to connect fail until it is set to `true` again.
    package nonisolated func setDoor(isOpen: Bool) { door.withLock { $0.isOpen = isOpen } }

    private nonisolated func connect() throws(SystemdError) -> Int32 {
        let isOpen = door.withLock { door in
            door.knocks += 1
            return door.isOpen
        }
        var ends: [Int32] = [-1, -1]
        guard isOpen, socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0 else {
            throw SystemdError(code: .unreachable, message: "fake systemd: nobody is at home", isTransient: true)
        }
        let (server, client) = (ends[0], ends[1])
        Task { await self.adopt(server) }
        return client
    }

    private func adopt(_ descriptor: Int32) {
        peer?.close()
        peer = FakeSystemdPeer(descriptor: descriptor) { [weak self] call in
            self?.assumeIsolated { $0.handle(call) }
        }
        thread.serve(peer)
    }

    /// Hangs up, as `systemctl daemon-reexec` does.
    package func hangUp() {
        thread.serve(nil)
        peer?.close()
        peer = nil
    }

    package func setUnit(_ name: String, load: String = "loaded", active: String = "inactive", sub: String = "dead") {
        units[name] = UnitStatus(name: name, load: load, active: active, sub: sub)
    }

    package func refuse(_ unit: String, with name: String, _ text: String) { refusals[unit] = (name, text) }
    package func setSilent(_ members: Set<String>) { silent = members }
    package func setJobEnd(_ end: JobEnd, result: String = "done") {
        jobEnd = end
        jobResult = result
    }

    /// Waits until a method has been called at least once.
    package func called(_ member: String) async {
        if calls.contains(where: { $0.hasPrefix(member) }) { return }
        await withCheckedContinuation { waiters.append((member, $0)) }
    }

    /// Ends a job that waits to be told.
    package func finishJob(_ id: UInt32, result: String) {
        guard let job = jobs.removeValue(forKey: id) else { return }
        change(job.unit, active: result == "done" ? job.active : "failed", sub: result == "done" ? job.sub : "failed")
        peer?.signal("JobRemoved", jobID: id, path: Self.path(id), unit: job.unit, result: result)
    }

    /// Changes a unit's state by itself and announces it.
    package func change(_ unit: String, active: String, sub: String) {
        units[unit, default: UnitStatus(name: unit, load: "loaded", active: "", sub: "")].active = active
        units[unit]?.sub = sub
        peer?.propertiesChanged(UnitPath.path(of: unit), active: active, sub: sub)
    }

    private static func path(_ id: UInt32) -> String { "/org/freedesktop/systemd1/job/\(id)" }

    private func handle(_ call: FakeSystemdPeer.Call) {
        calls.append(call.arguments.first.map { "\(call.member) \($0)" } ?? call.member)
        for waiter in waiters where calls.last?.hasPrefix(waiter.member) == true { waiter.continuation.resume() }
        waiters.removeAll { calls.last?.hasPrefix($0.member) == true }
        if silent.contains(call.member) { return }
        if let unit = call.arguments.first, let refusal = refusals[unit] {
            return call.refuse(refusal.name, refusal.text)
        }
        switch call.member {
        case "StartUnit", "RestartUnit", "ReloadOrRestartUnit": startJob(call, active: "active", sub: "running")
        case "StopUnit": startJob(call, active: "inactive", sub: "dead")
        case "ListUnitsByNames": call.reply(statuses: call.arguments.map { status(of: $0) })
        case "ListUnitsByPatterns":
            call.reply(statuses: units.values.sorted { $0.name < $1.name })
        case "Get": call.reply(text: "value of \(call.arguments.last ?? "")")
        case "Reload":
            peer?.signal("Reloading", isActive: true)
            call.reply()
            peer?.signal("Reloading", isActive: false)
        case "Subscribe", "KillUnit", "ResetFailedUnit", "LoadUnit": call.reply()
        default: call.refuse("org.freedesktop.DBus.Error.UnknownMethod", "no method \(call.member)")
        }
    }

    private func status(of name: String) -> UnitStatus {
        units[name] ?? UnitStatus(name: name, load: "not-found", active: "inactive", sub: "dead")
    }

    private func startJob(_ call: FakeSystemdPeer.Call, active: String, sub: String) {
        let id = nextJob
        nextJob += 1
        jobs[id] = (call.arguments[0], active, sub)
        if case .beforeReply = jobEnd { finishJob(id, result: jobResult) }
        call.reply(path: Self.path(id))
        if case .atOnce = jobEnd { finishJob(id, result: jobResult) }
    }
}
