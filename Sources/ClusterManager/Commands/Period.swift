// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

/// A span of time as people write it, the same for every option that takes one.
enum Period {
    private static let units: [Character: Double] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]

    /// Seconds of `90`, `2.5`, `90s`, `10m`, `1h` or `7d`; `nil` for what is no span above 0.
    static func time(_ text: String) -> Double? {
        let unit = text.last.flatMap { units[$0] }
        let digits = unit == nil ? text[...] : text.dropLast()
        guard digits.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let number = Double(digits), number > 0
        else { return nil }
        return number * (unit ?? 1)
    }

    /// Whole seconds of `90`, `90s`, `10m`, `1h` or `7d`.
    ///
    /// - Throws: `ClusterManagerError.usage`.
    static func seconds(_ text: String) throws -> Int64 {
        guard !text.contains("."), let time = time(text), time < 1_000_000_000 * 86_400 else {
            throw ClusterManagerError(.usage, "'\(text)' is no span of time; write it like 30s, 10m, 1h or 7d")
        }
        return Int64(time)
    }

    /// Checks the value of any command's `--timeout`, which may be up to a year.
    ///
    /// - Throws: `ValidationError`.
    static func checkTimeout(_ text: String?) throws { try check(text, "--timeout", most: 31_536_000) }

    /// Checks an option's value while the command line is read.
    ///
    /// - Throws: `ValidationError` for what is no span from above 0 to `most` seconds.
    static func check(_ text: String?, _ option: String, most: Double) throws {
        guard let text else { return }
        guard let time = time(text), time <= most else {
            throw ValidationError(
                "\(option) must be more than 0 and at most \(Int(most)) seconds, written like 30, 30s, 10m or 1h")
        }
    }
}
