// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient
import FleetCore
import Synchronization

/// A request that changes something in the cluster, as it is told to who leaves before its answer.
struct PendingChange: Hashable, Sendable {
    /// What it does, in the past: `web.service was unloaded`.
    let deed: String
    /// The command that shows whether it was done, without the program's name.
    let look: String
    /// The same for several of its kind.
    let lookAtAll: String

    private init(_ deed: String, look: String, lookAtAll: String? = nil) {
        self.deed = deed
        self.look = look
        self.lookAtAll = lookAtAll ?? look
    }

    /// A change of a unit; `deed` is what was done to it, such as `was destroyed`.
    init(unit: UnitName, _ deed: String) {
        self.init("\(unit) \(deed)", look: "status \(ShellWord.quoted(unit.rawValue))", lookAtAll: "list-unit-files")
    }

    /// A change of a machine's metadata.
    init(metadataOf machine: String) {
        self.init("the metadata of \(FleetView.short(machine)) was changed", look: "metadata show")
    }

    /// What a request to the API changes; `nil` of one that only asks, or has a certificate signed, which nobody looks up.
    init?(_ request: TransportRequest) {
        let path = String(request.target.prefix { $0 != "?" })
        guard request.method != "GET", !path.hasSuffix("/certificate") else { return nil }
        let words = path.replacing(API.ownPrefix, with: "").split(separator: "/").map(String.init)
        let id = words.count > 1 ? words[1] : ""
        let machine = FleetView.short(id)
        switch (request.method, words.first ?? "", words.last ?? "") {
        case (_, "machines", "cordon"): self.init("\(machine) was cordoned", look: "list-machines")
        case (_, "machines", "uncordon"): self.init("\(machine) was uncordoned", look: "list-machines")
        case (_, "machines", "drain"): self.init("\(machine) was told to drain", look: "list-machines")
        case (_, "machines", "reboot"): self.init("\(machine) was told to restart", look: "list-machines")
        case (_, "machines", "revoke"): self.init("machine \(machine) was revoked", look: "machine list")
        case (_, "machines", "rotate"):
            self.init(
                "machine \(machine) was asked to take a new password in etcd", look: "cluster store rotate-passwords")
        case ("PUT", "operations", _): self.init("operation \(id) was begun", look: "operation list --all")
        case (_, "operations", let order):
            let deed = ["pause": "paused", "resume": "resumed", "abort": "aborted"][order] ?? "changed"
            self.init("operation \(id) was \(deed)", look: "operation show \(id)")
        case ("POST", "tokens", _): self.init("a token was made", look: "token list")
        case (_, "tokens", _): self.init("token \(id) was revoked", look: "token list")
        case ("POST", "users", _): self.init("the user was added", look: "user list")
        case (_, "users", _): self.init("user \(id) was revoked", look: "user list")
        case (_, "brake", _): self.init("the brake was released", look: "brake")
        case (_, "backup", _): self.init("the backup was restored", look: "list-unit-files")
        case (_, "authorities", "rotate") where id == "password":
            self.init("the password of etcd's root was changed", look: "audit")
        case (_, "authorities", _): self.init("the rotation of the authority was carried out", look: "cluster ca show")
        case (_, "store", _): self.init("the store was adopted", look: "cluster adopt")
        default: self.init("\(request.method) \(path) was carried out", look: "--status")
        }
    }
}

/// The changes that a command has asked for, and what came of them: what its user is told who does not wait for the answers.
///
/// Every request of every command goes through one `RequestObserver`, which keeps this; so no command has to think of it.
final class PendingChanges: Sendable {
    /// What an answer says of a change.
    enum Fate: Sendable {
        case done
        case refused
        /// It may have been done, though the answer is lost or says otherwise.
        case unknown
    }

    private struct State {
        var open: [PendingChange] = []
        /// How many are done, and the first few of them.
        var doneCount = 0
        var done: [String] = []
    }

    /// How many are named.
    private static let mostNamed = 3

    private let state = Mutex(State())
    private let say: @Sendable (String?) -> Void

    /// `say` gets the words for who leaves now, each time that they change; `nil` when there is nothing to say.
    init(say: @escaping @Sendable (String?) -> Void) { self.say = say }

    /// To be called before the request goes out.
    func begin(_ change: PendingChange) { update { $0.open.append(change) } }

    func end(_ change: PendingChange, _ fate: Fate) {
        update { state in
            switch fate {
            case .done:
                // Asked again after a lost answer, it was open twice.
                state.open.removeAll { $0 == change }
                state.doneCount += 1
                if state.done.count < Self.mostNamed { state.done.append(change.deed) }
            case .refused:
                if let index = state.open.lastIndex(of: change) { state.open.remove(at: index) }
            case .unknown: break
            }
        }
    }

    private func update(_ change: (inout State) -> Void) {
        // Within the lock, so that of two changes at a time the words of the later stay.
        state.withLock { state in
            change(&state)
            say(Self.words(state))
        }
    }

    /// What is not known, how it is looked up, and what is done.
    private static func words(_ state: State) -> String? {
        let more = state.doneCount > state.done.count ? " and \(state.doneCount - state.done.count) more" : ""
        let done = more.isEmpty ? state.done.listed(mostNamed) : state.done.joined(separator: ", ") + more
        let carriedOut = state.done.isEmpty ? nil : "carried out: \(done)"
        guard let first = state.open.first else { return carriedOut }
        let look = state.open.allSatisfy { $0 == first } ? first.look : first.lookAtAll
        let deeds = state.open.reduce(into: [String]()) { deeds, change in
            if !deeds.contains(change.deed) { deeds.append(change.deed) }
        }
        let doubt = "whether \(deeds.listed(mostNamed)) is not known; cluster-manager \(look) shows it"
        return doubt + (carriedOut.map { "; \($0)" } ?? "")
    }
}
