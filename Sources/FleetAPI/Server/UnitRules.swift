// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetCore

/// The core's rules for units, with their refusals as answers of status 400.
enum UnitRules {
    /// A name that some unit may have, be it one that was stored before names were checked as now.
    static func name(_ text: String) throws(ServerFailure) -> UnitName {
        do {
            return try UnitName(recorded: text)
        } catch {
            throw ServerFailure(400, error.message)
        }
    }

    /// The file that the entity carries; `nil` when it carries none.
    ///
    /// - Throws: 400 when the file does not read, or when options and contents are given and say different things.
    static func file(of entity: API.Unit) throws(ServerFailure) -> UnitFile? {
        do {
            let listed =
                try entity.options.isEmpty
                ? nil
                : UnitFile(
                    options: entity.options.map { UnitOption(section: $0.section, name: $0.name, value: $0.value) })
            guard let contents = entity.contents else { return listed }
            let file = try UnitFile(parsing: contents)
            if let listed, listed.canonicalHash != file.canonicalHash {
                throw ServerFailure(400, "options and contents do not say the same; send one of them")
            }
            return file
        } catch let error as UnitFileError {
            throw ServerFailure(400, error.message)
        } catch let failure as ServerFailure {
            throw failure
        } catch {
            throw ServerFailure(400, "\(error)")
        }
    }

    /// Checks what the core has against the unit, and that no other unit of `state` goes by one of its names.
    static func validate(_ file: UnitFile, of name: UnitName, in state: ClusterState) throws(ServerFailure) {
        if let why = UnitSubmission.refusal(of: file, as: name) { throw ServerFailure(400, why) }
        if let why = state.aliasClash(of: name, with: file) { throw ServerFailure(409, why) }
    }

    /// The file that takes the place of the one that `record` names; `nil` when the request brings none that differs.
    ///
    /// `options` say nothing of comments, so options alone that are those of the stored file change nothing.
    static func replacement(of record: UnitRecord, by entity: API.Unit, in state: ClusterState) throws(ServerFailure)
        -> UnitFile?
    {
        guard let file = try file(of: entity), file.hash != record.hash else { return nil }
        if entity.contents == nil, state.files[record.hash]?.canonicalHash == file.canonicalHash { return nil }
        return file
    }

    /// What the user wants of the unit; `nil` when the request does not say.
    ///
    /// - Throws: 400 for a state that does not exist, or that a template cannot have.
    static func target(_ text: String?, of name: UnitName) throws(ServerFailure) -> TargetState? {
        guard let text else { return nil }
        guard let target = TargetState(rawValue: text) else {
            let known = TargetState.allCases.map(\.rawValue).joined(separator: ", ")
            throw ServerFailure(400, "'\(text)' is no desiredState; use one of \(known)")
        }
        guard target == .inactive || !name.isTemplate else {
            throw ServerFailure(400, "\(name) is a template, which cannot be \(text); name an instance of it")
        }
        return target
    }

    static func isGlobal(_ file: UnitFile, of name: UnitName) -> Bool {
        // Reading the whole section is dear in a long listing, and most units have none.
        file.hasSection(SchedulingOptions.section) && SchedulingOptions(of: file, for: name).isGlobal
    }
}
