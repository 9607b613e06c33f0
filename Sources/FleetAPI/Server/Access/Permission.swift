// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

package typealias Permission = API.Permission

extension Permission {
    /// Throws 401 to somebody unknown and 403 to somebody known who may not; neither tells a stranger anything.
    ///
    /// `parameters` are the path's open segments.
    func check(_ caller: Caller, _ parameters: [String]) throws(ServerFailure) {
        if self == .none { return }
        if caller.isUnread {
            throw .unavailable(
                "it has not been read since this machine's agent began, so that no certificate can be judged;"
                    + " ask another machine, or try again when etcd answers")
        }
        switch (caller.identity, self) {
        case (.unknown, _):
            throw ServerFailure(
                401, caller.refusal ?? "a certificate of this cluster is needed; see cluster-manager user add --help")
        case (.user(let role), .role(let needed)) where role >= needed: return
        case (.user, .userItself):
            guard let name = parameters.first, caller.name == "user:\(name)" else {
                throw ServerFailure(403, "a user speaks only for itself")
            }
            return
        case (.user(.admin), _): return
        case (.machine, .machine): return
        case (.machine(let id), .machineItself) where parameters.first == id: return
        case (.user(let role), .role(let needed)):
            throw ServerFailure(403, "\(caller.name) has role \(role.rawValue); this needs role \(needed.rawValue)")
        case (.user, _): throw ServerFailure(403, "only machines and administrators may ask for this")
        case (.machine, .machineItself): throw ServerFailure(403, "a machine speaks only for itself")
        case (.machine, _): throw ServerFailure(403, "machines may not ask for this")
        }
    }
}
