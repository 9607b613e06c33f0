// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Finds the word that somebody meant to write.
enum Spelling {
    /// The one word that is at most two slips from `word`, and fewer than any other; `nil` when there is none or several.
    ///
    /// A slip is a letter too many, missing, wrong, or changed with its neighbour.
    static func nearest(to word: String, among words: [String]) -> String? {
        let ranked = words.map { (slips: slips(Array(word), Array($0)), word: $0) }.filter { $0.slips <= 2 }
            .sorted { ($0.slips, $0.word) < ($1.slips, $1.word) }
        guard let best = ranked.first, best.slips < best.word.count, ranked.count < 2 || ranked[1].slips > best.slips
        else { return nil }
        return best.word
    }

    /// The optimal string alignment distance.
    private static func slips(_ left: [Character], _ right: [Character]) -> Int {
        var rows = [Array(0...right.count)]
        for (i, a) in left.enumerated() {
            var row = [i + 1]
            for (j, b) in right.enumerated() {
                var least = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (a == b ? 0 : 1))
                if i > 0, j > 0, a == right[j - 1], left[i - 1] == b { least = min(least, rows[i - 1][j - 1] + 1) }
                row.append(least)
            }
            rows.append(row)
        }
        return rows[left.count][right.count]
    }
}
