// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Spans of time as systemd.time(7) writes them.
enum SystemdSpan {
    static let infinity = UInt64.max

    private static let units: [(names: [String], microseconds: UInt64)] = [
        (["usec", "us", "µs"], 1),
        (["msec", "ms"], 1000),
        (["seconds", "second", "sec", "s", ""], 1_000_000),
        (["minutes", "minute", "min", "m"], 60_000_000),
        (["hours", "hour", "hr", "h"], 3_600_000_000),
        (["days", "day", "d"], 86_400_000_000),
        (["weeks", "week", "w"], 604_800_000_000),
        (["months", "month", "M"], 2_629_800_000_000),
        (["years", "year", "y"], 31_557_600_000_000),
    ]

    /// The span in microseconds; `nil` for text that is none, which systemd ignores.
    static func parse(_ text: String) -> UInt64? {
        var rest = text.drop { $0 == " " }[...]
        if rest == "infinity" { return infinity }
        guard !rest.isEmpty else { return nil }
        var total: UInt64 = 0
        while !rest.isEmpty {
            let whole = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(whole.count)
            var fraction: Substring = ""
            if rest.first == "." {
                fraction = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
                rest = rest.dropFirst(fraction.count + 1)
            }
            guard !whole.isEmpty || !fraction.isEmpty else { return nil }
            rest = rest.drop { $0 == " " }
            let word = rest.prefix { $0.isLetter }
            rest = rest.dropFirst(word.count).drop { $0 == " " }
            guard let unit = units.first(where: { $0.names.contains(String(word)) })?.microseconds,
                let count = UInt64(whole.isEmpty ? "0" : whole)
            else { return nil }
            total += count * unit
            var part = unit / 10
            for digit in fraction {
                total += UInt64(digit.wholeNumberValue ?? 0) * part
                part /= 10
            }
        }
        return total
    }
}
