// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Etcd
package import FleetCore

/// Passwords of etcd's users: made by machines for machines, and changed while these work.
///
/// A change ends the logins of that user, and nothing else: leases live on, for etcd asks nobody for a login who renews one, and
/// watches that stand go on.
extension StoreAccess {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    /// Six bits each; bcrypt, by which etcd keeps passwords, takes 72 at most.
    private static let length = 43

    /// A password of 258 random bits, as 43 characters that need no quoting anywhere.
    package static func randomPassword() -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<length).map { _ in alphabet[Int.random(in: alphabet.indices, using: &generator)] })
    }

    /// Whether `password` has the form of those that `randomPassword()` makes.
    package static func isMachineMade(_ password: String) -> Bool {
        password.utf8.count == length && password.allSatisfy { alphabet.contains($0) }
    }

    /// Gives a machine's user another password; its rights stay.
    ///
    /// - Returns: `false` when the machine has no user.
    package func setPassword(of machine: MachineID, to password: String) async throws(EtcdError) -> Bool {
        try await etcd.changePassword(of: Self.user(of: machine, in: keys.cluster), to: password)
    }

    /// Gives root another password, with which this goes on.
    package func setRootPassword(to password: String) async throws(EtcdError) {
        try await etcd.changePassword(of: Self.root, to: password)
        await useRootPassword(password)
    }

    /// From now on logs in with another password of root's.
    package func useRootPassword(_ password: String) async { await etcd.useLogin(user: Self.root, password: password) }

    /// Whether etcd lets root in with that password.
    ///
    /// - Throws: When etcd cannot be asked.
    package func takesRootPassword(_ password: String) async throws(EtcdError) -> Bool {
        var configuration = etcd.configuration
        configuration.password = password
        do throws(EtcdError) {
            return try await EtcdClient(configuration).isAuthEnabled()
        } catch {
            guard error.code == .loginRefused else { throw error }
            return false
        }
    }

    /// Other clusters that have users in this etcd, sorted: their authorities log in as root, too.
    package func otherClusters() async throws(EtcdError) -> [String] {
        let (front, middle) = ("flotilla-", "-machine-")
        let names = try await etcd.users().compactMap { user -> String? in
            // An id has no hyphen, and a cluster may be called "machine".
            guard user.hasPrefix(front), let hyphen = user.lastIndex(of: "-"),
                MachineID(String(user[user.index(after: hyphen)...])) != nil
            else { return nil }
            let rest = user[...hyphen]
            guard rest.hasSuffix(middle), rest.utf8.count > front.utf8.count + middle.utf8.count else { return nil }
            return String(rest.dropFirst(front.count).dropLast(middle.count))
        }
        return Set(names).subtracting([keys.cluster.rawValue]).sorted()
    }
}
