// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The names of units that a machine needs to boot, to run and to shut down, and those of Flotilla itself.
///
/// A unit of the cluster by such a name would take the place of the machine's own. The names are those of systemd.special(7),
/// bootup(7) and of what systemd 252 and Debian 12 ship for these ends. They are refused when somebody submits them; a record that has
/// one already can still be read and destroyed.
package enum MachineUnits {
    /// Names with one purpose.
    package struct Row: Sendable {
        /// What they are to the machine.
        package let purpose: String
        /// Whether the machine, or Flotilla on it, does not outlive their end; the others may be stopped for another unit's sake.
        let isVital: Bool
        /// Patterns over names, in the dialect of `Glob`.
        package let patterns: [String]

        init(_ purpose: String, isVital: Bool = false, _ patterns: [String]) {
            self.purpose = purpose
            self.isVital = isVital
            self.patterns = patterns
        }
    }

    private static let ownPurpose = "part of Flotilla"

    package static let rows: [Row] = [
        Row(ownPurpose, isVital: true, ["node-agent.*", "flotilla-guard*.*", "flotilla-units.target"]),
        Row("part of systemd", ["systemd-*.*", "init.scope", "quotaon.*", "rc-local.service"]),
        Row(
            "a slice that systemd makes for itself", isVital: true,
            ["-.slice", "system.slice", "user.slice", "machine.slice", "user-*.slice", "system-*.slice"]),
        Row(
            "the message bus", isVital: true,
            ["dbus.*", "dbus-broker.*", "dbus-org.*"]),
        Row("for logins", ["user@*.service", "user-runtime-dir@*.service"]),
        Row(
            "a console",
            [
                "getty@*.service", "serial-getty@*.service", "container-getty@*.service", "autovt@*.service",
                "console-getty.service", "console-shell.service", "debug-shell.service", "getty.target",
                "getty-static.service", "getty-pre.target",
            ]),
        Row(
            "a stage of the machine's start", isVital: true,
            [
                "basic.target", "boot-complete.target", "cryptsetup*.target", "default.target",
                "first-boot-complete.target",
                "graphical.target", "initrd*.*", "integritysetup*.target", "local-fs*.target", "multi-user.target",
                "network.target", "network-online.target", "network-pre.target", "nss-*lookup.target", "paths.target",
                "remote-cryptsetup.target", "remote-fs*.target", "remote-veritysetup.target", "rpcbind.target",
                "runlevel[0-9].target", "slices.target", "sockets.target", "swap.target", "sysinit.target",
                "system-update*.*", "time-set.target", "time-sync.target", "timers.target", "usb-gadget.target",
                "veritysetup*.target",
            ]),
        Row(
            "a way to stop or rescue the machine",
            [
                "ctrl-alt-del.target", "emergency.*", "exit.target", "factory-reset.target", "final.target",
                "halt.target",
                "hibernate.target", "hybrid-sleep.target", "kbrequest.target", "kexec.target", "poweroff.target",
                "reboot.target", "rescue.*", "shutdown.target", "sigpwr.target", "sleep.target", "soft-reboot.target",
                "suspend.target", "suspend-then-hibernate.target", "umount.target",
            ]),
        Row(
            "for the machine's devices",
            [
                "bluetooth.target", "kmod-static-nodes.service", "kmod.service", "modprobe@*.service", "printer.target",
                "smartcard.target", "sound.target", "udev.service", "fsck*.service",
            ]),
        Row(
            "a file system of the machine", isVital: true,
            mounts(
                on: ["-", "etc", "root", "run", "tmp", "usr", "var", "var-lib", "var-log", "var-run"],
                below: [
                    "bin", "boot", "dev", "etc-systemd", "lib", "lib32", "lib64", "libx32", "proc", "run-dbus",
                    "run-lock", "run-systemd", "run-udev", "sbin", "sys", "usr-bin", "usr-lib", "usr-lib32",
                    "usr-lib64",
                    "usr-libx32", "usr-sbin", "var-lib-dbus", "var-lib-systemd",
                ])),
        Row(
            "a folder of Flotilla", isVital: true,
            mounts(below: ["etc-flotilla", "run-flotilla", "var-lib-flotilla"])),
    ]

    /// Patterns over what is mounted on these folders, and over what is mounted on those or anywhere below.
    private static func mounts(on folders: [String] = [], below trees: [String]) -> [String] {
        (folders + trees).map { "\($0).*mount" } + trees.map { "\($0)-*.*mount" }
    }

    private static let globs: [(row: Row, glob: Glob)] = rows.flatMap { row in row.patterns.map { (row, Glob($0)) } }

    private static func row(of name: UnitName) -> Row? { globs.first { $0.glob.matches(name) }?.row }

    /// Whether `name` is a part of Flotilla itself.
    package static func isOwn(_ name: UnitName) -> Bool { row(of: name)?.purpose == ownPurpose }

    /// What `name` is to every machine, if no unit may stop it; `nil` for all others.
    package static func vitalPurpose(of name: UnitName) -> String? {
        row(of: name).flatMap { $0.isVital ? $0.purpose : nil }
    }

    /// What `name` is to every machine; `nil` for a name that is free.
    package static func purpose(of name: UnitName) -> String? { row(of: name)?.purpose }
}
