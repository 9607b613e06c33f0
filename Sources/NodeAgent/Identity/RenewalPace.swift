// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// How long to wait from one look at the machine's certificate to the next.
///
/// A renewal is a signature, an entry of the audit and new files. One that did not help, as where the clock is so far off that a
/// fresh certificate looks due, must not follow the other without a pause.
enum RenewalPace {
    enum Look: Hashable, Sendable {
        case notDue
        /// Renewed; `isDueAgain` says that the new one looks due already.
        case renewed(isDueAgain: Bool)
        case failed
    }

    static func pause(after look: Look) -> Duration {
        switch look {
        case .notDue, .renewed(isDueAgain: false): .seconds(5)
        case .failed: .seconds(60)
        case .renewed(isDueAgain: true): .seconds(3_600)
        }
    }
}
