// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FleetAPI
import FleetAPIClient

extension ClusterStore {
    /// `cluster store rotate-passwords`: other passwords for all who log in to etcd, one after the other.
    struct RotatePasswords: FleetCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-passwords",
            abstract: "Give the authority and every machine a new password in etcd.",
            discussion: """
                Each machine makes its own, of 258 random bits, and has the authority set it; no unit is touched and no session \
                ends. First comes etcd's root, whose password stays in the authority's folder: take copies of that folder \
                anew. Then the machines, one by one. One that is off keeps its former password, and takes a new one when it is \
                back. Where other clusters have users in the same etcd root's stays, for their authorities log in with it.

                etcd writes passwords that it is given to its disk, as clear text in its log of changes, and etcd 3.4 at log \
                level debug into its journal, too.

                EXAMPLES:
                  cluster-manager cluster store rotate-passwords
                  cluster-manager cluster store rotate-passwords --timeout 1m
                """)

        @Option(
            parsing: .unconditional,
            help: ArgumentHelp("How long to wait for each machine; 20s unless said otherwise.", valueName: "time"))
        var timeout = "20s"
        @OptionGroup var list: ListOptions
        @OptionGroup(title: GlobalOptions.title) var global: GlobalOptions

        /// How often a wait looks.
        private static let pause = Duration.milliseconds(200)

        func validate() throws { try Period.checkTimeout(timeout) }

        func run(in context: CommandContext) async throws {
            let columns = try PasswordRow.columns(for: list.fieldNames ?? PasswordRow.defaultFields)
            let patience = Duration.seconds(Period.time(timeout) ?? 0)
            let client = try context.client()
            // It shows also whether the authority is there, without which no machine gets anything.
            let root = try await asked { () async throws(APIError) in try await client.rotateRootPassword() }
            var rows = [PasswordRow(root: root)]
            let members = try await asked { () async throws(APIError) in try await client.members() }
            let alive = Set(try await asked { () async throws(APIError) in try await client.machines() }.map(\.id))
            var line = WaitLine(context.console.errors)
            // A worker behind gates has none.
            let owners = members.filter { $0.revokedAt == nil && $0.usesGates != true }
            for member in owners.sorted(by: { $0.id < $1.id }) {
                line.show("\(member.name) takes a new password")
                rows.append(
                    PasswordRow(
                        member,
                        await Self.rotate(member, isAlive: alive.contains(member.id), client, within: patience)))
            }
            line.clear()
            try context.render(rows, columns: columns, layout: list.layout)
            let left = rows.count { $0.result.isLeft }
            guard left == 0 else {
                throw ClusterManagerError(
                    .partial,
                    "\(left) of \(rows.count - 1) machines have their former password still; each takes a new one as soon as it "
                        + "can, and says in its journal why not")
            }
        }

        /// Asks one machine, and waits for it where it is there to answer.
        private static func rotate(
            _ member: API.Member, isAlive: Bool, _ client: FleetClient, within patience: Duration
        ) async -> PasswordRow.Result {
            do throws(APIError) {
                try await client.rotatePassword(of: member.id)
            } catch {
                // Such as one that was revoked meanwhile; the others get theirs.
                return .failed(error.message)
            }
            guard isAlive else { return .absent }
            let deadline = ContinuousClock.now + patience
            repeat {
                // The machine that is asked may be the one whose login at etcd has just ended: it is asked again.
                if let members = try? await client.members() {
                    guard let now = members.first(where: { $0.id == member.id }), now.revokedAt == nil else {
                        return .failed("it is no machine of the cluster any more")
                    }
                    if now.passwordAwaited != true { return .changed }
                }
                // It counted as there while its session lasted, and may have been off already.
                if let machines = try? await client.machines(), !machines.contains(where: { $0.id == member.id }) {
                    return .absent
                }
                try? await Task.sleep(for: pause)
            } while ContinuousClock.now < deadline && !Task.isCancelled
            return .waiting
        }
    }
}

/// A line of `cluster store rotate-passwords`.
struct PasswordRow: TableRow, Equatable {
    static let subjects = "passwords"

    enum Result: Equatable, Encodable {
        case changed
        /// It has been asked, and is not there.
        case absent
        /// It is there, and has not done it in time.
        case waiting
        case kept(String)
        case failed(String)

        var words: String {
            switch self {
            case .changed: "new password"
            case .absent: "absent: takes a new one when it is back"
            case .waiting: "former password: it has not answered in time"
            case .kept(let why): "former password: \(why)"
            case .failed(let why): "not asked: \(why)"
            }
        }

        /// Whether somebody has a password that was to be changed.
        var isLeft: Bool {
            switch self {
            case .changed, .kept: false
            case .absent, .waiting, .failed: true
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            try container.encode(words)
        }
    }

    /// The machine's id; empty for the authority.
    let id: String
    let name: String
    let result: Result

    init(_ member: API.Member, _ result: Result) {
        (id, name, self.result) = (member.id, member.name, result)
    }

    /// The authority's own, which logs in as root.
    init(root: API.RootPasswordReport) {
        (id, name) = ("", "authority (root)")
        result = root.kept.map { .kept($0) } ?? .changed
    }

    static let defaultFields = ["machine", "name", "password"]
    static let columns: [Column<PasswordRow>] = [
        Column("machine") { row, full in row.id.isEmpty ? "-" : full ? row.id : FleetView.short(row.id) },
        Column("name") { row, _ in row.name },
        Column("password") { row, _ in row.result.words },
    ]
}
