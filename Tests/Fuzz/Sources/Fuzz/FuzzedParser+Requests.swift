// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FoundationEssentials

extension FuzzedParser {
    /// What callers of the API send, but for what proves who they are.
    static var requests: [FuzzedParser] {
        [
            body(
                API.Unit.self,
                #"{"name":"a.service","desiredState":"launched","options":[{"section":"Service","name":"ExecStart","value":"/bin/true"}]}"#
            ),
            body(API.UnitPage.self, #"{"units":[{"name":"a.service"}],"nextPageToken":"x"}"#),
            body(API.UnitStatePage.self, #"{"states":[{"name":"a.service","hash":"a","machineID":"b"}]}"#),
            body(API.MachinePage.self, #"{"machines":[{"id":"a","primaryIP":"1.2.3.4","metadata":{"a":"b"}}]}"#),
            body(
                [API.MetadataPatch].self,
                #"[{"op":"add","path":"/a/metadata/b","value":"c"},{"op":"remove","path":"/a"}]"#),
            body(
                API.JoinRequest.self,
                #"{"token":"FLT1-a-b-c","request":"PEM","machine":"0a","name":"m","addresses":["10.0.0.1","m.example"]}"#
            ),
            body(API.CertificateOrder.self, #"{"request":"PEM","addresses":["::1"]}"#),
            body(API.TokenOrder.self, #"{"ttl":3600,"uses":3,"roles":["agent"],"metadata":{"role":"worker"}}"#),
            body(API.UserOrder.self, #"{"name":"ada","role":"admin","request":"PEM"}"#),
            body(API.Renewal.self, #"{"lease":"1a2b3c"}"#),
            body(API.Resignation.self, #"{"epoch":17}"#),
            FuzzedParser(
                name: "page-token", seeds: ["ZAABAA==", "_-8BAA=="],
                feed: { bytes in
                    guard let token = PageToken(String(decoding: bytes, as: UTF8.self)) else { return }
                    require(PageToken(token.text) == token, "a page's token names another page")
                    _ = token.next
                }),
        ]
    }

    private static func body<Body: Codable & Hashable & Sendable>(_ type: Body.Type, _ seed: String) -> FuzzedParser {
        FuzzedParser(
            name: "api-\(type)".filter { $0 != "<" && $0 != ">" }, seeds: [seed],
            feed: { bytes in
                guard let value = try? JSONDecoder().decode(Body.self, from: Data(bytes)) else { return }
                guard let text = try? JSONEncoder().encode(value),
                    let again = try? JSONDecoder().decode(Body.self, from: text)
                else { fatalError("read once, not twice") }
                require(again == value, "a body was changed by writing it")
            })
    }
}
