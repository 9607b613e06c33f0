// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import HTTPTransport

extension NetworkAddresses {
    /// Checks that `address` is on an interface: a machine that announces another's address breaks both.
    static func check(_ address: String) throws(HostError) {
        let all = all
        guard all.contains(address) else {
            let known = all.filter { $0 != "127.0.0.1" && $0 != "::1" }.joined(separator: ", ")
            throw HostError(
                "public-ip \(address) is on no interface of this machine (there are: \(known)); "
                    + "set it to one of them, or bring the interface up")
        }
    }
}
