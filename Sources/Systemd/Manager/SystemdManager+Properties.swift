// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension SystemdManager {
    private static let unitProperties: [String] = [
        "NeedDaemonReload", "FragmentPath", "ActiveEnterTimestamp", "InactiveExitTimestamp", "StateChangeTimestamp",
        "InvocationID",
    ]

    /// Properties of the interface that goes with the unit's type, as far as the type has them.
    private static let typeProperties: [String: (interface: String, names: [String])] = [
        "service": ("Service", ["MainPID", "Result", "ExecMainStatus", "ControlGroup"]),
        "socket": ("Socket", ["Result", "ControlGroup"]),
        "mount": ("Mount", ["Result", "ControlGroup"]),
        "swap": ("Swap", ["Result", "ControlGroup"]),
        "scope": ("Scope", ["Result", "ControlGroup"]),
        "slice": ("Slice", ["ControlGroup"]),
        "timer": ("Timer", ["Result"]),
        "path": ("Path", ["Result"]),
        "automount": ("Automount", ["Result"]),
    ]

    package func properties(of name: String) async throws(SystemdError) -> UnitProperties {
        // One Get each, all under way at once: GetAll computes more than 100 properties, some from the kernel.
        let path = UnitPath.path(of: name)
        var requests = Self.unitProperties.map {
            BusRequest.property(path: path, interface: "org.freedesktop.systemd1.Unit", name: $0)
        }
        let type = name.split(separator: ".").last.map { String($0) } ?? ""
        if let (interface, names) = Self.typeProperties[type] {
            requests += names.map {
                .property(path: path, interface: "org.freedesktop.systemd1." + interface, name: $0)
            }
        }
        let values = try await get(requests, subject: "properties of \(name)")
        let id = values["InvocationID"]?.bytes ?? []
        return UnitProperties(
            name: name,
            needDaemonReload: values["NeedDaemonReload"]?.flag ?? false,
            fragmentPath: values["FragmentPath"]?.text.flatMap { $0.isEmpty ? nil : $0 },
            controlGroup: values["ControlGroup"]?.text.flatMap { $0.isEmpty ? nil : $0 },
            mainPID: values["MainPID"]?.number.flatMap { $0 == 0 ? nil : Int32(clamping: $0) },
            activeEnter: Self.time(values["ActiveEnterTimestamp"]),
            inactiveExit: Self.time(values["InactiveExitTimestamp"]),
            stateChange: Self.time(values["StateChangeTimestamp"]),
            result: values["Result"]?.text,
            execMainStatus: values["ExecMainStatus"]?.signed,
            invocationID: id.isEmpty ? nil : Self.hex(id))
    }

    /// Collects replies until the last one is there; the first error wins.
    private final class Collector {
        var values: [String: BusValue] = [:]
        var failure: SystemdError?
        var missing: Int

        init(missing: Int) { self.missing = missing }
    }

    private func get(
        _ requests: [BusRequest], subject: String
    ) async throws(SystemdError) -> [String: BusValue] {
        let result = await withCheckedContinuation {
            (continuation: CheckedContinuation<Result<[String: BusValue], SystemdError>, Never>) in
            let collector = Collector(missing: requests.count)
            for request in requests {
                submit(request) { reply in
                    let value = Self.decode(reply, subject) { reader throws(SystemdError) in try reader.variant() }
                    switch value {
                    case .success(let value):
                        if case .string(let name)? = request.arguments.last { collector.values[name] = value }
                    case .failure(let error): collector.failure = collector.failure ?? error
                    }
                    collector.missing -= 1
                    guard collector.missing == 0 else { return }
                    continuation.resume(returning: collector.failure.map { .failure($0) } ?? .success(collector.values))
                }
            }
        }
        return try result.get()
    }

    private static func time(_ value: BusValue?) -> UInt64? { value?.number.flatMap { $0 == 0 ? nil : $0 } }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
