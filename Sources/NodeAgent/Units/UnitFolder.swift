// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Agent
import FleetCore
import Systemd

/// The unit files that this agent put on its machine: the folder they lie in, and their drop-ins beside systemd's own.
///
/// File work happens on a thread of its own, never on the pool that serves the session.
actor UnitFolder: UnitFiles {
    private let thread = FileExecutor(label: "flotilla.unit-folder")
    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    /// Where unit files lie; what lies here is ours.
    private let folder: String
    /// systemd's runtime folder, where links and drop-ins go.
    private let searchFolder: String
    private let links: UnitLinks
    private let dropIns: UnitDropIns
    private static let dropInName = "50-flotilla.conf"
    /// What the folder holds; `nil` until it was read for the first time.
    private var installed: [UnitName: InstalledFile]?
    /// Units whose files were removed: systemd goes on with what it has loaded of one that another unit refers to.
    private var removed: Set<UnitName> = []
    /// What the files in force ask for, also when somebody has removed one.
    private var sections: [UnitName: InstallSection] = [:]
    /// Units that are on their way out: they have no links any more.
    private var hidden: Set<UnitName> = []
    /// Units that lacked something when they were last looked at.
    private var lacking: Set<UnitName> = []
    /// Units that were found damaged and have not been whole since.
    private var stillDamaged: Set<UnitName> = []

    init(
        folder: String, searchFolder: String, searchPath: [String] = UnitLinks.systemSearchPath, dropIns: UnitDropIns
    ) {
        self.folder = folder
        self.searchFolder = searchFolder
        links = UnitLinks(folder: searchFolder, searchPath: searchPath)
        self.dropIns = dropIns
    }

    /// Makes the folders, as far as nothing stands in the way.
    ///
    /// - Throws: `HostError` when systemd's folder cannot take the target that units come after.
    func prepare() throws(HostError) {
        // An agent that ended here would have all units of its machine fenced; `probe` tells of it, and no new unit comes.
        for folder in [folder, startedFolder] { try? HostFiles.makeFolder(folder) }
        try HostFiles.makeFolder(searchFolder)
        // A restart of the agent must not fail because the disk is full by now.
        if let text = dropIns.targetText { try HostFiles.keep(text, at: searchFolder + "/" + UnitDropIns.target) }
    }

    /// The target that units come after; `nil` when there is none.
    var target: String? { dropIns.targetText.map { _ in UnitDropIns.target } }

    /// Holds, for each unit that was ordered to start and not stopped since, the hash of the file that was in force then.
    private var startedFolder: String { folder + ".started" }

    /// What lies in the folder for one unit.
    func file(of unit: UnitName) -> InstalledFile? {
        if installed == nil { installed = scan() }
        return installed?[unit]
    }

    /// Notes from which file a unit is about to be started, or that it is stopped, for the next run of the agent.
    ///
    /// - Throws: `HostError` when the note is not on disk; the unit may not be started then.
    func note(_ unit: UnitName, started hash: ContentHash?) throws(HostError) {
        guard file(of: unit)?.startedHash != hash else { return }
        let path = startedFolder + "/" + unit.rawValue
        if let hash { try HostFiles.write(hash.rawValue, to: path) } else { try HostFiles.remove(path) }
        installed?[unit]?.startedHash = hash
    }

    func path(of unit: UnitName) -> String { folder + "/" + unit.rawValue }

    /// Tries whether all that a new unit needs can be written.
    ///
    /// Into systemd's folder nothing is written: systemd would read its units' names anew.
    ///
    /// - Throws: `HostError`, with `.scarce` where small files fit and a large one does not.
    func probe() throws(HostError) {
        for folder in [folder, startedFolder, searchFolder] {
            try HostFiles.makeFolder(folder)
            try HostFiles.checkWritable(folder)
        }
        let path = folder + "/.probe"
        do throws(HostError) {
            try HostFiles.write(Self.largeFile, to: path)
        } catch {
            guard error.storage == .full, (try? HostFiles.write("# probe\n", to: path)) != nil else { throw error }
            try HostFiles.remove(path)
            throw HostError(error.message, storage: .scarce)
        }
        try HostFiles.remove(path)
    }

    /// 64 KiB, which is more than nearly all unit files have: a folder that takes less would take some units and refuse others.
    private static let largeFile = String(repeating: "# probe\n", count: 8192)

    /// Whether a path by which systemd has loaded `unit` is the file here, or systemd's link to it.
    func isOurs(_ fragment: String, _ unit: UnitName) -> Bool {
        fragment == path(of: unit) || fragment == searchFolder + "/" + unit.rawValue
    }

    func exists(_ path: String) -> Bool { HostFiles.exists(path) }

    func programPlaces() -> [String] { OwnProgram.places }

    /// The units whose files lie in the folder, and those that were started and have lost theirs, by name.
    ///
    /// A file that cannot be read is left alone; it counts as lost.
    func files() -> [InstalledFile] {
        let known = installed ?? scan()
        installed = known
        return known.values.sorted { $0.unit < $1.unit }
    }

    /// The units that must be dead before the session may end, by name.
    func fencedUnits() -> [UnitName] { files().filter { !$0.isKept }.map(\.unit) }

    private func scan() -> [UnitName: InstalledFile] {
        var found: [UnitName: InstalledFile] = [:]
        let started = Set(HostFiles.names(in: startedFolder))
        for name in HostFiles.names(in: folder) {
            guard let unit = try? UnitName(recorded: name), let text = try? HostFiles.read(folder + "/" + name),
                var file = try? UnitFile(parsing: text)
            else { continue }
            let note =
                started.contains(name) ? ContentHash((try? HostFiles.read(startedFolder + "/" + name)) ?? "") : nil
            // What an agent of version 0.1 has started goes on under the name that its file had then.
            if let note, note == file.canonicalHash { file = file.named(note) }
            found[unit] = entry(file, unit)
            // A note without a readable hash was written for the file that lies there, as far as anybody can tell.
            if started.contains(name) { found[unit]?.startedHash = note ?? file.hash }
        }
        // What was started and not stopped since is ours, whatever became of its file (rule R1).
        for name in started {
            guard let unit = try? UnitName(recorded: name), found[unit] == nil else { continue }
            // A note that cannot be read names no file: the next one is another.
            let note = ContentHash((try? HostFiles.read(startedFolder + "/" + name)) ?? "") ?? ContentHash(of: "")
            found[unit] = Self.damaged(unit, note, startedHash: note)
        }
        return found
    }

    /// A unit that may run although its file is lost: nothing is known of it but its name, so it is fenced.
    private static func damaged(_ unit: UnitName, _ hash: ContentHash, startedHash: ContentHash?) -> InstalledFile {
        InstalledFile(unit: unit, hash: hash, isKept: false, startedHash: startedHash, isDamaged: true)
    }

    /// Takes up a unit that runs here for its claim's sake and of which neither file nor note are left.
    func takeUp(_ unit: UnitName, hash: ContentHash) {
        guard file(of: unit) == nil else { return }
        installed?[unit] = Self.damaged(unit, hash, startedHash: nil)
    }

    /// Writes the file of one unit with its drop-in.
    ///
    /// - Returns: What lies there now, and whether it took the place of a file that systemd may have loaded.
    /// - Throws: `HostError`, also for a name that the machine has a unit of its own by; nothing is changed then.
    func write(
        _ file: UnitFile, for unit: UnitName
    ) throws(HostError) -> (file: InstalledFile, isReplacement: Bool) {
        if installed == nil { installed = scan() }
        let path = path(of: unit)
        let section = InstallSection(of: file, for: unit)
        for name in [unit] + section.aliases { try links.claim(name, for: path, of: unit) }
        for alias in section.aliases where installed?[alias] != nil {
            throw HostError("its alias \(alias) is another unit on this machine; one of the two needs another name")
        }
        let isReplacement = installed?[unit] != nil || removed.contains(unit)
        let former = sections[unit]
        var entry = entry(file, unit)
        entry.startedHash = installed?[unit]?.startedHash
        do {
            try writeDropIn(of: file, entry)
            try HostFiles.write(file.text, to: path)
        } catch {
            sections[unit] = former
            if installed?[unit] == nil { try? removeDropIn(of: unit) }
            throw error
        }
        installed?[unit] = entry
        hidden.remove(unit)
        return (entry, isReplacement)
    }

    /// Writes the drop-ins anew that are gone, or are another version's.
    ///
    /// - Returns: Whether there were any: systemd has to read its files again then.
    func renewDropIns() throws(HostError) -> Bool {
        var isChanged = false
        for entry in files() {
            guard let text = try? HostFiles.read(path(of: entry.unit)), let file = try? UnitFile(parsing: text) else {
                continue
            }
            if try writeDropIn(of: file, entry) { isChanged = true }
        }
        return isChanged
    }

    /// - Returns: Whether another one lay there.
    @discardableResult
    private func writeDropIn(of file: UnitFile, _ entry: InstalledFile) throws(HostError) -> Bool {
        let folder = dropInFolder(of: entry.unit)
        let path = folder + "/" + Self.dropInName
        let wanted = dropIns.text(of: file, isKept: entry.isKept)
        guard (try? HostFiles.read(path)) != wanted else { return false }
        if let wanted {
            try HostFiles.makeFolder(folder)
            try HostFiles.write(wanted, to: path)
        } else {
            try HostFiles.remove(path)
        }
        return true
    }

    private func removeDropIn(of unit: UnitName) throws(HostError) {
        let folder = dropInFolder(of: unit)
        try HostFiles.remove(folder + "/" + Self.dropInName)
        HostFiles.removeEmptyFolder(folder)
    }

    /// Makes the links that the units' `[Install]` sections ask for.
    ///
    /// - Returns: Whether there is a new one, and why units could not have theirs.
    func enable(_ files: [InstalledFile]) -> (isChanged: Bool, refusals: [UnitName: String]) {
        var isChanged = false
        var refusals: [UnitName: String] = [:]
        for file in files where file.isInstallable {
            do throws(HostError) {
                if let section = sections[file.unit], try links.make(section, for: file.unit) { isChanged = true }
            } catch {
                refusals[file.unit] = error.message
            }
        }
        return (isChanged, refusals)
    }

    /// Looks for units whose file, drop-in or link somebody has removed (`systemctl disable` removes a link).
    ///
    /// - Returns: Those that lacked something twice in a row, by name, since between two looks a unit may be on its way in or out;
    ///   and those among them that have been whole before, so that each damage is told once.
    func damaged() -> (units: [UnitName], new: [UnitName]) {
        let found = files().filter { !hidden.contains($0.unit) }.filter { file in
            file.isDamaged || isMissing(file.unit) || lacksLinks(file)
                || dropIns.isDue(isKept: file.isKept)
                    && !HostFiles.exists(dropInFolder(of: file.unit) + "/" + Self.dropInName)
        }.map(\.unit)
        let lasting = found.filter(lacking.contains)
        lacking = Set(found).subtracting(lasting)
        let new = lasting.filter { !stillDamaged.contains($0) }
        stillDamaged = stillDamaged.intersection(found).union(lasting)
        return (lasting, new)
    }

    /// Whether somebody has removed the unit's file, or the link by which systemd finds it.
    func isMissing(_ unit: UnitName) -> Bool {
        !HostFiles.exists(path(of: unit)) || HostFiles.target(of: searchFolder + "/" + unit.rawValue) == nil
    }

    /// Whether a link is gone that its `[Install]` section asks for; what stands in the way of one is told when it is made.
    private func lacksLinks(_ file: InstalledFile) -> Bool {
        guard file.isInstallable, let section = sections[file.unit] else { return false }
        return links.lacks(section, for: file.unit)
    }

    /// Whether an agent of this boot has started the unit and not stopped it since, whatever became of its file.
    func hasStarted(_ unit: UnitName) -> Bool { HostFiles.exists(startedFolder + "/" + unit.rawValue) }

    /// Removes the links that the `[Install]` sections of the files in force have asked for.
    ///
    /// - Returns: Whether there were any.
    @discardableResult
    func disable(_ units: [UnitName]) throws(HostError) -> Bool {
        var isChanged = false
        for unit in units where file(of: unit)?.isInstallable == true {
            if let section = sections[unit], try links.remove(section, for: unit) { isChanged = true }
        }
        return isChanged
    }

    /// Takes the unit's links away, by which systemd finds it.
    ///
    /// Its file stays, for an agent that begins anew to find.
    ///
    /// - Returns: Whether its `[Install]` section had any.
    /// - Throws: `HostError` when a link cannot be removed.
    func hide(_ unit: UnitName) throws(HostError) -> Bool {
        hidden.insert(unit)
        var wasEnabled = try disable([unit])
        // What was installed for a file that is lost is found by where it leads.
        if sections[unit] == nil, try links.removeAll(of: unit) { wasEnabled = true }
        try links.unlink(unit, of: path(of: unit))
        return wasEnabled
    }

    /// Deletes what `write` made, and systemd's link to it; what is not ours stays.
    func remove(_ unit: UnitName) throws(HostError) {
        try links.unlink(unit, of: path(of: unit))
        try removeDropIn(of: unit)
        try HostFiles.remove(startedFolder + "/" + unit.rawValue)
        try HostFiles.remove(path(of: unit))
        installed?[unit] = nil
        sections[unit] = nil
        hidden.remove(unit)
        removed.insert(unit)
    }

    private func dropInFolder(of unit: UnitName) -> String { searchFolder + "/" + unit.rawValue + ".d" }

    private func entry(_ file: UnitFile, _ unit: UnitName) -> InstalledFile {
        let section = InstallSection(of: file, for: unit)
        sections[unit] = section
        return InstalledFile(
            unit: unit, hash: file.hash, isKept: SchedulingOptions(of: file, for: unit).onDisconnect == .keep,
            isInstallable: !section.isEmpty, runs: RunPolicy(of: file, for: unit))
    }
}
