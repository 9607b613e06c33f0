// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore
import FoundationEssentials

/// All that is wrong with a unit file.
package struct UnitFileCheck: Encodable, Hashable, Sendable {
    package struct Problem: Encodable, Hashable, Sendable {
        /// From 1; `nil` where no single line is at fault.
        package let line: Int?
        package let message: String
    }

    package let file: String
    /// By line, those without one last.
    package let problems: [Problem]

    /// Reads and checks a file; that it cannot be read is a problem like others.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - settings: What systemd knows; `nil` where that is not known.
    package init(_ path: String, settings: SystemdSettings? = nil) {
        self.file = path
        let name: UnitName
        var problems: [Problem] = []
        do {
            name = try UnitFilePaths.name(of: path)
            problems += UnitSubmission.problems(of: name).map { Problem(line: $0.line, message: $0.message) }
        } catch {
            problems.append(Problem(line: nil, message: ClusterManagerError(wrapping: error).message))
            // A name that fits anything, so that the text is checked all the same.
            name = UnitName(unchecked: "unit.service")
        }
        do {
            problems += Self.problems(in: try UnitSource.text(ofFileAt: path), of: name, settings: settings)
        } catch {
            problems.append(Problem(line: nil, message: ClusterManagerError(wrapping: error).message))
        }
        self.problems = problems.enumerated()
            .sorted { ($0.element.line ?? .max, $0.offset) < ($1.element.line ?? .max, $1.offset) }.map(\.element)
    }

    /// One line per problem, as compilers write them, or that there is none.
    package var text: String {
        guard !problems.isEmpty else { return "\(file): ok\n" }
        return problems.map { problem in
            "\(file):" + (problem.line.map { "\($0):" } ?? "") + " \(problem.message)\n"
        }.joined()
    }

    /// What is wrong with `text` as the file of unit `name`, in no particular order.
    package static func problems(
        in text: String, of name: UnitName, settings: SystemdSettings? = nil
    ) -> [Problem] {
        let (syntax, file) = syntax(of: text)
        guard let file else { return syntax }
        // A line that could not be read may have been the missing one.
        guard syntax.isEmpty || !file.options.isEmpty else { return syntax }
        var problems = syntax
        problems += UnitSubmission.problems(of: file, as: name).map { Problem(line: $0.line, message: $0.message) }
        problems += foreignSections(in: file, of: name)
        problems += settings?.problems(in: file) ?? []
        // A header or a line that could not be read may have been the missing one.
        if syntax.isEmpty, !file.options.isEmpty {
            problems += UnitLoadCheck.problems(in: file, of: name).map { Problem(line: $0.line, message: $0.message) }
        }
        return problems
    }

    /// Every syntax error, and the file that is left without the lines at fault.
    ///
    /// The reader stops at the first error, so the line is taken out and the rest is read again, for as long as there is
    /// one to take out. A broken section header leaves one behind, or each line after it would be an error too.
    private static func syntax(of text: String) -> (problems: [Problem], file: UnitFile?) {
        var problems: [Problem] = []
        var lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        while true {
            do throws(UnitFileError) {
                return (problems, try UnitFile(parsing: lines.joined(separator: "\n")))
            } catch {
                problems.append(Problem(line: error.line, message: error.text))
                guard let line = error.line, line <= lines.count, problems.count < 100 else { return (problems, nil) }
                let replacement = error.code == .badSection || error.code == .outsideSection ? "[X-Unreadable]" : "#"
                guard lines[line - 1] != replacement else { return (problems, nil) }
                lines[line - 1] = replacement
            }
        }
    }

    /// Sections that systemd passes over with a warning in its log (systemd.syntax(7)), each where its first setting stands.
    private static func foreignSections(in file: UnitFile, of name: UnitName) -> [Problem] {
        guard let type = name.type else { return [] }
        var known = ["Unit", "Install"]
        if type.hasSection { known.append(type.section) }
        var told: [String] = []
        var problems: [Problem] = []
        for (option, line) in file.optionLines
        where !known.contains(option.section) && !option.section.hasPrefix("X-") {
            let section = option.section
            guard !told.contains(section) else { continue }
            told.append(section)
            let choice = known.map { "[\($0)]" }.joined(separator: ", ")
            problems.append(
                Problem(
                    line: line,
                    message:
                        "systemd ignores the section [\(section)] of a \(type.rawValue); it knows \(choice) and those "
                        + "whose names begin with X-"))
        }
        return problems
    }
}

extension UnitType {
    /// Whether systemd knows a section of that name; a target or a device has only the common ones (systemd.unit(5)).
    fileprivate var hasSection: Bool {
        switch rawValue {
        case "target", "device": false
        default: true
        }
    }
}
