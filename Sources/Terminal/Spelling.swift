// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How near a word is to the name that was probably meant.
package enum Spelling {
    /// Whether `word` is `name` but for a slip of the fingers or two.
    package static func isSlip(_ word: String, of name: String) -> Bool {
        let distance = distance(word, name)
        return distance <= 2 && distance * 2 < word.count
    }

    /// How many letters must be changed, added, taken away or swapped with their neighbour.
    package static func distance(_ one: String, _ other: String) -> Int {
        let (a, b) = (Array(one), Array(other))
        var rows = [Array(0...b.count)]
        for i in 0..<a.count {
            var row = [i + 1]
            for j in 0..<b.count {
                var best = min(rows[i][j] + (a[i] == b[j] ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
                if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { best = min(best, rows[i - 1][j - 1] + 1) }
                row.append(best)
            }
            rows.append(row)
        }
        return rows[a.count][b.count]
    }
}
