// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Terminal

/// One column of a table of `Row`s.
package struct Column<Row>: Sendable {
    /// The word that selects the column in `--fields`; the header is the same in capitals.
    package let field: String
    package let value: @Sendable (Row, Bool) -> String
    package let style: @Sendable (String) -> Style?

    /// Makes a column.
    ///
    /// - Parameters:
    ///   - field: Name for `--fields`.
    ///   - style: Colour for a cell's text, where colours are on.
    ///   - value: The cell's text; the second argument says whether ids and hashes are wanted in full.
    package init(
        _ field: String, style: @escaping @Sendable (String) -> Style? = { _ in nil },
        value: @escaping @Sendable (Row, Bool) -> String
    ) {
        self.field = field
        self.style = style
        self.value = value
    }
}

/// How a table is to look.
package struct TableLayout: Sendable {
    package var hasLegend = true
    package var isFull = false
    package var hasColours = false

    package init(hasLegend: Bool = true, isFull: Bool = false, hasColours: Bool = false) {
        self.hasLegend = hasLegend
        self.isFull = isFull
        self.hasColours = hasColours
    }
}

/// A kind of row: which columns there are, and which are shown unless the user says otherwise.
package protocol TableRow: Encodable, Sendable {
    /// What the rows are, in the plural, for the sentence that there are none.
    static var subjects: String { get }
    static var columns: [Column<Self>] { get }
    static var defaultFields: [String] { get }
}

extension TableRow {
    /// The columns named by `fields`, in that order.
    ///
    /// - Throws: `ClusterManagerError.usage` for a field that does not exist, naming those that do.
    package static func columns(for fields: [String]?) throws -> [Column<Self>] {
        try (fields ?? defaultFields).map { field in
            guard let column = columns.first(where: { $0.field == field }) else {
                let known = columns.map(\.field).joined(separator: ",")
                throw ClusterManagerError(.usage, "unknown field '\(field)' in --fields; choose from \(known)")
            }
            return column
        }
    }
}

/// Lines of aligned columns.
///
/// fleet pads with tab characters, which line up only where tabs are eight wide, while the INAETICS guide prints its
/// tables aligned with blanks. Here each column is as wide as its widest cell and two blanks follow it, so a table looks
/// the same in a terminal, a file and a mail; scripts that split at white space read both forms alike. A cell is never
/// empty, so that such scripts find every column: `-` stands for nothing.
package struct Table: Sendable {
    private let lines: [[(text: String, style: Style?)]]
    private let hasColours: Bool

    package init<Row: TableRow>(_ rows: [Row], columns: [Column<Row>], layout: TableLayout = TableLayout()) {
        var lines: [[(text: String, style: Style?)]] = []
        if layout.hasLegend { lines.append(columns.map { ($0.field.uppercased(), nil) }) }
        for row in rows {
            lines.append(
                columns.map { column in
                    let text = column.value(row, layout.isFull)
                    return text.isEmpty ? ("-", nil) : (Printable.line(text), column.style(text))
                })
        }
        self.lines = lines
        self.hasColours = layout.hasColours
    }

    /// The table, each line ended by a newline; empty when there is neither legend nor row.
    package var text: String {
        var widths: [Int] = []
        for line in lines {
            for (index, cell) in line.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.text.count)
            }
        }
        var result = ""
        for line in lines {
            for (index, cell) in line.enumerated() {
                result += cell.style?.applied(to: cell.text, if: hasColours) ?? cell.text
                guard index < line.count - 1 else { continue }
                result += String(repeating: " ", count: widths[index] - cell.text.count + 2)
            }
            result += "\n"
        }
        return result
    }
}
