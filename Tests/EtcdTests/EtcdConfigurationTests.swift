// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import HTTPTransport
import Testing

struct EtcdConfigurationTests {
    @Test(
        "endpoints are brought into one form",
        arguments: [
            (["http://10.0.0.1:2379"], ["http://10.0.0.1:2379"]), (["http://a-b.c_d:1/"], ["http://a-b.c_d:1"]),
            (["HTTPS://host:65535"], ["https://host:65535"]), (["http://[::1]:2379"], ["http://[::1]:2379"]),
            (["http://[fe80::1%25eth0]:2379"], ["http://[fe80::1%25eth0]:2379"]),
            (["http://a:1", "http://a:1/", "http://b:1"], ["http://a:1", "http://b:1"]),
        ])
    func accepted(given: [String], checked: [String]) throws {
        #expect(try EtcdClient(EtcdConfiguration(endpoints: given)).configuration.endpoints == checked)
    }

    @Test(
        "an endpoint that makes no sense is refused with words",
        arguments: [
            ("", "no scheme"), ("10.0.0.1:2379", "no scheme"), ("ftp://a:1", "unknown scheme \"ftp\""),
            ("http://", "no host"), ("http://:2379", "no host"), ("http://a", "no port"), ("http://a:", "no port"),
            ("http://a:0", "1 to 65535"), ("http://a:65536", "1 to 65535"), ("http://a:+1", "1 to 65535"),
            ("http://a:x", "1 to 65535"), ("http://a:1/v3", "path"), ("http://a:1?x", "path"),
            ("http://u:p@a:1", "login"), ("http://[::1:1", "without ]"), ("http://[::1]1", "1 to 65535"),
            ("http://[x!]:1", "IPv6"), ("http://a b:1", "character"), ("http://a\r\n:1", "character"),
        ])
    func refused(endpoint: String, words: String) throws {
        let error = try #require(throws: EtcdError.self) {
            try EtcdClient(EtcdConfiguration(endpoints: ["http://good:1", endpoint]))
        }
        #expect(error.code == .invalidRequest)
        #expect(error.message.contains(words))
        #expect(error.message.contains("\"\(endpoint)\""))
    }

    @Test(
        "settings that belong together are wanted together",
        arguments: [
            (EtcdConfiguration(endpoints: []), "no etcd endpoint"),
            (EtcdConfiguration(endpoints: ["http://a:1"], user: "u"), "user and password"),
            (EtcdConfiguration(endpoints: ["http://a:1"], password: "p"), "user and password"),
            (
                EtcdConfiguration(endpoints: ["https://a:1"], tls: TLSSettings(certificateFile: "c")),
                "certificate and key"
            ),
            (EtcdConfiguration(endpoints: ["http://a:1"], tls: TLSSettings(authorityFile: "c")), "write https"),
            (EtcdConfiguration(endpoints: ["http://a:1"], requestTimeout: .zero), "time-outs"),
            (EtcdConfiguration(endpoints: ["http://a:1"], pageSize: 0), "page size"),
        ])
    func together(configuration: EtcdConfiguration, words: String) throws {
        let error = try #require(throws: EtcdError.self) { try EtcdClient(configuration) }
        #expect(error.message.contains(words))
    }
}
