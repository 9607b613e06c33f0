// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Logging

/// Keeps one line out of the log: the error that Hummingbird's accepting of connections ends with when this server is stopped.
///
/// Nothing but our own end cancels it, so the line said at each stop that something had failed. Any other error there passes.
struct OrderlyEnd: LogHandler {
    static let line = "Waiting on child channel: \(CancellationError())"

    private var base: any LogHandler

    init(_ base: any LogHandler) { self.base = base }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        guard event.message.description != Self.line else { return }
        base.log(event: event)
    }
}
