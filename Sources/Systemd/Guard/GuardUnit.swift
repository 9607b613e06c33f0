// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The text of the guard's service.
package enum GuardUnit {
    package static let defaultName = "flotilla-guard.service"

    /// Where the guard's FIFO lies in the runtime folder.
    package static func fifo(runtimeDirectory: String) -> String { runtimeDirectory + "/guard" }

    /// The list of units that die with the guard: one name per line, kept by the agent.
    package static func fencedUnits(runtimeDirectory: String) -> String { runtimeDirectory + "/fenced-units" }

    /// The file without which the guard does not start; the agent makes it just before it starts the guard.
    ///
    /// Starting a bound unit would otherwise bring up a new guard, and with it time to run that no session stands for. The
    /// guard's end takes the permit away before anything else.
    package static func permit(runtimeDirectory: String) -> String { runtimeDirectory + "/guard-permit" }

    /// Renders the unit file.
    ///
    /// What ends the units is two-fold, so that neither alone has to be right. The units are bound to the guard
    /// (`FenceDropIn`): systemd queues a stop job for each as the guard goes down, which overrides Restart=. And
    /// ExecStopPost= sends SIGKILL to all processes of the units listed, so none can take its time to stop.
    ///
    /// - Parameters:
    ///   - executable: Absolute path of the node agent.
    ///   - runtimeDirectory: Absolute path of a folder that exists, lives until the next boot and belongs to root.
    ///   - controlGroups: Where the control groups of the machine's units lie; see `ControlGroupTree.root`.
    ///   - initialSeconds: How long the guard lives before it is fed for the first time; more than 0.
    ///   - arguments: Further words for the guard's command line.
    /// - Returns: The whole file.
    /// - Throws: `invalidArgument` for paths that are not absolute or hold control characters.
    package static func text(
        executable: String, runtimeDirectory: String, controlGroups: String, initialSeconds: Int,
        arguments: [String] = []
    ) throws(SystemdError) -> String {
        guard initialSeconds > 0 else {
            throw SystemdError(
                code: .invalidArgument, message: "guard: \(initialSeconds) s is no time to live, give at least 1")
        }
        let words = [executable, "guard", "--fifo", fifo(runtimeDirectory: runtimeDirectory)] + arguments
        var command: [String] = []
        for word in words { command.append(try quote(word)) }
        for path in [executable, runtimeDirectory] where !path.hasPrefix("/") {
            throw SystemdError(code: .invalidArgument, message: "guard: \(path) is no absolute path")
        }
        let list = try quote(fencedUnits(runtimeDirectory: runtimeDirectory))
        let permit = try quote(Self.permit(runtimeDirectory: runtimeDirectory))
        return """
            [Unit]
            Description=Flotilla guard: ends this machine's units when its session cannot be proven
            DefaultDependencies=no
            Before=shutdown.target
            Conflicts=shutdown.target
            AssertPathExists=\(try escape(Self.permit(runtimeDirectory: runtimeDirectory)))

            [Service]
            Type=notify
            NotifyAccess=main
            ExecStart=\(command.joined(separator: " "))
            Restart=no
            WatchdogSec=\(initialSeconds)
            WatchdogSignal=SIGKILL
            SendSIGKILL=yes
            TimeoutStartSec=10
            # Only a list with at least one name leads to a command; systemctl without names would refuse.
            # The dash: systemctl complains of units that are dead already, which is what is wanted.
            ExecStopPost=-/bin/sh -c \(try quote(killScript)) guard \(list) \(permit) \(try quote(controlGroups))
            TimeoutStopSec=10
            OOMScoreAdjust=-1000
            MemorySwapMax=0
            Nice=-10

            """
    }

    /// Removes the permit `$2` and sends SIGKILL to each unit named in the file `$1`.
    ///
    /// `--` keeps a name from being taken as an option; xargs splits lists that one command line cannot hold. A unit
    /// that is not loaded makes systemctl report an error and go on with the next.
    ///
    /// Then come the units' control groups below `$3` (`ControlGroupTree`): systemd forgets the group of a unit that has ended, also
    /// while processes are in it (`KillMode=none`). The kernel's own kill misses no process that forks meanwhile; where it
    /// has none, the processes are killed three times over.
    private static let killScript =
        #"rm -f -- "$2"; [ -s "$1" ] || exit 0; "#
        + #"xargs -r -d "\n" systemctl kill --signal=SIGKILL --kill-whom=all -- < "$1"; "#
        + #"for round in 1 2 3; do "#
        + #"find "$3" -mindepth 1 -type d \( -path "$3/user.slice" -prune -o ! -name "*.slice" -prune -print \) | "#
        + #"awk -F/ "NR == FNR { listed[\$0]; next } { name = \$NF; sub(/^_/, \"\", name); if (name in listed) print }" "$1" - | "#
        + #"while read -r group; do if [ -e "$group/cgroup.kill" ]; then echo 1 > "$group/cgroup.kill"; "#
        + #"else find "$group" -name cgroup.procs -exec cat {} +; fi; done | xargs -r sh -c "kill -KILL \$@" sh; done; exit 0"#

    /// Quotes a word of a command line for systemd.
    ///
    /// - Source: systemd.service(5), "Command lines", and systemd.unit(5), "Specifiers".
    static func quote(_ word: String) throws(SystemdError) -> String {
        var quoted = "\""
        for character in try escape(word) {
            switch character {
            case "\"", "\\": quoted += "\\\(character)"
            case "$": quoted += "$$"
            default: quoted.append(character)
            }
        }
        return quoted + "\""
    }

    /// Makes a word safe where only specifiers are expanded.
    private static func escape(_ word: String) throws(SystemdError) -> String {
        guard !word.unicodeScalars.contains(where: { $0.value < 0x20 || $0.value == 0x7f }) else {
            throw SystemdError(
                code: .invalidArgument,
                message: "guard: \(word.debugDescription) holds control characters, which a unit file cannot carry")
        }
        return word.map { $0 == "%" ? "%%" : String($0) }.joined()
    }
}

/// The drop-in that binds a unit to the guard.
package enum FenceDropIn {
    /// Where the drop-in of a unit belongs, such as `/run/systemd/system/web.service.d/50-flotilla-fence.conf`.
    package static func path(unit: String) -> String { "/run/systemd/system/\(unit).d/50-flotilla-fence.conf" }

    /// Renders the drop-in.
    ///
    /// BindsTo= stops the unit when the guard is gone for whatever reason, and refuses to start it when no guard can be
    /// started. After= makes that hold while the unit is still starting.
    package static func text(guard name: String = GuardUnit.defaultName) -> String {
        """
        [Unit]
        BindsTo=\(name)
        After=\(name)

        """
    }
}
