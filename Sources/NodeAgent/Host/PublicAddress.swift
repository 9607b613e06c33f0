// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetAPI
import Glibc
import HTTPTransport

/// The address at which others reach this machine, which may change while its agent runs or while it does not.
struct PublicAddress: Sendable {
    /// As set; empty for the one that leads towards etcd.
    let configured: String
    /// URLs of etcd's members.
    let endpoints: [String]
    /// Every address that an interface of this machine has.
    var present: @Sendable () -> [String] = { NetworkAddresses.all }
    /// The address from which this machine would send to a host and port.
    var source: @Sendable (String, UInt16) -> String? = { NetworkAddresses.source(towards: $0, port: $1) }

    /// The address to announce now, and what is wrong with the one that is set.
    ///
    /// An address that is set and that the machine has no more would make others send to somebody else. An agent that refused to
    /// run for it would leave the machine out for good, so it goes on with the one that leads to etcd, and says so.
    ///
    /// - Throws: When no address is set that the machine has, and no route leads to etcd.
    func find() throws(HostError) -> (address: String, trouble: String?) {
        if !configured.isEmpty, present().contains(configured) { return (configured, nil) }
        for endpoint in endpoints {
            guard let (host, port) = Self.hostAndPort(endpoint), let address = source(host, port) else { continue }
            guard !configured.isEmpty else { return (address, nil) }
            return (
                address,
                "public-ip \(configured) is on no interface of it any more, so it announces \(address); set public-ip anew"
            )
        }
        let noRoute = "no route leads to etcd (\(endpoints.joined(separator: ", ")))"
        guard configured.isEmpty else {
            throw HostError(
                "\(NetworkAddresses.absence(of: configured, among: present())), and \(noRoute); "
                    + "bring the interface up, or check public-ip and etcd-endpoints")
        }
        throw HostError(
            "\(noRoute), so this machine's public address is unknown; set public-ip, or check etcd-endpoints")
    }

    /// What is wrong with listeners at addresses that this machine has not; `nil` when it has all.
    ///
    /// One at an address that went, or has not come yet, cannot be opened, which must cost its own callers alone.
    func trouble(of listeners: [APIEndpoint]) -> String? {
        let addresses = Set(present())
        let gone = listeners.filter { listener in
            guard let host = Self.host(listener), Self.isNumeric(host), host != "0.0.0.0", host != "::" else {
                return false
            }
            return !addresses.contains(host) && !host.hasPrefix("127.")
        }
        guard !gone.isEmpty else { return nil }
        return
            "its API does not answer at \(gone.map(\.description).joined(separator: ", ")), an address on no interface of it; "
            + "set api-listen anew"
    }

    private static func host(_ listener: APIEndpoint) -> String? {
        switch listener {
        case .tcp(let host, _), .tls(let host, _): host
        case .unix: nil
        }
    }

    private static func isNumeric(_ host: String) -> Bool {
        var four = in_addr()
        var six = in6_addr()
        return inet_pton(AF_INET, host, &four) == 1 || inet_pton(AF_INET6, host, &six) == 1
    }

    private static func hostAndPort(_ endpoint: String) -> (String, UInt16)? {
        let parts = endpoint.split(separator: "/", omittingEmptySubsequences: true)
        guard parts.count >= 2 else { return nil }
        let authority = parts[1]
        guard let colon = authority.lastIndex(of: ":"), let port = UInt16(authority[authority.index(after: colon)...])
        else { return nil }
        let host = authority[..<colon].filter { $0 != "[" && $0 != "]" }
        return (String(host), port)
    }
}
