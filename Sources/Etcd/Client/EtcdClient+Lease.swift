// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension EtcdClient {
    /// Makes a lease that ends `ttl` seconds after its last renewal; the server may choose a longer one and says so.
    ///
    /// Repeated when the answer is lost: a lease that nobody knows of ends by itself.
    package func grantLease(ttl: Int) async throws(EtcdError) -> (lease: LeaseID, ttl: Int) {
        let call = Call(
            path: "/v3/lease/grant", body: JSONWriter.object { $0.integer("TTL", Int64(ttl)) },
            what: "get a lease of \(ttl) s", isRepeatable: true, isLinearizable: false)
        let answer = try await perform(call, LeaseAnswer.self)
        guard answer.id != .none, answer.ttl > 0 else {
            throw malformed(call, JSONError(offset: 0, expected: "a lease with its seconds"))
        }
        return (answer.id, answer.ttl)
    }

    /// Renews a lease: the seconds it now has, or `nil` when it no longer exists.
    ///
    /// An etcd that came back empty knows no lease either; it is told apart, and throws `.storeReplaced`, when it has less history
    /// than was seen before.
    ///
    /// etcd asks for no login here (`LeaseRenew` in `etcdserver/v3_server.go` checks none), and to wait for one, which needs a quorum
    /// and a slow hash, could cost the lease.
    package func keepAlive(_ lease: LeaseID) async throws(EtcdError) -> Int? {
        let call = Call(
            path: "/v3/lease/keepalive", body: JSONWriter.object { $0.integer("ID", lease.rawValue) },
            what: "renew lease \(lease)", isRepeatable: true, isLinearizable: false, needsLogin: false)
        let asked = ContinuousClock.now
        let ttl = try await perform(call, Streamed<LeaseAnswer>.self).message.ttl
        if ttl > 0 {
            // The leader alone renews, and one that a majority has left steps down within an election's time.
            identity.confirmed(asked)
            return ttl
        }
        try await checkHistory()
        return nil
    }

    /// Reads something, anything, so that the revision of the answer is compared with what was seen before.
    private func checkHistory() async throws(EtcdError) {
        do {
            _ = try await get(.key(configuration.historyKey), revision: 0)
        } catch {
            // Who may read only some keys cannot make sure.
            if error.code != .permissionDenied { throw error }
        }
    }

    /// Ends a lease and deletes its keys; a lease that does not exist is no error.
    package func revoke(_ lease: LeaseID) async throws(EtcdError) {
        let call = Call(
            path: "/v3/lease/revoke", body: JSONWriter.object { $0.integer("ID", lease.rawValue) },
            what: "end lease \(lease)", isRepeatable: true, isLinearizable: false)
        do {
            _ = try await perform(call, PlainAnswer.self)
        } catch {
            if error.code != .leaseNotFound { throw error }
        }
    }

    /// The keys that hang on a lease; none when it does not exist.
    ///
    /// - Throws: `.permissionDenied` by newer versions when one of them may not be read.
    package func keys(on lease: LeaseID) async throws(EtcdError) -> [String] {
        let body = JSONWriter.object {
            $0.integer("ID", lease.rawValue)
            $0.bool("keys", true)
        }
        let call = Call(
            path: "/v3/lease/timetolive", body: body, what: "ask what hangs on lease \(lease)", isRepeatable: true,
            isLinearizable: false)
        do {
            return try await perform(call, LeaseAnswer.self).keys
        } catch {
            if error.code == .leaseNotFound { return [] }
            throw error
        }
    }

    /// What is left of a lease, in seconds, and what it was granted with; `nil` when it does not exist.
    package func timeToLive(_ lease: LeaseID) async throws(EtcdError) -> (remaining: Int, granted: Int)? {
        let call = Call(
            path: "/v3/lease/timetolive", body: JSONWriter.object { $0.integer("ID", lease.rawValue) },
            what: "ask after lease \(lease)", isRepeatable: true, isLinearizable: false)
        do {
            let answer = try await perform(call, LeaseAnswer.self)
            return answer.grantedTTL > 0 ? (max(answer.ttl, 0), answer.grantedTTL) : nil
        } catch {
            if error.code == .leaseNotFound { return nil }
            throw error
        }
    }
}
