// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetCore
import FoundationEssentials
import NodeAgentSettings

extension FuzzedParser {
    /// What callers of the API send, and what stands in configuration.
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
            FuzzedParser(
                name: "page-token", seeds: ["ZAABAA==", "_-8BAA=="],
                feed: { bytes in
                    guard let token = PageToken(String(decoding: bytes, as: UTF8.self)) else { return }
                    require(PageToken(token.text) == token, "a page's token names another page")
                    _ = token.next
                }),
            FuzzedParser(
                name: "endpoint",
                seeds: ["unix:/run/a.sock", "tcp:127.0.0.1:49153", "tcp:[::1]:1", "ssh:u@h:22", "http://a:1/"],
                feed: { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    _ = try? APIEndpoint(text)
                    _ = try? EtcdConfiguration(endpoints: [text]).checked()
                }),
            FuzzedParser(
                name: "settings",
                seeds: [
                    "FLOTILLA_ETCD_ENDPOINTS=http://a:1,https://[::1]:2\n# c\n\nmetadata=role=worker,zone=a\nsession-ttl=5\n",
                    "etcd_servers=[\"http://a:1\"]\nmetadata=\"a=b\"\npublic_ip='1.2.3.4'\nverbosity=2\n",
                    "roles=agent,api\ncluster=x-1\napi-listen=unix:/a,tcp:b:1\nlog-level=debug\nguard=off\n",
                ],
                feed: { bytes in
                    let text = String(decoding: bytes, as: UTF8.self)
                    guard let sources = try? SettingSources(flags: [:], environment: [:], file: (path: "f", text: text))
                    else { return }
                    _ = sources.report
                    _ = try? AgentSettings(sources) { _ throws(SettingsError) in "secret\n" }
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
