// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What systemd knows of a start that is over.
package struct StartReport: Hashable, Sendable {
    /// How the main process ended.
    package struct Exit: Hashable, Sendable {
        package var isSignal: Bool
        /// The exit status, or the signal's number.
        package var status: Int32

        package init(isSignal: Bool, status: Int32) {
            self.isSignal = isSignal
            self.status = status
        }

        /// As systemctl writes it: `status 203/EXEC`, `signal 9/KILL`, and in words where systemd itself gave up before the program ran.
        package var words: String {
            guard !isSignal else { return "signal \(status)" + (ExitName.ofSignal(status).map { "/\($0)" } ?? "") }
            guard let name = ExitName.ofStatus(status) else { return "status \(status)" }
            return "status \(status)/\(name.name)" + (name.meaning.isEmpty ? "" : " (\(name.meaning))")
        }
    }

    /// The conditions that did not hold, such as `ConditionPathExists=/etc/web`, or all where systemd does not say which.
    package var conditions: [String]
    /// The same for assertions.
    package var asserts: [String]
    /// The units that a timer, socket or path starts.
    package var triggers: [String]
    /// The units at fault when the job ended with `dependency`, by name; none where they have come right meanwhile.
    package var dependencies: [DependencyFault]
    /// systemd's word for the outcome: `success`, `exit-code`, `signal`, `timeout`, `start-limit-hit` and so on.
    package var result: String?
    package var main: Exit?

    package init(
        conditions: [String] = [], asserts: [String] = [], triggers: [String] = [],
        dependencies: [DependencyFault] = [], result: String? = nil, main: Exit? = nil
    ) {
        self.conditions = conditions
        self.asserts = asserts
        self.triggers = triggers
        self.dependencies = dependencies
        self.result = result
        self.main = main
    }
}
