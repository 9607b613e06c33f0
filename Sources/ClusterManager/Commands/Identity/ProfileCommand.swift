// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient
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
        subcommands: [Add.self, List.self, Use.self, Renew.self, Remove.self])

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
        @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

        func run(on console: Console) async throws {
            let format = try global.format()
            var profile: Profile
            do {
                var text = ""
                if file == "-" {
                    while let line = readLine(strippingNewline: false) { text += line }
                } else {
                    text = try IdentityFile.read(file)
                }
                profile = try Profile(json: text)
                if let name { profile.name = name }
                try ProfileCommand.store.store(profile)
            } catch {
                throw ClusterManagerError(.usage, error.message)
            }
            try console.tell(
                "profile \(profile.name): \(profile.user) at cluster \(profile.cluster)",
                Deed(done: "add", cluster: profile.cluster, user: profile.user, profile: profile.name), as: format)
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
        @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

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

    struct Renew: FleetCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a new certificate with a new key, before the old one ends or its authority goes.",
            discussion: """
                A certificate of a user is good for a year; a rotation of the cluster's authority ends it earlier.

                EXAMPLES:
                  cluster-manager profile renew
                  cluster-manager profile renew --profile lab
                """)

        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        func run(in context: CommandContext) async throws {
            let environment = context.environment
            let store = ProfileStore(environment: environment)
            guard let name = global.profile ?? environment["FLOTILLA_PROFILE"] ?? store.current else {
                throw ClusterManagerError(.usage, "there is no profile in use; name one with --profile")
            }
            let key = KeyPair()
            do {
                var profile = try store.profile(name)
                let order = API.CertificateOrder(request: try key.request(name: "user:\(profile.user)"))
                let client = try context.client()
                let user = profile.user
                let issued = try await asked { () async throws(APIError) in
                    try await client.renewCertificate(ofUser: user, order)
                }
                profile.certificate = issued.certificate
                // What vouches for a new authority comes with the certificate that it has signed.
                profile.authorities = try TrustBundle(pem: profile.authorities).following(
                    try TrustBundle(pem: issued.authorities), vouches: [issued.certificate], now: Date()
                ).pem
                profile.key = key.pem
                try store.store(profile, replacing: true)
                let end = try CertificateInfo(pem: issued.certificate).notAfter
                try context.console.tell(
                    "profile \(name) is good until \(end)",
                    Deed(
                        done: "renew", cluster: profile.cluster, user: user, profile: name,
                        until: Int64(end.timeIntervalSince1970) * 1000),
                    as: context.format)
            } catch let error as IdentityError {
                throw ClusterManagerError(.usage, error.message)
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

        @Argument(
            help: ArgumentHelp("The profile.", valueName: "name"), completion: .custom(UnitCompletion.profiles))
        var name: String
        @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

        func run(on console: Console) async throws {
            do {
                try ProfileCommand.store.use(name)
            } catch {
                throw ClusterManagerError(.usage, error.message)
            }
            switch try global.format() {
            case .table: console.output.line("profile \(name) is in use")
            case .json: console.output.write(try JSONOutput.text(Deed(done: "use", profile: name)))
            }
        }
    }

    struct Remove: LocalCommand {
        static let configuration = CommandConfiguration(
            abstract: "Forget a profile and the key in it.",
            discussion: """
                The user stays a user of the cluster; 'user revoke' ends that. A profile that is lost is not made again: an \
                administrator revokes the user and adds it anew.

                EXAMPLES:
                  cluster-manager profile remove lab
                """)

        @Argument(
            help: ArgumentHelp("The profile.", valueName: "name"), completion: .custom(UnitCompletion.profiles))
        var name: String
        @OptionGroup(title: GlobalOptions.localTitle) var global: GlobalOptions

        func run(on console: Console) async throws {
            let store = ProfileCommand.store
            let wasCurrent = store.current == name
            do {
                try store.remove(name)
            } catch {
                throw ClusterManagerError(.usage, error.message)
            }
            switch try global.format() {
            case .table: console.output.line("profile \(name) is gone")
            case .json: console.output.write(try JSONOutput.text(Deed(done: "remove", profile: name)))
            }
            if wasCurrent, !store.names.isEmpty {
                console.errors.line("no profile is in use now; choose one with: cluster-manager profile use NAME")
            }
        }
    }
}
