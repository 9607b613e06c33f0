// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// An assignment of this machine, with the revision at which the store last wrote it.
package struct Order: Hashable, Sendable {
    package var assignment: Assignment
    /// A claim is valid only while the assignment still has this mod revision.
    package var revision: Int64

    package init(assignment: Assignment, revision: Int64) {
        self.assignment = assignment
        self.revision = revision
    }

    package var unit: UnitName { assignment.unit }

    /// Whether this is `former` written once more: the leader asks so whether the store still shows the unit.
    func repeats(_ former: Order?) -> Bool {
        former?.assignment == assignment && former?.revision != revision
    }
}

/// What this machine's systemd says of one unit.
package struct Observation: Hashable, Sendable {
    package var unit: UnitName
    package var load: String
    package var active: String
    package var sub: String
    /// When ACTIVE last changed, in milliseconds since 1970; 0 when unknown.
    package var since: Int64

    package init(unit: UnitName, load: String, active: String, sub: String, since: Int64 = 0) {
        self.unit = unit
        self.load = load
        self.active = active
        self.sub = sub
        self.since = since
    }

    /// The unit neither runs nor starts nor stops, by systemd's word.
    package var isDown: Bool { active.isEmpty || active == "inactive" || active == "failed" }

    /// The unit runs, or is about to: more than its stop, which may be a former run's, and than its `ExecCondition=`, which may say no.
    package var showsStart: Bool { !isDown && active != "deactivating" && sub != "condition" }

    /// The last run has failed, whether or not systemd is going to try again.
    package var showsFailure: Bool { active == "failed" || sub == "auto-restart" }
}

/// How an order to start or restart a unit came to its end, in systemd's words.
package enum StartEnd: Hashable, Sendable {
    /// The job did what it was queued for; the unit may have ended by itself since.
    case done
    /// A condition of the unit was not met: systemd counts that as done and starts nothing (systemd.unit(5), "Conditions").
    case skipped(String)
    /// systemd did not start the unit: it lacks something that may come, so that it is tried again.
    case refused(String)
    /// The unit was started and failed.
    case failed(String)
    /// The job was taken back by somebody else.
    case cancelled
    /// The job still waits for others, for so long that a person wants to know.
    case waiting(String)
}

/// A unit file that lies in the agent's runtime folder.
package struct InstalledFile: Hashable, Sendable {
    package var unit: UnitName
    package var hash: ContentHash
    /// Whether the unit goes on when the machine loses its session (`OnDisconnect=keep`).
    package var isKept: Bool
    /// Whether it has an `[Install]` section, by which systemd links it to other units while it is loaded.
    package var isInstallable: Bool
    package var runs: RunPolicy
    /// The file that was in force when an agent of this boot last ordered systemd to start the unit; `nil` when it has not,
    /// or has stopped it since: what only runs through its timer, its socket or the unit that wants it is none of ours to stop.
    package var startedHash: ContentHash?
    /// Somebody has removed or replaced its file or its link while it may run: it is installed anew, or stopped.
    package var isDamaged = false

    package init(
        unit: UnitName, hash: ContentHash, isKept: Bool, isInstallable: Bool = false,
        runs: RunPolicy = .always, startedHash: ContentHash? = nil, isDamaged: Bool = false
    ) {
        self.unit = unit
        self.hash = hash
        self.isKept = isKept
        self.isInstallable = isInstallable
        self.runs = runs
        self.startedHash = startedHash
        self.isDamaged = isDamaged
    }
}

/// What the agent's core wants done; each list is one batch, in unit order.
package struct AgentDirectives: Hashable, Sendable {
    /// Write the state keys that say "this machine holds the unit", each if its assignment is unchanged.
    package var claim: [Order] = []
    /// Fetch the file with this hash, write it, make systemd see it, and report what systemd says of the unit.
    package var install: [Order] = []
    /// Make systemd forget the unit, which is down, and delete its file.
    package var uninstall: [UnitName] = []
    package var start: [UnitName] = []
    package var restart: [UnitName] = []
    /// Stop, and report only when the unit is down.
    package var stop: [UnitName] = []
    package var publish: [UnitState] = []
    /// Delete the state keys: this machine no longer holds the units.
    package var withdraw: [UnitName] = []
    /// Write that these units have done their work, each if its assignment is unchanged.
    package var complete: [CompletionReport] = []
    /// Send `.woke` then.
    package var wake: Moment?

    package init() {}

    package var isEmpty: Bool { self == AgentDirectives() }
}

/// What stood in the way of a unit's file, which says when it is tried again.
package enum InstallFault: Hashable, Sendable {
    /// It goes by itself: the store or systemd did not answer, or the file is not there yet.
    case passing
    /// Somebody has to mend something on this machine: tried ever more seldom.
    case standing
    /// It lies in the file, or in what the machine has of its own.
    case lasting
}

/// What became of a directive, or what changed by itself.
package enum AgentEvent: Hashable, Sendable {
    /// A tenure begins, and perhaps another one has ended: nothing is decided by what was known then until `entered`.
    case entering
    /// The session lives and everything has been read: what the store holds of this machine, what it is ordered, what lies
    /// in the runtime folder and what systemd says of those units.
    case entered(own: [UnitState], orders: [Order], installed: [InstalledFile], observed: [Observation])
    /// The schedule of this machine changed.
    case ordered([Order], gone: [UnitName])
    /// `granted` are the state keys as written; the assignments of `lost` had changed or gone.
    case claimed(granted: [UnitState], lost: [Order])
    case claimFailed([UnitName])
    case installed(InstalledFile)
    /// `reason` is for people.
    case installFailed(UnitName, reason: String, InstallFault)
    /// Somebody has removed what systemd finds these units by; they are brought to it again.
    case damaged([UnitName])
    /// systemd did not know the unit that it was to start, since somebody has removed its file or its link: it is brought to it
    /// again, then the order is given again.
    case missing(UnitName)
    case uninstalled([UnitName])
    /// The unit's file stays for now: processes of it are left, or what it rests on cannot be taken away.
    case uninstallFailed(UnitName, reason: String)
    /// systemd has queued the job that starts or restarts the unit.
    case issued(UnitName)
    /// The order did not reach systemd; it is given again.
    case issueFailed(UnitName, reason: String)
    /// The job is over, or systemd queued none.
    case startEnded(UnitName, StartEnd)
    /// The unit is down.
    case stopped(UnitName)
    case stopFailed(UnitName, reason: String)
    /// systemd has stopped the unit, and its path, its timer, its socket or another unit has started it again.
    case runsAgain(UnitName, reason: String)
    case observed([Observation])
    /// systemd's words for how the run of a unit ended that it shows as failed, or as about to be started again.
    case explained(UnitName, failure: String)
    /// A job of the unit is gone; what `observed` told of the unit before is as new.
    case jobEnded(UnitName, JobEnd)
    /// What the store holds of the ends of these units, which run once; told before `entered` and `installed`.
    case completed([Completion], of: [UnitName])
    /// The store has taken the reports, or will never take them.
    case recorded
    case recordFailed
    case published([UnitState])
    /// The store has no state of these units any more, which are claimed: somebody has deleted it.
    case claimsGone([UnitName])
    case publishFailed
    case withdrawn([UnitName])
    case withdrawFailed([UnitName])
    /// The session is lost; fenced units are dead.
    case left
    case woke
}
