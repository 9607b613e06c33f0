// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What systemd says of a unit in its listings.
package struct UnitStatus: Hashable, Sendable {
    /// The job that is queued or running for a unit.
    package struct Job: Hashable, Sendable {
        package var id: UInt32
        /// `start`, `stop`, `restart` and the like; `nil` when it came with a change, which does not tell.
        package var type: String?

        package init(id: UInt32, type: String?) {
            self.id = id
            self.type = type
        }
    }

    package var name: String
    /// `loaded`, `not-found`, `bad-setting`, `error`, `masked`, `stub`, `merged`.
    package var load: String
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating`, `maintenance`.
    package var active: String
    /// Finer than `active`, by unit type: `running`, `dead`, `exited`, `auto-restart` and so on.
    package var sub: String
    package var description: String
    package var job: Job?

    package init(
        name: String, load: String, active: String, sub: String, description: String = "", job: Job? = nil
    ) {
        self.name = name
        self.load = load
        self.active = active
        self.sub = sub
        self.description = description
        self.job = job
    }
}

extension UnitStatus {
    /// The sub state of a service while its `ExecCondition=` runs, and nothing else of it does.
    package static let conditionState = "condition"
}

/// The properties of one unit that the agent reads beyond its status.
///
/// What the unit's type does not have is `nil`, as is what systemd has not set (a unit that never ran has no times).
package struct UnitProperties: Hashable, Sendable {
    package var name: String
    /// Whether the file changed since it was loaded.
    package var needDaemonReload: Bool
    package var fragmentPath: String?
    /// Drop-ins are not listed here; `needDaemonReload` covers them too.
    package var controlGroup: String?
    package var mainPID: Int32?
    /// When it last became active, in microseconds since 1970 by the machine's clock.
    package var activeEnter: UInt64?
    /// When it last left `inactive` or `failed`, in microseconds since 1970.
    package var inactiveExit: UInt64?
    /// When any of load, active and sub last changed, in microseconds since 1970.
    package var stateChange: UInt64?
    /// `success`, `exit-code`, `signal`, `watchdog`, `timeout` and so on.
    package var result: String?
    /// Exit status or signal number of the last main process; meaningful once it has ended.
    package var execMainStatus: Int32?
    /// 32 hexadecimal digits, new with every start.
    package var invocationID: String?

    package init(
        name: String, needDaemonReload: Bool = false, fragmentPath: String? = nil, controlGroup: String? = nil,
        mainPID: Int32? = nil, activeEnter: UInt64? = nil, inactiveExit: UInt64? = nil, stateChange: UInt64? = nil,
        result: String? = nil, execMainStatus: Int32? = nil, invocationID: String? = nil
    ) {
        self.name = name
        self.needDaemonReload = needDaemonReload
        self.fragmentPath = fragmentPath
        self.controlGroup = controlGroup
        self.mainPID = mainPID
        self.activeEnter = activeEnter
        self.inactiveExit = inactiveExit
        self.stateChange = stateChange
        self.result = result
        self.execMainStatus = execMainStatus
        self.invocationID = invocationID
    }
}

/// What enabling, disabling or linking changed in the file system.
package struct UnitFileChange: Hashable, Sendable {
    /// `symlink` or `unlink`.
    package var type: String
    package var path: String
    /// Where a new link points; empty for removals.
    package var target: String

    package init(type: String, path: String, target: String) {
        self.type = type
        self.path = path
        self.target = target
    }
}
