// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FoundationEssentials
import Glibc
import Identity

/// What the cluster's records say of an identity now: a certificate alone is not enough, since it may have been revoked.
///
/// Each question throws `RecordsUnread` while nobody can answer it.
protocol IdentityRecords: Sendable {
    /// The role of a live user and when it was given, in seconds since 1970; `nil` when there is none or it was revoked.
    func user(_ name: String) async throws(RecordsUnread) -> (role: Caller.Role, since: Int64)?

    /// When a live machine joined, in seconds since 1970; `nil` when it is none of the cluster or was revoked.
    func machine(_ id: String) async throws(RecordsUnread) -> Int64?
}

/// The cluster's records have not been read since the agent began.
struct RecordsUnread: Error {}

/// Recognizes callers by their certificates, and on this machine by what the kernel says of them.
actor CertificateRecognition: CallerRecognition {
    private let identity: OwnIdentity
    private let records: any IdentityRecords
    private let plain: PlainAccess
    private let now: @Sendable () -> Date
    private var verified: [[UInt8]: Peer] = [:]
    private var generation = 0
    /// Certificates whose proof is remembered; a signature costs a tenth of a millisecond.
    private static let capacity = 1024
    /// A certificate begins so many seconds before it is signed.
    private static let allowance: Int64 = 300

    init(
        identity: OwnIdentity, records: any IdentityRecords, plain: PlainAccess = .nothing,
        now: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.identity = identity
        self.records = records
        self.plain = plain
        self.now = now
    }

    func caller(at origin: ConnectionOrigin) async -> Caller {
        switch origin {
        case .unix(let user, _, _):
            // The socket's mode decided already who gets here: its owner and its group.
            let role: Caller.Role = user == 0 || user == geteuid() ? .admin : .operator
            return Caller(name: "unix:\(user)", origin: origin.address, identity: .user(role))
        case .plain(let address): return plain.caller(from: address)
        case .tls(let address, nil): return .unknown(origin: address, reason: "no certificate was shown")
        case .tls(let address, let certificate?):
            let peer: Peer
            do {
                peer = try await verify(certificate)
            } catch {
                return .unknown(origin: address, reason: "\(error)")
            }
            do {
                return try await caller(for: peer, from: address)
            } catch {
                return .unread(origin: address)
            }
        }
    }

    private func verify(_ certificate: [UInt8]) async throws(IdentityError) -> Peer {
        let (trust, generation) = identity.trust
        if generation != self.generation {
            self.generation = generation
            verified = [:]
        }
        let now = now()
        if let peer = verified[certificate], now <= peer.notAfter { return peer }
        let peer = try await trust.verify(der: certificate, cluster: identity.cluster, now: now)
        if verified.count >= Self.capacity { verified = [:] }
        verified[certificate] = peer
        return peer
    }

    /// What a user does whom the cluster does not know: after a loss of etcd there may be no administrator left but root.
    private static let userAdvice =
        "an administrator, or root on a machine, adds it anew with cluster-manager user add, or restores a backup"
    private static let machineAdvice = "it has to join anew; see node-agent join --help"

    private func caller(for peer: Peer, from address: String) async throws(RecordsUnread) -> Caller {
        let issued = Int64(peer.notBefore.timeIntervalSince1970) + Self.allowance
        switch peer.principal {
        case .user(let name):
            guard let record = try await records.user(name) else {
                return .unknown(
                    origin: address, reason: "user \(name) is unknown or was revoked",
                    refusal: "the cluster knows no user \(name), or has revoked it; \(Self.userAdvice)")
            }
            guard issued >= record.since else {
                return .unknown(
                    origin: address, reason: "this certificate of user \(name) was revoked",
                    refusal: "the cluster has revoked this certificate of user \(name); \(Self.userAdvice)")
            }
            return Caller(name: peer.principal.description, origin: address, identity: .user(record.role))
        case .machine(let id):
            guard let joined = try await records.machine(id) else {
                return .unknown(
                    origin: address, reason: "machine \(id) is unknown or was revoked",
                    refusal: "the cluster knows no machine \(id), or has revoked it; \(Self.machineAdvice)")
            }
            guard issued >= joined else {
                return .unknown(
                    origin: address, reason: "this certificate of machine \(id) was revoked",
                    refusal: "the cluster has revoked this certificate of machine \(id); \(Self.machineAdvice)")
            }
            return Caller(name: peer.principal.description, origin: address, identity: .machine(id: id))
        }
    }
}
