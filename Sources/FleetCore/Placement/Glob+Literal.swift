// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension Glob {
    /// The text before the first wildcard; every name that matches begins with it.
    var literalPrefix: String {
        let special: Set<Character> = ["*", "?", "[", "\\"]
        return String(pattern.prefix { !special.contains($0) })
    }

    /// Without any wildcard: it matches one name, its own text.
    var isLiteral: Bool { literalPrefix == pattern }
}
