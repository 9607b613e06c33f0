// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Identity

/// `profile`: which cluster, and as whom.
struct ProfileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "profile",
        abstract: "Keep the profiles with which this program reaches clusters.",
        discussion: """
            Profiles lie in ~/.config/flotilla/profiles, or where FLOTILLA_PROFILES says, readable to you alone.

            EXAMPLES:
              cluster-manager profile add ada.json
              cluster-manager profile use lab
              cluster-manager profile list
            """,
        subcommands: [Add.self, List.self, Use.self])

    fileprivate static var store: ProfileStore { ProfileStore(environment: ProcessInfo.processInfo.environment) }

    struct Add: LocalCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a profile up that an administrator made.",
            discussion: """
                EXAMPLES:
                  cluster-manager profile add ada.json --name lab
                """)

        @Argument(
            help: ArgumentHelp("The profile's file; - is standard input.", valueName: "file"), completion: .file())
        var file: String
        @Option(help: ArgumentHelp("What to call it; without it, after the cluster.", valueName: "name"))
        var name: String?
        @OptionGroup var global: GlobalOptions

        func run(on console: Console) async throws {
            do {
                var text = ""
                if file == "-" {
                    while let line = readLine(strippingNewline: false) { text += line }
                } else {
                    text = try IdentityFile.read(file)
                }
                var profile = try Profile(json: text)
                if let name { profile.name = name }
                try ProfileCommand.store.store(profile)
                console.errors.line("profile \(profile.name): \(profile.user) at cluster \(profile.cluster)")
            } catch {
                throw ClusterManagerError(.usage, error.message)
            }
        }
    }

    struct List: LocalCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the profiles.",
            discussion: """
                EXAMPLES:
                  cluster-manager profile list
                """)

        @OptionGroup var list: ListOptions
        @OptionGroup var global: GlobalOptions

        func run(on console: Console) async throws {
            let format = try global.format()
            let columns = try ProfileRow.columns(for: list.fieldNames ?? ProfileRow.defaultFields)
            var rows: [ProfileRow] = []
            for name in ProfileCommand.store.names {
                do {
                    let profile = try ProfileCommand.store.profile(name)
                    rows.append(
                        ProfileRow(
                            name: name, cluster: profile.cluster, user: profile.user, endpoints: profile.endpoints,
                            isCurrent: name == ProfileCommand.store.current))
                } catch {
                    console.errors.line("cluster-manager: \(error)")
                }
            }
            switch format {
            case .json: console.output.write(try JSONOutput.text(rows))
            case .table:
                var layout = list.layout
                layout.hasColours = console.output.hasColours
                console.output.write(Table(rows, columns: columns, layout: layout).text)
            }
        }
    }

    struct Use: LocalCommand {
        static let configuration = CommandConfiguration(
            abstract: "Use this profile from now on.",
            discussion: """
                EXAMPLES:
                  cluster-manager profile use lab
                """)

        @Argument(help: ArgumentHelp("The profile.", valueName: "name")) var name: String
        @OptionGroup var global: GlobalOptions

        func run(on console: Console) async throws {
            do {
                try ProfileCommand.store.use(name)
            } catch {
                throw ClusterManagerError(.usage, error.message)
            }
        }
    }
}
