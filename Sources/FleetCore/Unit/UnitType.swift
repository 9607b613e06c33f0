// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The types of unit whose names fleet accepts.
///
/// `busname` and `snapshot` are gone from systemd since versions 231 and 228; fleet's clients may still name them.
package enum UnitType: String, Hashable, Sendable, CaseIterable {
    case automount, busname, device, mount, path, scope, service, slice, snapshot, socket, swap, target, timer

    /// Whether a unit of this type may be a template or an instance, by fleet's rule.
    package var allowsInstances: Bool {
        switch self {
        case .path, .service, .socket, .target, .timer: true
        case .automount, .busname, .device, .mount, .scope, .slice, .snapshot, .swap: false
        }
    }
}
