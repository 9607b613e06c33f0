// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Identity

extension FuzzedParser {
    /// What strangers and members prove themselves with: read before anybody knows who sent it.
    static var proofs: [FuzzedParser] {
        [
            FuzzedParser(
                name: "join-token",
                seeds: [JoinToken(fingerprint: String(repeating: "0a", count: 32)).text, "FLT1---", "FLT2-a-b-c"],
                feed: { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    guard let token = try? JoinToken(text: text) else { return }
                    require(token.text == text, "a token was changed by reading it")
                    require(SecretHash.areEqual(token.secretHash, token.secretHash), "a secret is not itself")
                }),
            FuzzedParser(
                name: "certificate-request",
                seeds: [(try? KeyPair().request(name: "machine:0123456789abcdef0123456789abcdef")) ?? ""],
                feed: { bytes in
                    guard let authority,
                        let request = try? CertificateRequest(pem: String(decoding: bytes, as: UTF8.self))
                    else { return }
                    guard let signed = try? authority.issue(request, for: .user("ada"), now: authorityMade),
                        let info = try? CertificateInfo(pem: signed)
                    else { fatalError("a request that was taken cannot be signed") }
                    require(info.subject == "CN=user:ada", "a request chose its own name: \(info.subject)")
                }),
            FuzzedParser(
                name: "certificate", seeds: ["0", issued],
                feed: { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    // A peer shows one as it is; so bytes that are no text are tried as the inside of the armour.
                    let armoured =
                        text.hasPrefix("-----BEGIN ")
                        ? text
                        : "-----BEGIN CERTIFICATE-----\n\(Data(bytes).base64EncodedString(options: .lineLength64Characters))"
                            + "\n-----END CERTIFICATE-----\n"
                    guard let info = try? CertificateInfo(pem: armoured) else { return }
                    _ = info.renewal
                    require(info.fingerprint.utf8.count == 64, "a certificate has no fingerprint")
                    _ = authority?.trust.newestSigned(armoured)
                }),
            FuzzedParser(
                name: "principal",
                seeds: ["flotilla://c/machine/0123456789abcdef0123456789abcdef", "flotilla://c-1/user/ada"],
                feed: { bytes in
                    let uri = String(decoding: bytes, as: UTF8.self)
                    guard let found = Principal.parse(uri: uri) else { return }
                    require(found.principal.uri(cluster: found.cluster) == uri, "a name in a certificate is another's")
                }),
        ]
    }

    /// What machines and users keep of the cluster in files.
    static var identities: [FuzzedParser] {
        [
            FuzzedParser(
                name: "trust-bundle",
                seeds: [
                    authority?.trust.pem ?? "", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
                ],
                feed: { bytes in
                    guard let bundle = try? TrustBundle(pem: String(decoding: bytes, as: UTF8.self)) else { return }
                    guard let again = try? TrustBundle(pem: bundle.pem) else { fatalError("read once, not twice") }
                    require(again.fingerprints == bundle.fingerprints, "a bundle was changed by writing it")
                    require(
                        Set(bundle.joined(with: again).fingerprints) == Set(bundle.fingerprints),
                        "an authority was added to a bundle from nowhere")
                }),
            FuzzedParser(
                name: "private-key", seeds: [KeyPair().pem],
                feed: { bytes in
                    guard let key = try? KeyPair(pem: String(decoding: bytes, as: UTF8.self)) else { return }
                    guard let again = try? KeyPair(pem: key.pem) else { fatalError("read once, not twice") }
                    require(again.pem == key.pem, "a key was changed by writing it")
                    require(!"\(key)".contains(key.pem), "a key shows itself")
                }),
            FuzzedParser(
                name: "profile",
                seeds: [
                    Profile(
                        name: "p", cluster: "c", endpoints: ["tls:a:1"], user: "ada", authorities: "A",
                        certificate: "B", key: "K"
                    ).json
                ],
                feed: { bytes in
                    guard let profile = try? Profile(json: String(decoding: bytes, as: UTF8.self)) else { return }
                    guard let again = try? Profile(json: profile.json) else { fatalError("read once, not twice") }
                    require(again == profile, "a profile was changed by writing it")
                    require(!profile.name.utf8.contains(0x2F), "a profile's name leads elsewhere")
                }),
        ]
    }

    private static let authorityMade = Date()
    private static let authority = try? CertificateAuthority(cluster: "c", now: authorityMade)
    private static let issued: String = {
        guard let authority, let text = try? KeyPair().request(name: "x"),
            let request = try? CertificateRequest(pem: text)
        else { return "" }
        return (try? authority.issue(request, for: .user("ada"), now: authorityMade)) ?? ""
    }()
}
