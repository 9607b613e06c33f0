// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Logging
import Systemd
import TestSupport
import Testing

/// A manager that is connected to a fake systemd, with pauses short enough for tests.
private func connected(
    _ fake: FakeSystemd, configure: (inout SystemdManager.Configuration) -> Void = { _ in }
) async throws -> SystemdManager {
    var configuration = SystemdManager.Configuration()
    configuration.firstPause = .milliseconds(1)
    configuration.longestPause = .milliseconds(20)
    configure(&configuration)
    let manager = try SystemdManager(
        endpoints: [fake.endpoint], configuration: configuration,
        logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await manager.connect()
    return manager
}

@Suite("Manager over a socketpair", .timeLimit(.minutes(1)))
struct SystemdManagerTests {
    @Test("each operation calls its method and answers with the job's result", arguments: UnitOperation.allCases)
    func operation(_ operation: UnitOperation) async throws {
        let fake = try FakeSystemd()
        let manager = try await connected(fake)
        #expect(try await manager.run(operation, "web.service") == .done)
        let method = [
            UnitOperation.start: "StartUnit", .stop: "StopUnit", .restart: "RestartUnit",
            .reloadOrRestart: "ReloadOrRestartUnit",
        ]
        #expect(await fake.calls == ["Subscribe", "\(method[operation] ?? "?") web.service"])
    }

    @Test("every result that systemd knows arrives as itself", arguments: JobResult.allCases)
    func results(_ result: JobResult) async throws {
        let fake = try FakeSystemd()
        await fake.setJobEnd(.atOnce, result: result == .unknown ? "some future word" : result.rawValue)
        let manager = try await connected(fake)
        #expect(try await manager.startUnit("web.service") == result)
    }

    @Test("a job that ends before the reply to its call is not waited for in vain")
    func endBeforeReply() async throws {
        let fake = try FakeSystemd()
        await fake.setJobEnd(.beforeReply)
        let manager = try await connected(fake)
        #expect(try await manager.startUnit("web.service") == .done)
    }

    @Test("a job is handed over when it is queued, and its result is kept until somebody asks")
    func queued() async throws {
        let fake = try FakeSystemd()
        await fake.setJobEnd(.whenTold)
        let manager = try await connected(fake)
        let job = try await manager.queue(.start, "web.service", mode: .replace)
        #expect(job.path == "/org/freedesktop/systemd1/job/1")
        let changes = await manager.changes()
        await fake.finishJob(1, result: "timeout")
        for await change in changes { if case .jobRemoved = change { break } }
        #expect(try await job.result() == .timeout)
        #expect(try await job.result() == .timeout)
    }

    @Test("waiting for a job can be given up")
    func cancelledWait() async throws {
        let fake = try FakeSystemd()
        await fake.setJobEnd(.whenTold)
        let manager = try await connected(fake)
        let job = try await manager.queue(.start, "web.service", mode: .replace)
        let wait = Task { try await job.result() }
        wait.cancel()
        let error = await #expect(throws: SystemdError.self) { try await wait.value }
        #expect(error?.code == .cancelled)
    }

    @Test("a thousand jobs at once all get their own result")
    func thousand() async throws {
        let fake = try FakeSystemd()
        let manager = try await connected(fake)
        let names = (0..<1000).map { "u\($0).service" }
        let done = try await withThrowingTaskGroup(of: String.self) { group in
            for name in names {
                group.addTask {
                    let job = try await manager.queue(.start, name, mode: .replace)
                    guard try await job.result() == .done else { return "" }
                    return job.unit
                }
            }
            var done: Set<String> = []
            for try await name in group { done.insert(name) }
            return done
        }
        #expect(done == Set(names))
    }

    @Test(
        "errors of the wire become codes",
        arguments: [
            ("org.freedesktop.systemd1.NoSuchUnit", SystemdError.Code.noSuchUnit, false),
            ("org.freedesktop.systemd1.UnitMasked", .masked, false),
            ("org.freedesktop.systemd1.BadUnitSetting", .badUnitSetting, false),
            ("org.freedesktop.systemd1.LoadFailed", .loadFailed, false),
            ("org.freedesktop.systemd1.OnlyByDependency", .refused, false),
            ("org.freedesktop.systemd1.TransactionIsDestructive", .conflict, true),
            ("org.freedesktop.systemd1.ShuttingDown", .shuttingDown, true),
            ("org.freedesktop.DBus.Error.AccessDenied", .accessDenied, false),
            ("org.freedesktop.DBus.Error.InvalidArgs", .invalidArgument, false),
            ("org.freedesktop.DBus.Error.FileNotFound", .fileNotFound, false),
            ("org.freedesktop.DBus.Error.LimitsExceeded", .limitExceeded, true),
            ("org.freedesktop.DBus.Error.NoReply", .timedOut, true),
            ("org.example.Whatever", .other, false),
        ])
    func wireErrors(name: String, code: SystemdError.Code, isTransient: Bool) async throws {
        let fake = try FakeSystemd()
        await fake.refuse("web.service", with: name, "it\nis so")
        let manager = try await connected(fake)
        let error = await #expect(throws: SystemdError.self) { try await manager.startUnit("web.service") }
        #expect(
            error
                == SystemdError(
                    code: code, message: "systemd: StartUnit web.service: it is so", isTransient: isTransient,
                    busName: name))
    }

    @Test("a name that D-Bus cannot carry is refused on this side")
    func nulInName() async throws {
        let fake = try FakeSystemd()
        let manager = try await connected(fake)
        let error = await #expect(throws: SystemdError.self) { try await manager.startUnit("a\0b.service") }
        #expect(error?.code == .invalidArgument)
        #expect(await fake.calls == ["Subscribe"])
    }

    @Test("an answer of another type than expected is an error, not a trap")
    func malformed() async throws {
        let fake = try FakeSystemd()
        let manager = try await connected(fake)
        // The fake answers every Get with a string, where NeedDaemonReload is a boolean: read as absent.
        let properties = try await manager.properties(of: "web.service")
        #expect(!properties.needDaemonReload)
        #expect(properties.fragmentPath == "value of FragmentPath")
        #expect(properties.mainPID == nil)
    }

    @Test("a call that gets no answer ends with a transient error")
    func timeout() async throws {
        let fake = try FakeSystemd()
        await fake.setSilent(["KillUnit"])
        // Connecting has to get through in that time, too.
        let manager = try await connected(fake) { $0.callTimeout = .seconds(3) }
        let error = await #expect(throws: SystemdError.self) {
            try await manager.killUnit("web.service", who: .all, signal: 9)
        }
        #expect(error?.code == .timedOut)
        #expect(error?.isTransient == true)
    }

    @Test("when systemd hangs up, calls and jobs under way fail as transient and the connection returns")
    func hangUp() async throws {
        let fake = try FakeSystemd()
        await fake.setJobEnd(.whenTold)
        await fake.setSilent(["KillUnit"])
        let manager = try await connected(fake)
        let changes = await manager.changes()
        let job = try await manager.queue(.start, "web.service", mode: .replace)
        let call = Task {
            try await manager.killUnit("web.service", who: .all, signal: 9)
        }
        await fake.called("KillUnit")
        await fake.hangUp()
        let callError = await #expect(throws: SystemdError.self) { try await call.value }
        let jobError = await #expect(throws: SystemdError.self) { try await job.result() }
        #expect(callError?.code == .disconnected && callError?.isTransient == true)
        #expect(jobError?.code == .disconnected && jobError?.isTransient == true)
        var iterator = changes.makeAsyncIterator()
        guard case .disconnected(let reason)? = await iterator.next() else {
            Issue.record("the loss was not reported first")
            return
        }
        #expect(reason.isTransient)
        #expect(await iterator.next() == .reconnected)
        await fake.setJobEnd(.atOnce)
        #expect(try await manager.startUnit("web.service") == .done)
    }

    @Test("while systemd is away calls fail at once, attempts go on, and changes that were missed are told")
    func away() async throws {
        let fake = try FakeSystemd()
        await fake.setUnit("web.service", active: "active", sub: "running")
        let manager = try await connected(fake)
        let changes = await manager.changes()
        #expect(try await manager.watch(["web.service"]).map(\.active) == ["active"])
        fake.setDoor(isOpen: false)
        let knocks = fake.knocks
        await fake.hangUp()
        var iterator = changes.makeAsyncIterator()
        _ = await iterator.next()
        let error = await #expect(throws: SystemdError.self) { try await manager.startUnit("web.service") }
        #expect(error?.isTransient == true)
        while fake.knocks < knocks + 5 { await Task.yield() }
        await fake.setUnit("web.service", active: "failed", sub: "failed")
        fake.setDoor(isOpen: true)
        #expect(await iterator.next() == .reconnected)
        #expect(
            await iterator.next()
                == .unitChanged(UnitStatus(name: "web.service", load: "loaded", active: "failed", sub: "failed")))
    }

    @Test("the second endpoint is taken when the first does not answer")
    func fallback() async throws {
        let (closed, open) = (try FakeSystemd(), try FakeSystemd())
        closed.setDoor(isOpen: false)
        let manager = try SystemdManager(
            endpoints: [BusEndpoint(path: "/nonexistent/socket", isDirect: true), closed.endpoint, open.endpoint],
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await manager.connect()
        #expect(await open.calls == ["Subscribe"])
    }

    @Test("with no endpoint answering, connect says why and may be called again")
    func refusedThenConnected() async throws {
        let fake = try FakeSystemd()
        fake.setDoor(isOpen: false)
        let manager = try SystemdManager(
            endpoints: [fake.endpoint], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        let error = await #expect(throws: SystemdError.self) { try await manager.connect() }
        #expect(error?.code == .unreachable)
        fake.setDoor(isOpen: true)
        try await manager.connect()
    }

    @Test("changes of watched units are told once, those of others never")
    func watching() async throws {
        let fake = try FakeSystemd()
        await fake.setUnit("web.service")
        await fake.setUnit("other.service")
        let manager = try await connected(fake)
        _ = try await manager.watch(["web.service"])
        let changes = await manager.changes()
        await fake.change("other.service", active: "active", sub: "running")
        await fake.change("web.service", active: "active", sub: "running")
        await fake.change("web.service", active: "active", sub: "running")
        await fake.change("web.service", active: "inactive", sub: "dead")
        var iterator = changes.makeAsyncIterator()
        let first = await iterator.next()
        let second = await iterator.next()
        let states = [first, second].map { change in
            if case .unitChanged(let status)? = change { "\(status.name) \(status.active)" } else { "other" }
        }
        #expect(states == ["web.service active", "web.service inactive"])
    }

    @Test("a reload is told, and what it changed is asked for")
    func reload() async throws {
        let fake = try FakeSystemd()
        let manager = try await connected(fake)
        _ = try await manager.watch(["web.service"])
        let changes = await manager.changes()
        await fake.setUnit("web.service", load: "loaded")
        try await manager.reload()
        var iterator = changes.makeAsyncIterator()
        #expect(await iterator.next() == .reloading(true))
        #expect(await iterator.next() == .reloading(false))
        #expect(
            await iterator.next()
                == .unitChanged(UnitStatus(name: "web.service", load: "loaded", active: "inactive", sub: "dead")))
    }

    @Test("after close, calls fail for good and streams end")
    func close() async throws {
        let fake = try FakeSystemd()
        await fake.setJobEnd(.whenTold)
        let manager = try await connected(fake)
        let changes = await manager.changes()
        let job = try await manager.queue(.start, "web.service", mode: .replace)
        await manager.close()
        for await change in changes { Issue.record("unexpected \(change)") }
        let jobError = await #expect(throws: SystemdError.self) { try await job.result() }
        #expect(jobError?.code == .cancelled)
        let error = await #expect(throws: SystemdError.self) { try await manager.connect() }
        #expect(error?.code == .cancelled)
    }
}
