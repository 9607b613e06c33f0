// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What systemd calls the ways in which a process ends.
package struct ExitName: Hashable, Sendable {
    package let status: Int32
    package let name: String
    /// What it means to who wrote the unit file; empty where the name says it.
    package let meaning: String

    private init(_ status: Int32, _ name: String, _ meaning: String = "") {
        self.status = status
        self.name = name
        self.meaning = meaning
    }

    /// The statuses with which systemd ends a process that it could not make into the unit's program.
    ///
    /// - Source: `systemd-analyze exit-status`, class systemd; systemd.exec(5), "Process Exit Codes".
    package static let all: [ExitName] = [
        ExitName(200, "CHDIR", "WorkingDirectory= cannot be entered"), ExitName(201, "NICE"), ExitName(202, "FDS"),
        ExitName(203, "EXEC", "the program is not there or cannot be executed"), ExitName(204, "MEMORY"),
        ExitName(205, "LIMITS"), ExitName(206, "OOM_ADJUST"), ExitName(207, "SIGNAL_MASK"), ExitName(208, "STDIN"),
        ExitName(209, "STDOUT", "where StandardOutput= leads cannot be opened"), ExitName(210, "CHROOT"),
        ExitName(211, "IOPRIO"), ExitName(212, "TIMERSLACK"), ExitName(213, "SECUREBITS"),
        ExitName(214, "SETSCHEDULER"), ExitName(215, "CPUAFFINITY"), ExitName(216, "GROUP", "Group= is unknown"),
        ExitName(217, "USER", "User= is unknown"), ExitName(218, "CAPABILITIES"), ExitName(219, "CGROUP"),
        ExitName(220, "SETSID"), ExitName(221, "CONFIRM"),
        ExitName(222, "STDERR", "where StandardError= leads cannot be opened"), ExitName(224, "PAM"),
        ExitName(225, "NETWORK"), ExitName(226, "NAMESPACE", "a path of its sandbox is not there"),
        ExitName(227, "NO_NEW_PRIVILEGES"), ExitName(228, "SECCOMP"), ExitName(229, "SELINUX_CONTEXT"),
        ExitName(230, "PERSONALITY"), ExitName(231, "APPARMOR"), ExitName(232, "ADDRESS_FAMILIES"),
        ExitName(233, "RUNTIME_DIRECTORY"), ExitName(235, "CHOWN"), ExitName(236, "SMACK_PROCESS_LABEL"),
        ExitName(237, "KEYRING"), ExitName(238, "STATE_DIRECTORY"), ExitName(239, "CACHE_DIRECTORY"),
        ExitName(240, "LOGS_DIRECTORY"), ExitName(241, "CONFIGURATION_DIRECTORY"), ExitName(242, "NUMA_POLICY"),
        ExitName(243, "CREDENTIALS"), ExitName(244, "BPF"), ExitName(255, "EXCEPTION"),
    ]

    package static func ofStatus(_ status: Int32) -> ExitName? { all.first { $0.status == status } }

    /// The signal's name without `SIG`: `KILL`; `nil` for a number that has none on Linux.
    package static func ofSignal(_ number: Int32) -> String? {
        let index = Int(number) - 1
        return signals.indices.contains(index) ? signals[index] : nil
    }

    /// From 1 on (signal(7), x86 and ARM).
    private static let signals = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM",
        "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF",
        "WINCH", "IO", "PWR", "SYS",
    ]
}
