// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd
import Glibc
internal import Systemd

/// The server's end of one connection to `FakeSystemd`: messages in and out, no behaviour.
final class FakeSystemdPeer: BusSource {
    /// A method call that waits for its answer.
    struct Call: @unchecked Sendable {
        let message: OpaquePointer
        let member: String
        /// The strings among the arguments, arrays of strings flattened.
        let arguments: [String]

        func reply() { send { _ in } }

        func reply(path: String) { send { FakeSystemdPeer.append(path, SD_BUS_TYPE_OBJECT_PATH, to: $0) } }

        func reply(text: String) {
            send { reply in
                sd_bus_message_open_container(reply, CChar(SD_BUS_TYPE_VARIANT), "s")
                FakeSystemdPeer.append(text, SD_BUS_TYPE_STRING, to: reply)
                sd_bus_message_close_container(reply)
            }
        }

        func reply(statuses: [UnitStatus]) {
            send { reply in
                sd_bus_message_open_container(reply, CChar(SD_BUS_TYPE_ARRAY), "(ssssssouso)")
                for status in statuses {
                    sd_bus_message_open_container(reply, CChar(SD_BUS_TYPE_STRUCT), "ssssssouso")
                    for text in [status.name, status.description, status.load, status.active, status.sub, ""] {
                        FakeSystemdPeer.append(text, SD_BUS_TYPE_STRING, to: reply)
                    }
                    FakeSystemdPeer.append(UnitPath.path(of: status.name), SD_BUS_TYPE_OBJECT_PATH, to: reply)
                    var job = status.job?.id ?? 0
                    sd_bus_message_append_basic(reply, CChar(SD_BUS_TYPE_UINT32), &job)
                    FakeSystemdPeer.append(status.job?.type ?? "", SD_BUS_TYPE_STRING, to: reply)
                    FakeSystemdPeer.append("/", SD_BUS_TYPE_OBJECT_PATH, to: reply)
                    sd_bus_message_close_container(reply)
                }
                sd_bus_message_close_container(reply)
            }
        }

        func refuse(_ name: String, _ text: String) { flt_bus_reply_error(message, name, text) }

        private func send(_ fill: (OpaquePointer) -> Void) {
            var reply: OpaquePointer?
            guard sd_bus_message_new_method_return(message, &reply) >= 0, let reply else { return }
            fill(reply)
            sd_bus_message_send(reply)
            sd_bus_message_unref(reply)
        }
    }

    private var bus: OpaquePointer?
    private let handler: (Call) -> Void

    /// Takes over the descriptor.
    init(descriptor: Int32, handler: @escaping (Call) -> Void) {
        self.handler = handler
        guard flt_bus_open_server(&bus, descriptor) >= 0 else { return }
        let context = Unmanaged.passUnretained(self).toOpaque()
        sd_bus_add_filter(bus, nil, Self.arrived, context)
    }

    deinit { close() }

    private static let arrived: sd_bus_message_handler_t = { message, context, _ in
        guard let message, let context else { return 0 }
        var type: UInt8 = 0
        sd_bus_message_get_type(message, &type)
        guard type == UInt8(SD_BUS_MESSAGE_METHOD_CALL), let member = sd_bus_message_get_member(message) else {
            return 0
        }
        let call = Call(
            message: message, member: String(cString: member), arguments: FakeSystemdPeer.strings(in: message))
        Unmanaged<FakeSystemdPeer>.fromOpaque(context).takeUnretainedValue().handler(call)
        return 1
    }

    private static func strings(in message: OpaquePointer) -> [String] {
        var strings: [String] = []
        var type: CChar = 0
        var contents: UnsafePointer<CChar>?
        while sd_bus_message_peek_type(message, &type, &contents) > 0 {
            switch Int(type) {
            case SD_BUS_TYPE_STRING:
                var text: UnsafePointer<CChar>?
                sd_bus_message_read_basic(message, type, &text)
                if let text { strings.append(String(cString: text)) }
            case SD_BUS_TYPE_ARRAY:
                sd_bus_message_enter_container(message, type, contents)
                strings += Self.strings(in: message)
                sd_bus_message_exit_container(message)
            default: sd_bus_message_skip(message, nil)
            }
        }
        return strings
    }

    static func append(_ text: String, _ type: Int, to message: OpaquePointer) {
        text.withCString { _ = sd_bus_message_append_basic(message, CChar(type), $0) }
    }

    func signal(_ member: String, jobID: UInt32, path: String, unit: String, result: String) {
        emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", member) { signal in
            var id = jobID
            sd_bus_message_append_basic(signal, CChar(SD_BUS_TYPE_UINT32), &id)
            Self.append(path, SD_BUS_TYPE_OBJECT_PATH, to: signal)
            Self.append(unit, SD_BUS_TYPE_STRING, to: signal)
            Self.append(result, SD_BUS_TYPE_STRING, to: signal)
        }
    }

    func signal(_ member: String, isActive: Bool) {
        emit("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", member) { signal in
            var flag: Int32 = isActive ? 1 : 0
            sd_bus_message_append_basic(signal, CChar(SD_BUS_TYPE_BOOLEAN), &flag)
        }
    }

    func propertiesChanged(_ path: String, active: String, sub: String) {
        emit(path, "org.freedesktop.DBus.Properties", "PropertiesChanged") { signal in
            Self.append("org.freedesktop.systemd1.Unit", SD_BUS_TYPE_STRING, to: signal)
            sd_bus_message_open_container(signal, CChar(SD_BUS_TYPE_ARRAY), "{sv}")
            for (name, text) in [("ActiveState", active), ("SubState", sub)] {
                sd_bus_message_open_container(signal, CChar(SD_BUS_TYPE_DICT_ENTRY), "sv")
                Self.append(name, SD_BUS_TYPE_STRING, to: signal)
                sd_bus_message_open_container(signal, CChar(SD_BUS_TYPE_VARIANT), "s")
                Self.append(text, SD_BUS_TYPE_STRING, to: signal)
                sd_bus_message_close_container(signal)
                sd_bus_message_close_container(signal)
            }
            sd_bus_message_close_container(signal)
            // Names of properties that changed without telling their value: none.
            sd_bus_message_open_container(signal, CChar(SD_BUS_TYPE_ARRAY), "s")
            sd_bus_message_close_container(signal)
        }
    }

    private func emit(_ path: String, _ interface: String, _ member: String, _ fill: (OpaquePointer) -> Void) {
        var signal: OpaquePointer?
        guard let bus, sd_bus_message_new_signal(bus, &signal, path, interface, member) >= 0, let signal else { return }
        fill(signal)
        sd_bus_send(bus, signal, nil)
        sd_bus_message_unref(signal)
    }

    func pump() {
        while let bus, sd_bus_process(bus, nil) > 0 {}
        // A peer that hung up would otherwise keep poll(2) busy.
        if let bus, sd_bus_is_open(bus) <= 0 { close() }
    }

    func interest() -> BusInterest? {
        guard let bus else { return nil }
        var deadline = UInt64.max
        sd_bus_get_timeout(bus, &deadline)
        return BusInterest(
            descriptor: sd_bus_get_fd(bus), events: Int16(truncatingIfNeeded: sd_bus_get_events(bus)),
            deadline: deadline == .max ? nil : deadline)
    }

    func close() {
        guard let bus else { return }
        self.bus = nil
        sd_bus_flush_close_unref(bus)
    }
}
