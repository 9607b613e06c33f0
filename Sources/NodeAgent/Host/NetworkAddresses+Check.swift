// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import HTTPTransport

extension NetworkAddresses {
    /// Checks that `address` is on an interface: a machine that announces another's address breaks both.
    static func check(_ address: String) throws(HostError) {
        let all = all
        guard all.contains(address) else {
            throw HostError(
                "\(absence(of: address, among: all)); set it to one of this machine's, or bring the interface up")
        }
    }

    /// Says that no interface has `address`, and what they have.
    static func absence(of address: String, among all: [String]) -> String {
        let known = all.filter { $0 != "127.0.0.1" && $0 != "::1" }
        let there = known.isEmpty ? "none is up but loopback" : "there are: \(known.joined(separator: ", "))"
        return "public-ip \(address) is on no interface of this machine (\(there))"
    }
}
