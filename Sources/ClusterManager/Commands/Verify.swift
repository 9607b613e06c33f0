// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser

struct Verify: LocalCommand {
    static let configuration = CommandConfiguration(
        abstract: "Check unit files here, without a cluster, and name every problem with its line.",
        discussion: """
            Checks what the cluster would check when the file is submitted, that systemd could make something of it, and, \
            where systemd is installed here, that it knows each setting. 'systemd-analyze verify' knows their values in depth. \
            The exit status is 1 when there is a problem.

            EXAMPLES:
              cluster-manager verify web.service
              cluster-manager verify units/ --output json
            """)

    @Argument(
        help: ArgumentHelp("Paths of unit files, or folders of them.", valueName: "file|folder"), completion: .file())
    var paths: [String]

    @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

    func run(on console: Console) async throws {
        let format = try global.format()
        let settings = SystemdSettings.ofThisHost()
        var checks: [UnitFileCheck] = []
        // What is not there keeps nothing else from being checked.
        var failures: [ClusterManagerError] = []
        for path in paths {
            do {
                checks += try UnitFilePaths.expand([path]).map { UnitFileCheck($0, settings: settings) }
            } catch {
                failures.append(ClusterManagerError(wrapping: error))
            }
        }
        switch format {
        case _ where checks.isEmpty: break
        case .json: console.output.write(try JSONOutput.text(checks))
        case .table: for check in checks { console.output.show(check.text) }
        }
        let bad = checks.filter { !$0.problems.isEmpty }
        if !bad.isEmpty {
            let count = bad.reduce(0) { $0 + $1.problems.count }
            failures.append(
                ClusterManagerError(
                    .unitFile, "\(count) problem\(count == 1 ? "" : "s") in \(bad.count) of \(checks.count) files"))
        }
        guard let last = failures.popLast() else { return }
        for failure in failures { console.errors.line("cluster-manager: \(failure.message)") }
        throw last
    }
}
