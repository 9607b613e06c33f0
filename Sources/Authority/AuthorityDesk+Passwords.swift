// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
package import FleetCore
import Identity
import Registry
import Synchronization

/// New passwords for etcd's users.
///
/// A machine makes its own, writes it down, and has it set here; so it knows the password before etcd does, and a lost answer
/// locks nobody out.
extension AuthorityDesk {
    /// Folders of the authorities that change root's password now.
    private static let changingRoot = Mutex<Set<String>>([])

    /// Gives a machine's user in etcd the password that the machine has made.
    ///
    /// Done again with the same one it changes nothing.
    ///
    /// - Throws: `.invalid` for a password that no machine makes, `.missing` for a machine that is none of the cluster's,
    ///   `.conflict` where etcd asks for no login.
    package func setPassword(of machine: MachineID, to password: String) async throws(AuthorityError) {
        guard StoreAccess.isMachineMade(password) else {
            throw .invalid("a machine's password in etcd is one that node-agent has made")
        }
        guard let access else { throw .conflict("the authority has no login at etcd, so it can give machines none") }
        // As root: where the machine is this one, its own login ends with the change.
        let registry = ClusterRegistry(store: access.etcd, cluster: registry.keys.cluster)
        let identity = try await records { () throws(RegistryError) in try await registry.machineIdentity(machine) }
        guard let identity, identity.revokedAt == nil else {
            throw .missing("there is no machine \(machine.short) in the cluster")
        }
        let hasUser = try await store { () throws(EtcdError) in
            try await access.setPassword(of: machine, to: password)
        }
        guard hasUser else { throw .missing("machine \(machine.short) has no user in etcd; let it join anew") }
        try await records { () throws(RegistryError) in
            try await registry.notePassword(of: machine, asked: identity.passwordsAsked)
        }
    }

    /// What became of the password of etcd's root.
    package enum RootPassword: Hashable, Sendable {
        case changed
        /// Others log in with it.
        case kept(why: String)
    }

    /// Gives etcd's root another password, unless other clusters of the same etcd use it.
    ///
    /// - Throws: `.conflict` where etcd asks for no login, `.store` when it cannot be asked or refuses the present one.
    package func changeRootPassword() async throws(AuthorityError) -> RootPassword {
        guard let access else {
            throw .conflict("the authority has no login at etcd, so there is no password to change")
        }
        // Two at once would each take the other's password for their own.
        guard Self.changingRoot.withLock({ $0.insert(folder.path).inserted }) else {
            throw .conflict("the password of etcd's root is being changed already")
        }
        defer { Self.changingRoot.withLock { _ = $0.remove(folder.path) } }
        try await settleRootPassword()
        let others = try await store { () throws(EtcdError) in
            try await access.etcd.isAuthEnabled() ? try await access.otherClusters() : nil
        }
        guard let others else {
            throw .conflict("etcd asks nobody for a login; cluster-manager cluster init turns that on")
        }
        guard others.isEmpty else {
            return .kept(why: "cluster \(others.joined(separator: ", ")) in the same etcd logs in with it, too")
        }
        // One whose change broke off before etcd had it.
        let passwords = folder.etcdPasswords
        let password = try identities { () throws(IdentityError) in
            let password = try passwords.next() ?? StoreAccess.randomPassword()
            try passwords.keepNext(password)
            return password
        }
        do throws(EtcdError) {
            try await access.setRootPassword(to: password)
        } catch {
            // The answer may be lost, and the password changed all the same.
            try await settleRootPassword()
            let present = try identities { () throws(IdentityError) in try passwords.present() }
            guard present == password else { throw .store(error.message) }
        }
        try identities { () throws(IdentityError) in try passwords.takeNext() }
        return .changed
    }

    /// Takes a password of root's into use whose change broke off, when etcd lets root in with it.
    package func settleRootPassword() async throws(AuthorityError) {
        let passwords = folder.etcdPasswords
        guard let access, let password = try identities({ () throws(IdentityError) in try passwords.next() }) else {
            return
        }
        let counts = try await store { () throws(EtcdError) in try await access.takesRootPassword(password) }
        guard counts else { return }
        await access.useRootPassword(password)
        try identities { () throws(IdentityError) in try passwords.takeNext() }
    }
}
