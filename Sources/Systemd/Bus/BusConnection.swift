// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc

/// One sd-bus connection and the calls that are under way on it; used on the bus thread only.
///
/// Sendable for the reason given at `BusMessage`.
final class BusConnection: BusSource, @unchecked Sendable {
    typealias Completion = (Result<BusMessage, SystemdError>) -> Void

    /// What a call's reply finds its way back with.
    private final class PendingCall {
        unowned let connection: BusConnection
        let completion: Completion

        init(connection: BusConnection, completion: @escaping Completion) {
            self.connection = connection
            self.completion = completion
        }
    }

    /// How many calls may be unanswered at once.
    ///
    /// dbus-daemon refuses the 129th by default (`max_replies_per_connection`), so the brokered figure leaves it room.
    /// systemd alone sets no limit; there it only bounds the memory that its queue of replies takes.
    private let window: Int
    private let timeout: UInt64
    private var bus: OpaquePointer?
    private var pending: [ObjectIdentifier: (call: PendingCall, subject: String)] = [:]
    private var queued: [(request: BusRequest, completion: Completion)] = []
    private var firstQueued = 0
    private var filter: OpaquePointer?

    let endpoint: BusEndpoint
    /// Receives every signal; the message is valid during the call only.
    var onSignal: ((BusMessage) -> Void)?
    /// Told once, after every call under way has failed, when the other side went away; not after `close()`.
    var onLoss: ((SystemdError) -> Void)?

    /// Starts to connect; calls may be made at once and travel as soon as the login is through.
    ///
    /// - Parameters:
    ///   - endpoint: Where to connect.
    ///   - timeout: How long each call may take, in microseconds.
    /// - Throws: `unreachable`, `accessDenied` or another code when not even a connection can be begun.
    init(_ endpoint: BusEndpoint, timeout: UInt64) throws(SystemdError) {
        self.endpoint = endpoint
        self.timeout = timeout
        window = endpoint.isDirect ? 4096 : 100
        let subject = "cannot connect to \(endpoint)"
        let status: Int32
        switch endpoint.target {
        case .address(let address): status = flt_bus_open(&bus, address, endpoint.isDirect ? 1 : 0)
        case .socket(let opener): status = flt_bus_open_fd(&bus, try opener(), endpoint.isDirect ? 1 : 0)
        }
        guard status >= 0 else { throw SystemdError(errno: status, subject: subject) }
        let context = Unmanaged.passUnretained(self).toOpaque()
        let filtered = sd_bus_add_filter(bus, &filter, Self.signalArrived, context)
        guard filtered >= 0 else {
            close()
            throw SystemdError(errno: filtered, subject: subject)
        }
    }

    deinit { close() }

    var isOpen: Bool { bus != nil }

    /// Sends a call, or queues it while the window is full.
    ///
    /// - Parameters:
    ///   - request: What to call.
    ///   - completion: Called exactly once, on this thread: with the reply, valid during the call only, or an error.
    func call(_ request: BusRequest, completion: @escaping Completion) {
        guard bus != nil else { return completion(.failure(Self.downError(request.subject))) }
        if pending.count >= window {
            queued.append((request, completion))
        } else {
            send(request, completion)
        }
    }

    private func send(_ request: BusRequest, _ completion: @escaping Completion) {
        let call = PendingCall(connection: self, completion: completion)
        do throws(SystemdError) {
            guard let bus else { throw Self.downError(request.subject) }
            let message = try request.message(on: bus)
            defer { sd_bus_message_unref(message) }
            let context = Unmanaged.passUnretained(call).toOpaque()
            let status = sd_bus_call_async(bus, nil, message, Self.replyArrived, context, timeout)
            guard status >= 0 else { throw SystemdError(errno: status, subject: request.subject) }
            pending[ObjectIdentifier(call)] = (call, request.subject)
        } catch {
            completion(.failure(error))
        }
    }

    private static let replyArrived: sd_bus_message_handler_t = { message, context, _ in
        guard let message, let context else { return 0 }
        let call = Unmanaged<PendingCall>.fromOpaque(context).takeUnretainedValue()
        call.connection.finish(call, message)
        return 0
    }

    private static let signalArrived: sd_bus_message_handler_t = { message, context, _ in
        guard let message, let context else { return 0 }
        var type: UInt8 = 0
        guard sd_bus_message_get_type(message, &type) >= 0, type == UInt8(SD_BUS_MESSAGE_SIGNAL) else { return 0 }
        Unmanaged<BusConnection>.fromOpaque(context).takeUnretainedValue().onSignal?(BusMessage(raw: message))
        return 0
    }

    private func finish(_ call: PendingCall, _ message: OpaquePointer) {
        guard let entry = pending.removeValue(forKey: ObjectIdentifier(call)) else { return }
        if let error = sd_bus_message_get_error(message) {
            let name = error.pointee.name.map { String(cString: $0) } ?? ""
            let text = error.pointee.message.map { String(cString: $0) } ?? ""
            call.completion(.failure(SystemdError(busName: name, text: text, subject: entry.subject)))
        } else {
            call.completion(.success(BusMessage(raw: message)))
        }
        sendQueued()
    }

    private func sendQueued() {
        while pending.count < window, firstQueued < queued.count {
            let (request, completion) = queued[firstQueued]
            firstQueued += 1
            send(request, completion)
        }
        // Compacting only now and then keeps taking from the front cheap.
        if firstQueued == queued.count {
            queued.removeAll()
            firstQueued = 0
        } else if firstQueued > 1024 {
            queued.removeFirst(firstQueued)
            firstQueued = 0
        }
    }

    func pump() {
        while let bus {
            let status = sd_bus_process(bus, nil)
            guard self.bus != nil else { return }
            if status < 0 || sd_bus_is_open(bus) <= 0 {
                let number = status < 0 ? status : -ECONNRESET
                return lose(SystemdError(errno: number, subject: "connection to \(endpoint) was lost"))
            }
            if status == 0 { return }
        }
    }

    func interest() -> BusInterest? {
        guard let bus else { return nil }
        let descriptor = sd_bus_get_fd(bus)
        let events = sd_bus_get_events(bus)
        var deadline = UInt64.max
        let timed = sd_bus_get_timeout(bus, &deadline)
        guard descriptor >= 0, events >= 0, timed >= 0 else {
            // The connection broke between pump and here. Pumping at once reports it.
            return BusInterest(descriptor: -1, events: 0, deadline: 0)
        }
        return BusInterest(
            descriptor: descriptor, events: Int16(truncatingIfNeeded: events),
            deadline: deadline == .max ? nil : deadline)
    }

    func close() { shut(with: Self.downError("connection to \(endpoint)")) }

    private func lose(_ error: SystemdError) {
        let onLoss = onLoss
        shut(with: error)
        onLoss?(error)
    }

    /// Frees the connection first, so that no callback can come while the calls are failed.
    private func shut(with error: SystemdError) {
        guard let bus else { return }
        self.bus = nil
        onSignal = nil
        onLoss = nil
        sd_bus_slot_unref(filter)
        filter = nil
        sd_bus_close_unref(bus)
        let calls = pending.values.map { ($0.call.completion, $0.subject) }
        let waiting = queued[firstQueued...].map { ($0.completion, $0.request.subject) }
        pending.removeAll()
        queued.removeAll()
        firstQueued = 0
        for (completion, subject) in calls + waiting {
            var failure = error
            failure.code = error.code == .accessDenied ? .accessDenied : .disconnected
            failure.isTransient = failure.code == .disconnected
            failure.message = "systemd: \(subject): not answered, for the connection ended"
            completion(.failure(failure))
        }
    }

    private static func downError(_ subject: String) -> SystemdError {
        SystemdError(
            code: .disconnected, message: "systemd: \(subject): there is no connection just now, try again later",
            isTransient: true)
    }
}
