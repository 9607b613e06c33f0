// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What systemd knows of a start that is over.
package struct StartReport: Hashable, Sendable {
    /// How a process of the unit ended.
    package struct Exit: Hashable, Sendable {
        package var isSignal: Bool
        /// The exit status, or the signal's number.
        package var status: Int32
        /// The setting and the program, such as `ExecStartPre=/usr/bin/test`; `nil` for the main process.
        package var command: String?

        package init(isSignal: Bool, status: Int32, command: String? = nil) {
            self.isSignal = isSignal
            self.status = status
            self.command = command
        }

        /// What systemd tells of a process that has ended; `nil` while none has.
        ///
        /// - Source: org.freedesktop.systemd1(5), ExecMainCode and ExecMainStatus: the words of waitid(2), CLD_EXITED (1),
        ///   CLD_KILLED (2), CLD_DUMPED (3).
        init?(code: Int32?, status: Int32?, command: String? = nil) {
            guard let code, code != 0, let status else { return nil }
            self.init(isSignal: code == 2 || code == 3, status: status, command: command)
        }

        /// Whether such an end can be what an outcome is owed to.
        ///
        /// - Source: systemd 252, service_sigchld_event.
        func explains(_ result: String?) -> Bool {
            switch result {
            case "exit-code": !isSignal && status != 0
            case "signal", "core-dump": isSignal
            case "protocol": isSignal || status != 0
            default: true
            }
        }

        /// As systemctl writes it: `status 203/EXEC`, `signal 9/KILL`, and in words where systemd itself gave up before the program ran.
        package var words: String { end + (command.map { " of \($0)" } ?? "") }

        private var end: String {
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
    /// systemd's word for the outcome: `success`, `exit-code`, `signal`, `timeout`, `exec-condition`, `start-limit-hit` and so on.
    package var result: String?
    /// The process that the outcome is owed to: the main one, or the command beside it that failed.
    package var exit: Exit?

    /// systemd's own sentence on why a run was not set up (`resources`), from the journal.
    package var sentence: String?

    package init(
        conditions: [String] = [], asserts: [String] = [], triggers: [String] = [],
        dependencies: [DependencyFault] = [], result: String? = nil, exit: Exit? = nil, sentence: String? = nil
    ) {
        self.conditions = conditions
        self.asserts = asserts
        self.triggers = triggers
        self.dependencies = dependencies
        self.result = result
        self.exit = exit
        self.sentence = sentence
    }

    /// The outcome of a service whose `ExecCondition=` said that it is not to run.
    ///
    /// - Source: systemd 252, service_result_table.
    package static let unmetCommand = "exec-condition"
}
