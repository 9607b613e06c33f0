// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Moments as `--since` and `--until` name them: the common forms of systemd.time(7).
///
/// What names no zone is in the one in which the command shows times, so that what it shows can be given back to it: local time
/// for `journal`, UTC for `audit`.
package enum JournalTime {
    /// What the forms are, for a mistake's message.
    package static let forms =
        "2026-03-09 14:30:00, 2026-03-09, 14:30, @1770000000, now, today, yesterday, tomorrow, 1h, -1h, '10 min ago'"

    private static let second: Int64 = 1_000_000

    /// Reads the name of a moment.
    ///
    /// - Parameters:
    ///   - text: The name.
    ///   - now: The present moment, in microseconds since 1970.
    ///   - isUTC: Whether what names no zone is in UTC rather than in local time.
    /// - Returns: The moment in the same unit; `nil` for text that names none.
    package static func parse(_ text: String, now: Int64, isUTC: Bool = false) -> Int64? {
        var text = text.trimming { $0 == " " }
        switch text {
        case "now": return now
        case "today": return day(0, now, isUTC)
        case "yesterday": return day(-1, now, isUTC)
        case "tomorrow": return day(1, now, isUTC)
        default: break
        }
        if text.hasPrefix("@") { return fraction(text.dropFirst()) }
        if text.hasSuffix(" ago") {
            text = String(text.dropLast(4))
            return span(text).flatMap { shifted(now, by: -$0) }
        }
        if text.hasPrefix("-") { return span(String(text.dropFirst())).flatMap { shifted(now, by: -$0) } }
        if text.hasPrefix("+") { return span(String(text.dropFirst())).flatMap { shifted(now, by: $0) } }
        return calendar(text, now, isUTC)
    }

    /// Reads what an option names: a moment, or a bare span such as `1h`, which means that long ago.
    ///
    /// - Throws: `ClusterManagerError.usage` for text that names none.
    static func moment(_ text: String, option: String, now: Int64, isUTC: Bool = false) throws -> Int64 {
        // A number alone would be seconds to one reader and a year to another.
        let isSpan = text.first?.isNumber == true && text.last?.isLetter == true && text.last != "Z"
        let moment = parse(text, now: now, isUTC: isUTC) ?? (isSpan ? parse("-" + text, now: now) : nil)
        if let moment { return moment }
        throw ClusterManagerError(.usage, "'\(text)' is no time for \(option); write it as one of: \(forms)")
    }

    private static func shifted(_ now: Int64, by span: Int64) -> Int64? {
        let (moment, overflow) = now.addingReportingOverflow(span)
        return overflow || moment < 0 ? nil : moment
    }

    /// Seconds with a fraction, in microseconds.
    private static func fraction(_ text: Substring) -> Int64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = number(parts[0]), whole <= Int64.max / second else { return nil }
        guard parts.count == 2 else { return whole * second }
        let digits = parts[1].prefix(6)
        guard !digits.isEmpty, let part = number(digits), number(parts[1]) != nil else { return nil }
        let scale = (digits.count..<6).reduce(Int64(1)) { scale, _ in scale * 10 }
        return (whole * second).addingReportingOverflow(part * scale).partialValue
    }

    private static func number(_ text: some StringProtocol) -> Int64? {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return Int64(text)
    }

    // MARK: Spans

    private static let units: [(names: [String], seconds: Int64)] = [
        (["s", "sec", "second", "seconds", ""], 1), (["m", "min", "minute", "minutes"], 60),
        (["h", "hr", "hour", "hours"], 3600), (["d", "day", "days"], 86_400), (["w", "week", "weeks"], 604_800),
        (["M", "month", "months"], 2_629_800), (["y", "year", "years"], 31_557_600),
    ]

    /// Microseconds of a span such as `1h 30min`.
    private static func span(_ text: String) -> Int64? {
        var rest = text[...]
        var sum: Int64 = 0
        var isEmpty = true
        while true {
            rest = rest.drop { $0 == " " }
            if rest.isEmpty { return isEmpty ? nil : sum }
            let digits = rest.prefix { $0.isASCII && $0.isNumber }
            rest = rest.dropFirst(digits.count).drop { $0 == " " }
            let word = rest.prefix { $0.isASCII && $0.isLetter }
            rest = rest.dropFirst(word.count)
            guard let count = number(digits), let unit = units.first(where: { $0.names.contains(String(word)) }) else {
                return nil
            }
            let (product, tooLarge) = count.multipliedReportingOverflow(by: unit.seconds * second)
            let (total, tooMuch) = sum.addingReportingOverflow(product)
            if tooLarge || tooMuch { return nil }
            sum = total
            isEmpty = false
        }
    }

    // MARK: The calendar

    private static func day(_ offset: Int32, _ now: Int64, _ isUTC: Bool) -> Int64? {
        var fields = isUTC ? universal(now) : local(now)
        (fields.tm_hour, fields.tm_min, fields.tm_sec) = (0, 0, 0)
        fields.tm_mday += offset
        return moment(fields, universal: isUTC)
    }

    /// How far a time's zone is east of Greenwich, in microseconds, and the time itself: of `14:30:00+0100` or `14:30+01:00`.
    private static func zoned(_ text: String) -> (time: String, east: Int64)? {
        guard let sign = text.lastIndex(where: { $0 == "+" || $0 == "-" }), text[..<sign].contains(":") else {
            return nil
        }
        let digits = text[text.index(after: sign)...].filter { $0 != ":" }
        guard digits.count == 4, let value = number(digits), value < 2400, value % 100 < 60 else { return nil }
        let east = (value / 100 * 3600 + value % 100 * 60) * second
        return (String(text[..<sign]), text[sign] == "-" ? -east : east)
    }

    /// `[DATE] [TIME]`, of which one may be missing; `T` may stand between, and `Z`, `UTC` or `+0100` behind.
    private static func calendar(_ text: String, _ now: Int64, _ isByDefaultUTC: Bool) -> Int64? {
        var text = text
        var isUTC = text.hasSuffix("Z") || text.hasSuffix(" UTC")
        var east: Int64 = 0
        if isUTC {
            text = String(text.dropLast(text.hasSuffix("Z") ? 1 : 4))
        } else if let zoned = zoned(text) {
            (text, east) = zoned
            isUTC = true
        } else {
            isUTC = isByDefaultUTC
        }
        let words = text.split { $0 == " " || $0 == "T" }
        guard (1...2).contains(words.count) else { return nil }
        var fields = isUTC ? universal(now + east) : local(now)
        (fields.tm_hour, fields.tm_min, fields.tm_sec) = (0, 0, 0)
        var microseconds: Int64 = 0
        var hasDate = false
        for (index, word) in words.enumerated() {
            if word.contains("-") {
                guard index == 0, let date = numbers(word, "-", 3...3), (1970...9999).contains(date[0]),
                    (1...12).contains(date[1]), (1...31).contains(date[2])
                else { return nil }
                (fields.tm_year, fields.tm_mon, fields.tm_mday) = (date[0] - 1900, date[1] - 1, date[2])
                hasDate = true
            } else {
                guard index == 0 || hasDate else { return nil }
                let parts = word.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
                guard let time = numbers(parts[0], ":", 2...3), time[0] < 24, time[1] < 60,
                    time.count < 3 || time[2] < 60
                else { return nil }
                (fields.tm_hour, fields.tm_min, fields.tm_sec) = (time[0], time[1], time.count == 3 ? time[2] : 0)
                if parts.count == 2 {
                    guard time.count == 3, let part = fraction("0." + parts[1]) else { return nil }
                    microseconds = part
                }
            }
        }
        let day = fields.tm_mday
        guard let seconds = isUTC ? moment(fields, universal: true) : moment(fields) else { return nil }
        // The 31st of a month that has none comes out as the first of the next.
        let back = isUTC ? universal(seconds) : local(seconds)
        guard back.tm_mday == day else { return nil }
        return seconds + microseconds - east
    }

    private static func numbers(
        _ text: some StringProtocol, _ separator: Character, _ counts: ClosedRange<Int>
    ) -> [Int32]? {
        let parts = text.split(separator: separator, omittingEmptySubsequences: false)
        guard counts.contains(parts.count) else { return nil }
        let values = parts.compactMap { part in number(part).flatMap { Int32(exactly: $0) } }
        return values.count == parts.count ? values : nil
    }

    /// The local calendar's fields for a moment.
    static func local(_ moment: Int64) -> tm {
        var seconds = time_t(moment / second)
        var fields = tm()
        localtime_r(&seconds, &fields)
        fields.tm_isdst = -1
        return fields
    }

    private static func universal(_ moment: Int64) -> tm {
        var seconds = time_t(moment / second)
        var fields = tm()
        gmtime_r(&seconds, &fields)
        return fields
    }

    private static func moment(_ fields: tm, universal: Bool = false) -> Int64? {
        var fields = fields
        if !universal { fields.tm_isdst = -1 }
        let seconds = universal ? timegm(&fields) : mktime(&fields)
        return seconds < 0 ? nil : Int64(seconds) * second
    }
}

extension String {
    fileprivate func trimming(_ drops: (Character) -> Bool) -> String {
        var text = self[...].drop(while: drops)
        while let last = text.last, drops(last) { text.removeLast() }
        return String(text)
    }
}
