// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// SHA-1 as FIPS 180-4, section 6.1, defines it.
///
/// It is ours because fleet's wire format needs it (a unit's hash is the SHA-1 of its canonical text, which fleet's clients
/// compare with their own) and `FleetCore` has no dependencies. It names content; it protects nothing: whoever may submit
/// units may run anything, so a collision gives no one more than they have.
package enum SHA1 {
    /// The digest of `bytes`, as 40 lowercase hexadecimal digits.
    ///
    /// - Complexity: O(n); keeps one copy of the input.
    package static func hexDigest(of bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        digits.reserveCapacity(40)
        for word in digest(of: bytes) {
            for shift in stride(from: UInt32(28), through: 0, by: -4) {
                let digit = UInt8(truncatingIfNeeded: word >> shift & 0xF)
                digits.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
            }
        }
        return String(decoding: digits, as: UTF8.self)
    }

    private static func digest(of bytes: some Sequence<UInt8>) -> [UInt32] {
        let message = padded(bytes)
        var state: [UInt32] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0]
        var schedule = [UInt32](repeating: 0, count: 80)
        for block in stride(from: 0, to: message.count, by: 64) {
            for t in 0..<16 {
                let at = block + 4 * t
                schedule[t] =
                    UInt32(message[at]) << 24 | UInt32(message[at + 1]) << 16 | UInt32(message[at + 2]) << 8
                    | UInt32(message[at + 3])
            }
            for t in 16..<80 {
                schedule[t] = rotated(schedule[t - 3] ^ schedule[t - 8] ^ schedule[t - 14] ^ schedule[t - 16], by: 1)
            }
            mix(schedule, into: &state)
        }
        return state
    }

    /// The message, a one bit, zeros up to 56 modulo 64 bytes, and the message's length in bits (section 5.1.1).
    private static func padded(_ bytes: some Sequence<UInt8>) -> [UInt8] {
        var message = Array(bytes)
        let bits = UInt64(message.count) &* 8
        message.append(0x80)
        while message.count % 64 != 56 { message.append(0) }
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            message.append(UInt8(truncatingIfNeeded: bits >> shift))
        }
        return message
    }

    /// The 80 rounds over one block (section 6.1.2, steps 2 to 4).
    private static func mix(_ schedule: [UInt32], into state: inout [UInt32]) {
        var (a, b, c, d, e) = (state[0], state[1], state[2], state[3], state[4])
        for t in 0..<80 {
            let choice: UInt32
            let constant: UInt32
            switch t {
            case 0..<20: (choice, constant) = (b & c ^ ~b & d, 0x5A82_7999)
            case 20..<40: (choice, constant) = (b ^ c ^ d, 0x6ED9_EBA1)
            case 40..<60: (choice, constant) = (b & c ^ b & d ^ c & d, 0x8F1B_BCDC)
            default: (choice, constant) = (b ^ c ^ d, 0xCA62_C1D6)
            }
            let next = rotated(a, by: 5) &+ choice &+ e &+ constant &+ schedule[t]
            (e, d, c, b, a) = (d, c, rotated(b, by: 30), a, next)
        }
        state[0] &+= a
        state[1] &+= b
        state[2] &+= c
        state[3] &+= d
        state[4] &+= e
    }

    private static func rotated(_ word: UInt32, by count: UInt32) -> UInt32 { word << count | word >> (32 - count) }
}
