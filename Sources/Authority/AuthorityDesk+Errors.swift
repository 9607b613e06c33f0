// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import Identity
import Registry

/// Errors of what the desk works with, made its own: one function a kind.
extension AuthorityDesk {
    func identities<Value>(_ work: () throws(IdentityError) -> Value) throws(AuthorityError) -> Value {
        do {
            return try work()
        } catch {
            switch error.code {
            case .malformed: throw .invalid(error.message)
            // Such as a rotation that is under way already: the request is good, and does not fit what is there.
            case .exists: throw .conflict(error.message)
            default: throw .identity(error)
            }
        }
    }

    @discardableResult
    func records<Value>(
        _ work: () async throws(RegistryError) -> Value
    ) async throws(AuthorityError) -> Value {
        do {
            return try await work()
        } catch {
            throw AuthorityError(error)
        }
    }

    @discardableResult
    func store<Value>(
        _ work: () async throws(EtcdError) -> Value
    ) async throws(AuthorityError) -> Value {
        do {
            return try await work()
        } catch {
            throw .store(error.message)
        }
    }
}
