// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetAPI
import FleetCore
import NodeAgentSettings

extension FuzzedParser {
    /// Settings of agents, and addresses as flags and settings name them.
    static var configuration: [FuzzedParser] {
        [
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
}
