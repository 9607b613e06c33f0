// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// How one program logs in to etcd.
package struct StoreLogin: Hashable, Sendable, CustomStringConvertible, CustomDebugStringConvertible {
    package let user: String
    package let password: String

    package init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    /// Never shows the password.
    package var description: String { "login of etcd user \(user)" }
    package var debugDescription: String { description }
}

/// Makes etcd give every machine of a cluster its own user, with rights to its own keys only.
///
/// It works as etcd's user `root`, so it belongs where the cluster's authority lives, and nowhere else. Everything here may be
/// repeated: each function makes things as they shall be, whatever was there before.
///
/// What etcd does not let us prevent: whoever reaches it may renew any lease whose number he knows, and a watch that stands
/// when its user is dismissed goes on until its connection ends. Before 3.4.42, 3.5.28 and 3.6.9 it takes a watch "from this key to the end"
/// for a watch of the one key when it looks at rights (GHSA-xg4h-6gfc-h4m8), and looks at none within two transactions
/// (GHSA-rfx7-8w68-q57q). So a machine that is trusted less has no user and goes through a gate; one that has joined before there were
/// gates keeps its own. And `results/` has no owner in its keys, so a machine can claim that a unit that runs once has ended.
package struct StoreAccess: Sendable {
    package let etcd: EtcdClient
    package let keys: RegistryKeys
    private let rootPassword: String

    /// - Parameters:
    ///   - etcd: Where etcd is; a user and password in it are replaced.
    ///   - rootPassword: Password of etcd's user `root`: the present one where logins are on, else the one to be.
    ///   - cluster: Whose keys the rights are for.
    /// - Throws: `.invalidRequest` when the configuration makes no sense.
    package init(_ etcd: EtcdConfiguration, rootPassword: String, cluster: ClusterName) throws(EtcdError) {
        var configuration = etcd
        configuration.user = Self.root
        configuration.password = rootPassword
        self.etcd = try EtcdClient(configuration)
        self.rootPassword = rootPassword
        keys = RegistryKeys(cluster: cluster)
    }

    static let root = "root"

    /// The role of machines that host the engine or the API: everything of this cluster, nothing else.
    package static func managerRole(of cluster: ClusterName) -> String { "flotilla-\(cluster)-manager" }

    /// The name of a machine's user and of its role.
    package static func user(of machine: MachineID, in cluster: ClusterName) -> String {
        "flotilla-\(cluster)-machine-\(machine.rawValue)"
    }

    // MARK: The cluster

    /// Makes root and the managers' role, and turns etcd's logins on.
    ///
    /// From then on nobody gets in without a login: whatever else uses this etcd, and agents that were not admitted, are
    /// shut out.
    ///
    /// - Throws: `.loginRefused` when logins are on and root has another password.
    package func prepare() async throws(EtcdError) {
        if try await etcd.isAuthEnabled() {
            try await setRights([EtcdPermission(.readWrite, keys.everything)], of: Self.managerRole(of: keys.cluster))
            return
        }
        if try await !etcd.addUser(Self.root, password: rootPassword) {
            // Left by an attempt that did not get as far as turning logins on, or by an operator who turned them off.
            try await etcd.changePassword(of: Self.root, to: rootPassword)
        }
        try await etcd.addRole(Self.root)
        try await etcd.grantRole(Self.root, to: Self.root)
        try await setRights([EtcdPermission(.readWrite, keys.everything)], of: Self.managerRole(of: keys.cluster))
        try await etcd.enableAuth()
    }

    // MARK: Machines

    /// Gives a machine its user, with a new password and exactly the rights that it needs; its former logins end.
    ///
    /// - Parameters:
    ///   - machine: The machine.
    ///   - isManager: Whether it hosts the engine or the API, which work with all keys of the cluster.
    /// - Returns: What the machine logs in with; the password is kept nowhere else.
    /// - Throws: `.loginRefused`, `.permissionDenied` when this is not root; others when etcd cannot be asked.
    package func admit(_ machine: MachineID, isManager: Bool) async throws(EtcdError) -> StoreLogin {
        let name = Self.user(of: machine, in: keys.cluster)
        let manager = Self.managerRole(of: keys.cluster)
        try await setRights(keys.rights(of: machine), of: name)
        let password = Self.randomPassword()
        if try await !etcd.addUser(name, password: password) {
            try await etcd.changePassword(of: name, to: password)
        }
        try await etcd.grantRole(name, to: name)
        if isManager {
            try await etcd.grantRole(manager, to: name)
        } else {
            try await etcd.revokeRole(manager, from: name)
        }
        return StoreLogin(user: name, password: password)
    }

    /// Takes a machine's user and rights away; a machine that has none is no error.
    ///
    /// What it asks of etcd from now on is refused. Its lease lives on until somebody ends it.
    package func dismiss(_ machine: MachineID) async throws(EtcdError) {
        let name = Self.user(of: machine, in: keys.cluster)
        try await etcd.deleteUser(name)
        try await etcd.deleteRole(name)
    }

    /// Gives every machine that has a user the rights of this version; one that an older version has admitted lacks some.
    ///
    /// What is right already is only read.
    package func refreshRights() async throws(EtcdError) {
        for machine in try await admitted() {
            let role = Self.user(of: machine, in: keys.cluster)
            // One that was dismissed meanwhile has none, and gets none.
            guard let present = try await etcd.permissions(of: role) else { continue }
            try await change(present, to: keys.rights(of: machine), of: role)
        }
    }

    /// The machines that have a user, sorted.
    package func admitted() async throws(EtcdError) -> [MachineID] {
        let prefix = "flotilla-\(keys.cluster)-machine-"
        return try await etcd.users().compactMap { user in
            user.hasPrefix(prefix) ? MachineID(String(user.dropFirst(prefix.count))) : nil
        }.sorted()
    }

    /// Makes a role that has these rights and no others.
    private func setRights(_ wanted: [EtcdPermission], of role: String) async throws(EtcdError) {
        try await etcd.addRole(role)
        try await change(try await etcd.permissions(of: role) ?? [], to: wanted, of: role)
    }

    private func change(
        _ present: [EtcdPermission], to wanted: [EtcdPermission], of role: String
    ) async throws(EtcdError) {
        for permission in present where !wanted.contains(permission) {
            try await etcd.revoke(permission, from: role)
        }
        for permission in wanted where !present.contains(permission) {
            try await etcd.grant(permission, to: role)
        }
    }
}
