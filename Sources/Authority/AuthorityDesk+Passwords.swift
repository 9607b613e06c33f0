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
        let identity: MachineIdentity?
        do throws(RegistryError) {
            identity = try await registry.machineIdentity(machine)
        } catch {
            throw AuthorityError(error)
        }
        guard let identity, identity.revokedAt == nil else {
            throw .missing("there is no machine \(machine.short) in the cluster")
        }
        let hasUser: Bool
        do throws(EtcdError) {
            hasUser = try await access.setPassword(of: machine, to: password)
        } catch {
            throw .store(error.message)
        }
        guard hasUser else { throw .missing("machine \(machine.short) has no user in etcd; let it join anew") }
        do throws(RegistryError) {
            try await registry.notePassword(of: machine, asked: identity.passwordsAsked)
        } catch {
            throw AuthorityError(error)
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
        do throws(EtcdError) {
            guard try await access.etcd.isAuthEnabled() else {
                throw EtcdError(
                    code: .invalidRequest,
                    message: "etcd asks nobody for a login; cluster-manager cluster init turns that on",
                    isTransient: false, mayHaveHappened: false)
            }
            let others = try await access.otherClusters()
            guard others.isEmpty else {
                return .kept(why: "cluster \(others.joined(separator: ", ")) in the same etcd logs in with it, too")
            }
        } catch {
            throw .store(error.message)
        }
        // One whose change broke off before etcd had it.
        let password = try nextRootPassword() ?? StoreAccess.randomPassword()
        do throws(IdentityError) {
            try folder.etcdPasswords.keepNext(password)
        } catch {
            throw .identity(error)
        }
        do throws(EtcdError) {
            try await access.setRootPassword(to: password)
        } catch {
            // The answer may be lost, and the password changed all the same.
            try await settleRootPassword()
            guard try password == presentRootPassword() else { throw .store(error.message) }
        }
        try takeRootPassword()
        return .changed
    }

    /// Takes a password of root's into use whose change broke off, when etcd lets root in with it.
    package func settleRootPassword() async throws(AuthorityError) {
        guard let access, let password = try nextRootPassword() else { return }
        do throws(EtcdError) {
            guard try await access.takesRootPassword(password) else { return }
        } catch {
            throw .store(error.message)
        }
        await access.useRootPassword(password)
        try takeRootPassword()
    }

    private func nextRootPassword() throws(AuthorityError) -> String? {
        do throws(IdentityError) { return try folder.etcdPasswords.next() } catch { throw .identity(error) }
    }

    private func presentRootPassword() throws(AuthorityError) -> String? {
        do throws(IdentityError) { return try folder.etcdPasswords.present() } catch { throw .identity(error) }
    }

    private func takeRootPassword() throws(AuthorityError) {
        do throws(IdentityError) { try folder.etcdPasswords.takeNext() } catch { throw .identity(error) }
    }
}
