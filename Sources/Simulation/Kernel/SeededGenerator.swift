// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Random numbers that are the same on every machine for one seed: xoshiro256**, its state filled by SplitMix64.
///
/// - Source: D. Blackman and S. Vigna, "Scrambled Linear Pseudorandom Number Generators", 2021 (public domain reference).
package struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: (UInt64, UInt64, UInt64, UInt64)

    package init(seed: UInt64) {
        var mix = SplitMix64(state: seed)
        state = (mix.next(), mix.next(), mix.next(), mix.next())
    }

    package mutating func next() -> UInt64 {
        let product = state.1 &* 5
        let result = ((product << 7) | (product >> 57)) &* 9
        let shifted = state.1 << 17
        state.2 ^= state.0
        state.3 ^= state.1
        state.1 ^= state.2
        state.0 ^= state.3
        state.2 ^= shifted
        state.3 = (state.3 << 45) | (state.3 >> 19)
        return result
    }

    /// A number in `0..<limit`; 0 for a limit below 1.
    ///
    /// By multiplication, whose bias below one in 2^32 does not matter here, and not by the standard library, whose
    /// method may change with its version.
    mutating func below(_ limit: Int) -> Int {
        limit < 1 ? 0 : Int(((next() >> 32) * UInt64(limit)) >> 32)
    }

    /// A number in the closed range.
    mutating func between(_ low: Int64, _ high: Int64) -> Int64 {
        low + Int64(next().multipliedFullWidth(by: UInt64(max(0, high - low)) + 1).high)
    }

    /// True `part` times in `whole`.
    mutating func chance(_ part: Int, in whole: Int) -> Bool { below(whole) < part }

    /// One of the elements; `nil` of none.
    mutating func pick<Element>(_ elements: [Element]) -> Element? {
        elements.isEmpty ? nil : elements[below(elements.count)]
    }
}

/// Spreads one number over many: the stirring step that fills a generator's state.
struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
