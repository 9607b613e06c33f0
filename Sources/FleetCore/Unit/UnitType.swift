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

    /// Whether systemd gives a unit of this type further names (`unit_type_may_alias`).
    package var allowsAliases: Bool {
        switch self {
        case .device, .path, .service, .socket, .target, .timer: true
        case .automount, .busname, .mount, .scope, .slice, .snapshot, .swap: false
        }
    }

    /// Why systemd loads no unit of this type from a file; `nil` for the types that it does load.
    ///
    /// fleet stores such units and its agents then pass them over, without a word.
    package var unloadable: String? {
        switch self {
        case .scope: "a scope is made for processes that run already, never from a file; use a .service"
        case .snapshot: "systemd has had no snapshots since version 228"
        case .busname: "systemd has had no bus names since version 231; use Type=dbus in a .service"
        case .automount, .device, .mount, .path, .service, .slice, .socket, .swap, .target, .timer: nil
        }
    }
}
