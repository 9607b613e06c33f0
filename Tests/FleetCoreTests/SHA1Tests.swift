// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

/// The vectors of FIPS 180 and of NIST's examples, and lengths around the block size from another implementation.
@Suite struct SHA1Tests {
    @Test(
        "published vectors come out",
        arguments: [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            ("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
            (
                "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrst"
                    + "nopqrstu", "a49b2446a02c645bf419f995b67091253a04a259"
            ),
        ])
    func published(message: String, digest: String) {
        #expect(SHA1.hexDigest(of: message.utf8) == digest)
    }

    @Test("a million letters come out")
    func long() {
        #expect(
            SHA1.hexDigest(of: repeatElement(UInt8(ascii: "a"), count: 1_000_000))
                == "34aa973cd4c4daa4f61eeb2bdbad27316534016f")
    }

    @Test(
        "messages that end at or near the end of a block come out",
        arguments: [
            (55, "7b271259bf2d2d3311f75d398745f5309ff76e09"),
            (56, "cc30d5bc02bd26f3da6c5801880078dad9a63032"),
            (63, "0807f7f930492f9e95070290aeac189e3721bf07"),
            (64, "ce2798652a5cbba06c6f736ddeca9724e479e5b7"),
            (65, "b0931a65ae5cf3e027199de5f7c56eb0f073c552"),
            (119, "c69516277e59324c6533caed0d3f7974cbc86061"),
            (120, "b265d110f022092352c9471f056c857b31ad79d8"),
            (128, "4e62cf8bbce5071fabccabebdee5ede47a596d2d"),
        ])
    func padding(count: Int, digest: String) {
        #expect(SHA1.hexDigest(of: repeatElement(UInt8(ascii: "q"), count: count)) == digest)
    }
}
