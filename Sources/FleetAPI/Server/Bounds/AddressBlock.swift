// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#else
    import Musl
#endif

/// Who counts as one stranger: an address of IPv4, and of IPv6 the 2^64 of which any host gets itself one (RFC 4291, section 2.5.1).
enum AddressBlock {
    /// The block of an address; text that is no address stands for itself.
    static func of(_ address: String) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        // What follows a percent sign is an interface of ours.
        guard inet_pton(AF_INET6, String(address.prefix { $0 != "%" }), &bytes) == 1 else { return address }
        let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]
        if Array(bytes.prefix(12)) == mapped { return bytes.suffix(4).map { "\($0)" }.joined(separator: ".") }
        return stride(from: 0, to: 8, by: 2).map { at in
            String(Int(bytes[at]) << 8 | Int(bytes[at + 1]), radix: 16)
        }.joined(separator: ":") + "/64"
    }
}
