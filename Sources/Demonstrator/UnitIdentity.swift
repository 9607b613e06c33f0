// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FoundationEssentials

/// Who a running unit is and where it runs: all that this version of the demonstrator has to show.
package struct UnitIdentity: Codable, Equatable, Sendable {
    /// The systemd unit's full name, such as `celix@1.service`.
    package var unit: String
    package var kind: UnitKind
    /// The template instance's number; `nil` for provisioning.
    package var instance: Int?
    /// The machine's id as in `/etc/machine-id`.
    package var machineID: String
    package var hostname: String
    /// When this process started, so that a restart can be told from a unit that went on running.
    package var startedAt: Date

    /// Checks that instance and kind fit: agents are numbered from 1, provisioning has no number.
    ///
    /// - Throws: `DemonstratorError` with code `.invalidIdentity`.
    package init(kind: UnitKind, instance: Int?, machineID: String, hostname: String, startedAt: Date)
        throws(DemonstratorError)
    {
        switch (kind, instance) {
        case (.provisioning, nil):
            unit = "provisioning.service"
        case (.provisioning, let number?):
            throw DemonstratorError(
                code: .invalidIdentity, message: "provisioning has no instances, so it cannot be instance \(number)")
        case (_, nil):
            throw DemonstratorError(
                code: .invalidIdentity, message: "a \(kind.rawValue) agent needs the number of its instance")
        case (_, let number?):
            guard number >= 1 else {
                throw DemonstratorError(
                    code: .invalidIdentity, message: "instances are numbered from 1, so there is no instance \(number)")
            }
            unit = "\(kind.rawValue)@\(number).service"
        }
        self.kind = kind
        self.instance = instance
        self.machineID = machineID
        self.hostname = hostname
        self.startedAt = startedAt
    }

    /// The identity as JSON with sorted keys and ISO 8601 times.
    package func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        encoder.dateEncodingStrategy = .iso8601
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
