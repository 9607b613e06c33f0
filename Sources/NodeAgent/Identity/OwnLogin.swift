// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Identity
import Registry
import Synchronization

/// This machine's login at etcd, and how it gets another password while the agent works with it.
///
/// The new password is written down before etcd has it, and is sent as often as it takes. So there is no moment at which this
/// machine does not know the one that counts; its session goes on meanwhile, for a renewal needs no login.
actor OwnLogin {
    private let file: PasswordFile
    private let user: String
    private let clients: [EtcdClient]
    /// As which number of the askings the last change answers: the record may lag behind.
    private var answered: Int64 = 0

    /// How to reach etcd with the password that counts now.
    private let present: Mutex<EtcdConfiguration>

    /// There is none where the agent logs in otherwise, with what an operator has given it.
    ///
    /// - Parameters:
    ///   - folder: Where joining has left the password.
    ///   - user: The machine's own user.
    ///   - configuration: How the agent logs in.
    ///   - clients: Those that are to log in with each new password.
    init?(folder: MachineFolder, user: String, configuration: EtcdConfiguration, clients: [EtcdClient]) {
        guard configuration.user == user, let password = configuration.password,
            (try? folder.etcdPasswords.present()) == password
        else { return nil }
        file = folder.etcdPasswords
        self.user = user
        self.clients = clients
        present = Mutex(configuration)
    }

    nonisolated var configuration: EtcdConfiguration { present.withLock { $0 } }

    /// Whether a change has broken off, so that another password than the present one may count.
    nonisolated var isUnsettled: Bool { (try? file.next()) != nil }

    /// Whether a machine with this record is still to take a new password.
    func isAwaited(_ identity: MachineIdentity) -> Bool {
        identity.isPasswordAwaited && identity.revokedAt == nil && identity.passwordsAsked > answered
    }

    /// Takes a new password, for the asking `number`.
    ///
    /// `send` has it set at etcd; it may be called with the same password again.
    func renew(asked number: Int64, send: @Sendable (String) async throws -> Void) async throws {
        let password = try begin()
        for client in clients { await client.expectLogin(user: user, password: password) }
        do {
            try await send(password)
        } catch {
            // The answer may be lost, and the password changed all the same; what is noted of it comes with the next try.
            if await isTaken(password) { try await use(password) }
            throw error
        }
        try await use(password)
        answered = number
    }

    /// Takes a password into use whose change broke off, when etcd lets this machine in with it.
    func settle() async throws {
        guard let password = try file.next(), await isTaken(password) else { return }
        try await use(password)
    }

    /// The password to be: the one that is under way, for etcd may have it already.
    private func begin() throws(IdentityError) -> String {
        if let password = try file.next() { return password }
        let password = StoreAccess.randomPassword()
        try file.keepNext(password)
        return password
    }

    private func use(_ password: String) async throws {
        try file.takeNext()
        present.withLock { $0.password = password }
        for client in clients { await client.useLogin(user: user, password: password) }
    }

    private func isTaken(_ password: String) async -> Bool {
        var configuration = configuration
        configuration.password = password
        guard let client = try? EtcdClient(configuration) else { return false }
        return (try? await client.isAuthEnabled()) == true
    }
}
