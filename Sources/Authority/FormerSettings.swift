// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// The agent's settings file as it was before the machine joined: an operator's, or that of a former membership.
struct FormerSettings {
    static let metadataName = "FLOTILLA_METADATA"
    private static let prefix = "FLOTILLA_"
    private static let heading = "# Written when this machine joined its cluster."

    private let lines: [Substring]

    init(_ text: String) {
        var lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        // What stands behind the last line's end is no line.
        if lines.last?.isEmpty == true { lines.removeLast() }
        self.lines = lines
    }

    /// The machine's metadata that can stay beside those of a token.
    var metadata: [String: String] {
        var pairs: [String: String] = [:]
        // Of several lines the last counts, as for the agent.
        guard let line = lines.last(where: { Self.name(of: $0) == Self.metadataName }) else { return [:] }
        for pair in Self.value(of: line).split(separator: ",") {
            let sides = pair.split(separator: "=", maxSplits: 1).map { String(Self.trimmed($0)) }
            guard sides.count == 2, MetadataPair.complaint(sides[0], sides[1]) == nil else { continue }
            pairs[sides[0]] = sides[1]
        }
        return pairs
    }

    /// The file with other settings in the place of those that it has, and behind its lines where it has none.
    ///
    /// `settings` are names of variables with their values; `nil` takes a line away.
    func text(with settings: [(name: String, value: String?)]) -> String {
        var left = settings
        var kept: [String] = lines.isEmpty ? [Self.heading] : []
        for line in lines {
            guard let name = Self.name(of: line), settings.contains(where: { $0.name == name }) else {
                kept.append(String(line))
                continue
            }
            // Once: of the agent's two spellings, and of lines that say it again, one stays.
            guard let index = left.firstIndex(where: { $0.name == name }) else { continue }
            if let value = left.remove(at: index).value { kept.append(Self.line(name, value)) }
        }
        for case (let name, let value?) in left { kept.append(Self.line(name, value)) }
        return kept.joined(separator: "\n") + "\n"
    }

    private static func line(_ name: String, _ value: String) -> String { "\(name)=\"\(value)\"" }

    /// The variable that a line sets, whose name the agent also takes as `etcd-endpoints`; `nil` for comments and other lines.
    private static func name(of line: Substring) -> String? {
        let line = trimmed(line)
        guard let first = line.first, first != "#", first != ";", let equals = line.firstIndex(of: "=") else {
            return nil
        }
        let name = String(trimmed(line[..<equals]))
        guard !name.hasPrefix(prefix) else { return name }
        // Such as fleet's public_ip, beside which ours counts.
        guard !name.contains("_") else { return nil }
        return prefix + String(name.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    private static func value(of line: Substring) -> Substring {
        let value = trimmed(line.drop { $0 != "=" }.dropFirst())
        guard value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote else {
            return value
        }
        return value.dropFirst().dropLast()
    }

    private static func trimmed(_ text: Substring) -> Substring {
        let start = text.firstIndex { !$0.isWhitespace } ?? text.endIndex
        let end = text.lastIndex { !$0.isWhitespace }.map { text.index(after: $0) } ?? start
        return text[start..<end]
    }
}
