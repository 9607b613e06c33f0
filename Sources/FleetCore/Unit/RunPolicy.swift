// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Whether a unit that has ended by itself is run again when it comes to another machine.
///
/// fleet started everything anew there, jobs that had done their work included, which its users reported as a fault
/// (fleet issue 1135).
package enum RunPolicy: Hashable, Sendable {
    /// It is to run as long as the user wants it launched.
    case always
    /// It has work to do and is done then; `retriesFailure` when a failed run may be tried again, by systemd or elsewhere.
    case once(retriesFailure: Bool)

    /// The policy that a unit's file asks for.
    ///
    /// A service of `Type=oneshot` that does not stay active afterwards runs once, unless `RunAgain=` says otherwise. Its
    /// failure is final unless `Restart=` asks for more. A global unit runs on every machine, so it has no end of its own.
    package init(of file: UnitFile, for name: UnitName) {
        let stays = file.flag(section: "Service", name: "RemainAfterExit") ?? false
        guard name.type == .service, Self.type(of: file) == "oneshot", !stays else {
            self = .always
            return
        }
        let options = SchedulingOptions(of: file, for: name)
        guard !options.isGlobal, !options.runsAgain else {
            self = .always
            return
        }
        self = .once(retriesFailure: Self.restart(of: file) != "no")
    }

    /// The `Type=` that systemd takes from the file; `nil` where it chooses one itself, and then never one that ends by itself:
    /// without `ExecStart=` it loads only what stays active.
    package static func type(of file: UnitFile) -> String? {
        let words = ["simple", "exec", "forking", "oneshot", "dbus", "notify", "idle"]
        return file.word(section: "Service", name: "Type", among: words)
    }

    /// The `Restart=` that systemd gives a service.
    package static func restart(of file: UnitFile) -> String {
        let words = ["no", "on-success", "on-failure", "on-abnormal", "on-watchdog", "on-abort", "always"]
        return file.word(section: "Service", name: "Restart", among: words) ?? "no"
    }
}
