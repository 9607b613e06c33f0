// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// A rule of the protocol broken on purpose, at a seam of the simulated shells: the simulator must catch each of them.
///
/// The cores are never changed; what they decide is carried out wrongly, or what they are told is wrong.
package enum Mutant: String, CaseIterable, Sendable {
    /// The leader's writes do not compare its epoch.
    case unguardedLeader
    /// The session core believes in a longer lease than was granted, so units are dead too late.
    case lateFence
    /// A plan without an answer is taken as not carried out.
    case ignoredLostAnswer
    /// A restarted agent does not look at what it left behind.
    case adoptsNothing
    /// States that a former session left behind count as claims of the new one.
    case foreignClaims
    /// A tenure takes it that systemd has read every file that lies in the folder.
    case trustsFolder
    /// Silence of etcd's members counts as a proof that there is no quorum.
    case timeoutIsProof
    /// A majority of etcd's members that is down counts at once as if all were.
    case hastyMajority
    /// A peer's proof counts from when its answer came, not from when it was asked.
    case lateProof
    /// The engine does not hear that machines still hold units.
    case deafToStates
    /// A claim does not compare the assignment's revision.
    case uncomparedClaim
    /// The agent acts on an assignment without waiting for its claim.
    case touchBeforeClaim
    /// A report of states does not compare the revisions of those that it replaces.
    case lateReports
    /// A restarted agent does not know from which file it started its units.
    case forgottenStart
    /// A restarted agent takes units for alive whose guard died, or that were being stopped when its former run was killed.
    case trustsRest
    /// The guard does not stop anything.
    case deafGuard
    /// Taking over from a lost machine does not demand that it is still absent.
    case unprovenAbsence
    /// Fencing is reported as done at once.
    case blindFence
    /// A watch that breaks goes on from the newest revision.
    case forgetfulFollower
    /// The proof that etcd has no quorum is never accepted.
    case noProofOfQuorum
    /// The engine takes units off machines for no reason.
    case eagerMover
    /// The engine takes over from machines however many vanish at once.
    case noBrake
    /// A leader does not read what its predecessor left about machines.
    case forgetfulSuccessor
    /// A leader that takes over a drain does not look for the unit that its predecessor has sent elsewhere.
    case hastySuccessor
    /// A drain takes a unit for settled when systemd has been ordered to start it.
    case hastyDrain
    /// A machine does not ask whether work that is done once has been done elsewhere.
    case ignoredResults
    /// A machine writes down that work is done when it begins it.
    case earlyResult
    /// A machine that cannot follow its schedule gives its session up without asking for the turn.
    case impatientLeaver
    /// It does so however few machines can take units.
    case selfishLeaver
    /// The engine does not know which ports units ask for.
    case deafToPorts
    /// The reasons of units that wait are dropped.
    case silentRefusal
}

extension UnitFile {
    /// The file as an engine takes it that knows no `Ports=`.
    var withoutPorts: UnitFile {
        let lines = text.split(separator: "\n").filter { !$0.hasPrefix("Ports=") }
        return (try? UnitFile(parsing: lines.joined(separator: "\n") + "\n")) ?? self
    }
}
