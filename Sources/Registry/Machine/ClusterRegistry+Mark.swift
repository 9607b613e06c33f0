// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Timing

/// What tells this store from one that came back empty and has been written to since.
///
/// etcd makes its cluster id from its flags, so an emptied etcd has the same one, and its revision grows past any that was seen
/// before. A random text, written once and never deleted, tells the two apart for whoever remembers it.
extension ClusterRegistry {
    /// The store's mark; made now if there is none and this user may.
    ///
    /// - Returns: `nil` when there is none and this user may not make one.
    /// - Throws: `.otherStore` when the store has less history than was seen; `.store` when it cannot be asked.
    package func makeMark() async throws(RegistryError) -> String? {
        if let mark = try await mark() { return mark }
        let fresh = String(clockwork.random(), radix: 36) + String(clockwork.random(), radix: 36)
        do {
            let result = try await commit(
                Transaction(if: [.absent(keys.mark)], then: [.put(keys.mark, Array(fresh.utf8))]),
                while: "marking the store")
            if result.succeeded { return fresh }
        } catch {
            guard case .store(let cause) = error.code, cause.code == .permissionDenied else { throw error }
            return nil
        }
        return try await mark()
    }

    /// The store's mark; `nil` when it has none.
    ///
    /// - Throws: `.otherStore` when the store has less history than was seen; `.store` when it cannot be asked.
    package func mark() async throws(RegistryError) -> String? {
        try await get(.key(keys.mark), while: "reading the store's mark").keys.first
            .map { String(decoding: $0.value, as: UTF8.self) }
    }
}
