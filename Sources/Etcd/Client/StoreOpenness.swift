// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import HTTPTransport

/// How far one member of etcd lets in those whom nobody has admitted.
///
/// etcd asks for a login before keys are read or written, and for nothing before its members, alarms and leases are: whoever
/// reaches a port that asks for no certificate can keep a dead machine's session alive, fill the store, and turn the logins off.
package struct StoreOpenness: Hashable, Sendable {
    /// URL of the member.
    package var endpoint: String
    /// Whether it speaks without TLS, so that passwords can be read on the way.
    package var isPlain: Bool
    /// Whether it answers who shows no certificate; `nil` when it could not be asked.
    package var takesStrangers: Bool?
    /// Whether it asks for a login before it shows a key; `nil` when it could not be asked.
    package var asksForLogin: Bool?
    package var version: EtcdVersion?
    /// Until when its certificate is good, in seconds since 1970; `nil` without TLS, and when it could not be asked.
    package var certificateEnd: Int64?

    package init(
        endpoint: String, isPlain: Bool, takesStrangers: Bool?, asksForLogin: Bool?, version: EtcdVersion?
    ) {
        self.endpoint = endpoint
        self.isPlain = isPlain
        self.takesStrangers = takesStrangers
        self.asksForLogin = asksForLogin
        self.version = version
    }

    /// Asks one member, as a stranger and as who shows `tls`; it writes nothing.
    ///
    /// - Parameters:
    ///   - endpoint: URL of the member.
    ///   - tls: What this program shows etcd; `nil` where that is nothing.
    ///   - http: Sends the requests.
    ///   - patience: How long one of its three or four requests may take.
    /// - Returns: What was found; what could not be asked stays open.
    package static func of(
        _ endpoint: String, showing tls: TLSSettings?, by http: HTTPClient, within patience: Duration
    ) async -> StoreOpenness {
        var found = StoreOpenness(
            endpoint: endpoint, isPlain: endpoint.hasPrefix("http:"), takesStrangers: nil, asksForLogin: nil,
            version: nil)
        func ask(_ path: String, by tls: TLSSettings?, _ body: [UInt8]? = nil) async throws(HTTPError) -> HTTPResponse {
            var request = HTTPRequest(
                method: body == nil ? "GET" : "POST", url: endpoint + path, body: body ?? [], deadline: patience,
                connectTimeout: patience, tls: found.isPlain ? nil : tls, bodyLimit: 1 << 20)
            request.looksAtCertificate = !found.isPlain && body == nil
            return try await http.send(request)
        }
        var refusal: HTTPError?
        do {
            // Whoever it is: the question is whether it lets a stranger in, not whether a stranger should believe it.
            _ = try await ask("/version", by: TLSSettings(verifiesServer: false))
            found.takesStrangers = true
        } catch {
            refusal = error
        }
        if let answer = try? await ask("/version", by: tls), answer.status == 200 {
            found.version = (try? VersionAnswer(answer.body))?.version
            found.certificateEnd = answer.certificateEnd
        } else if !found.isPlain, var unsure = tls {
            // A certificate that has ended is what nobody believes any more, so its end is asked of whoever answers.
            unsure.verifiesServer = false
            found.certificateEnd = (try? await ask("/version", by: unsure))?.certificateEnd
        }
        // A server that hangs up at once may do so before its refusal is read.
        if refusal?.code == .tls || (refusal?.code == .aborted && found.version != nil) { found.takesStrangers = false }
        let key = JSONWriter.object { $0.data("key", [0]) }
        if let answer = try? await ask("/v3/kv/range", by: tls, key) {
            if answer.status == 200 {
                found.asksForLogin = false
            } else if Refusal(status: answer.status, body: answer.body).wantsLogin {
                found.asksForLogin = true
            }
        }
        return found
    }
}

/// A version of etcd.
package struct EtcdVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package var major: Int
    package var minor: Int
    package var patch: Int

    package init(_ major: Int, _ minor: Int, _ patch: Int) {
        self.major = major
        self.minor = minor
        self.patch = patch
    }

    /// Reads `3.4.23`; what follows a hyphen or a plus sign says nothing of the mends in it.
    package init?(_ text: String) {
        let numbers = text.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
            .map { part in part.utf8.count <= 6 && part.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(part) : nil
            }
        guard numbers.count == 3, let major = numbers[0], let minor = numbers[1], let patch = numbers[2] else {
            return nil
        }
        self.init(major, minor, patch)
    }

    package var description: String { "\(major).\(minor).\(patch)" }

    package static func < (one: EtcdVersion, other: EtcdVersion) -> Bool {
        (one.major, one.minor, one.patch) < (other.major, other.minor, other.patch)
    }

    /// The first versions, a line each, in which a user cannot get past its rights.
    ///
    /// By nested transactions (GHSA-rfx7-8w68-q57q) any user can read and write everything, and by watches to the end of all
    /// keys (GHSA-xg4h-6gfc-h4m8) see everything.
    package static let mended = [EtcdVersion(3, 4, 42), EtcdVersion(3, 5, 28), EtcdVersion(3, 6, 9)]

    /// Whether every user of this etcd can do what its role does not let it.
    package var letsUsersPastTheirRights: Bool {
        guard let first = Self.mended.first(where: { ($0.major, $0.minor) == (major, minor) }) else {
            return self < Self.mended[0]
        }
        return self < first
    }
}
