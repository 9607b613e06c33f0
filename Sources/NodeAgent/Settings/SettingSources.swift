// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Where each setting's text comes from: flag over environment over file over default.
///
/// Environment and file may also use the names of fleet's daemon; beside one of ours, ours wins.
package struct SettingSources: Sendable {
    package enum Origin: Hashable, Sendable, CustomStringConvertible {
        case flag
        case environment
        /// A variable of fleet's.
        case fleetEnvironment(String)
        case file(String, line: Int)
        case builtIn

        package var description: String {
            switch self {
            case .flag: "flag"
            case .environment: "environment"
            case .fleetEnvironment(let name): "environment, \(name)"
            case .file(let path, let line): "\(path):\(line)"
            case .builtIn: "default"
            }
        }
    }

    package struct Value: Hashable, Sendable {
        package var text: String
        package var origin: Origin
    }

    private var values: [SettingKey: Value] = [:]
    /// What was found and is not followed: one line each, which says what to do instead.
    package private(set) var warnings: [String] = []

    /// - Parameters:
    ///   - flags: What was given on the command line.
    ///   - environment: The process's environment; empty values count as not given, and names that are no setting of
    ///     the agent may be another program's: of those the ones near a setting's name bring a warning.
    ///   - file: Path and content of the configuration file, if there is one.
    /// - Throws: `SettingsError` for a line of the file that is not `NAME=VALUE`, or whose name does not exist.
    package init(
        flags: [SettingKey: String], environment: [String: String], file: (path: String, text: String)?
    ) throws(SettingsError) {
        if let file { try read(file.text, path: file.path) }
        for setting in FleetSetting.allCases {
            guard let text = environment[setting.variable], !text.isEmpty else { continue }
            take(setting, text, from: .fleetEnvironment(setting.variable), named: setting.variable)
        }
        let byVariable = Dictionary(uniqueKeysWithValues: SettingKey.allCases.map { ($0.variable, $0) })
        for (name, text) in environment.sorted(by: { $0.key < $1.key }) where !text.isEmpty {
            guard let key = byVariable[name] else {
                if name.hasPrefix(SettingKey.variablePrefix), let meant = SettingKey.nearest(to: name) {
                    warnings.append(
                        "\(name) of the environment is no setting, and is not followed; did you mean '\(meant)'?")
                }
                continue
            }
            values[key] = Value(text: text, origin: .environment)
        }
        for (key, text) in flags { values[key] = Value(text: text, origin: .flag) }
    }

    package subscript(key: SettingKey) -> Value {
        values[key] ?? Value(text: key.defaultText, origin: .builtIn)
    }

    /// Every setting with its value and origin, a line each, for `--check`.
    package var report: [String] {
        let width = SettingKey.allCases.map(\.rawValue.count).max() ?? 0
        return SettingKey.allCases.map { key in
            let value = self[key]
            let name = key.rawValue + String(repeating: " ", count: width - key.rawValue.count)
            return "\(name)  \(value.text.isEmpty ? "-" : value.text)  (\(value.origin))"
        }
    }

    /// Lines `NAME=VALUE` as in systemd's environment files: `#` and `;` begin comments, quotes around a value go.
    private mutating func read(_ text: String, path: String) throws(SettingsError) {
        let names = Dictionary(
            SettingKey.allCases.flatMap { [($0.variable, $0), ($0.rawValue, $0)] },
            uniquingKeysWith: { first, _ in first })
        var fleets: [(setting: FleetSetting, text: String, line: Int)] = []
        var own: Set<SettingKey> = []
        // A file that was edited elsewhere may end its lines with CR LF, which Swift takes as one character.
        for (index, line) in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).enumerated() {
            let line = line.trimmed
            guard let first = line.first, first != "#", first != ";" else { continue }
            guard let equals = line.firstIndex(of: "=") else {
                throw SettingsError("\(path):\(index + 1): expected NAME=VALUE, found '\(line)'")
            }
            let name = line[..<equals].trimmed
            var value = line[line.index(after: equals)...].trimmed
            if value.count >= 2, let quote = value.first, quote == "\"" || quote == "'", value.last == quote {
                value = value.dropFirst().dropLast()
            }
            guard let key = names[String(name)] else {
                if let setting = FleetSetting(rawValue: String(name)) {
                    fleets.append((setting, String(value), index + 1))
                    continue
                }
                let question = SettingKey.nearest(to: String(name)).map { " did you mean '\($0)'?" } ?? ""
                throw SettingsError(
                    "\(path):\(index + 1): there is no setting '\(name)';\(question) see '\(SettingKey.listing)'")
            }
            values[key] = Value(text: String(value), origin: .file(path, line: index + 1))
            own.insert(key)
        }
        for (setting, text, line) in fleets where !text.isEmpty {
            take(setting, text, from: .file(path, line: line), named: setting.rawValue, unless: own)
        }
    }

    /// Takes a setting of fleet's, or says why it is not taken.
    private mutating func take(
        _ setting: FleetSetting, _ text: String, from origin: Origin, named name: String,
        unless own: Set<SettingKey> = []
    ) {
        switch setting.meaning(of: text) {
        case .ours(let key, let text) where !own.contains(key): values[key] = Value(text: text, origin: origin)
        case .ours, .moot: break
        case .none(let instead): warnings.append("\(name) of fleet (\(origin)) is not followed: \(instead)")
        }
    }
}

/// Settings that cannot be used: what is wrong, with which, and what it may be.
package struct SettingsError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { message }
}

extension Substring {
    /// Without blanks at both ends.
    var trimmed: Substring {
        let start = firstIndex { !$0.isWhitespace } ?? endIndex
        let end = lastIndex { !$0.isWhitespace }.map { index(after: $0) } ?? start
        return self[start..<end]
    }
}
