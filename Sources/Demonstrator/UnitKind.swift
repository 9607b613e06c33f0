// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What an INAETICS unit is, as its template's name says.
package enum UnitKind: String, CaseIterable, Codable, Hashable, Sendable {
    /// An agent for the parts written in C, from `celix@.service`.
    case celix
    /// An agent for the parts written in Java, from `felix@.service`.
    case felix
    /// The server that tells the agents what to run, from `provisioning.service`; there is one, so it has no number.
    case provisioning

    /// The port it serves on in the seed documents; Felix and provisioning share one, which is why they conflict.
    package var usualPort: Int {
        switch self {
        case .celix: 9999
        case .felix, .provisioning: 8080
        }
    }
}
