// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

/// Whose bounds a caller counts against: one class cannot use up what another has.
package enum CallerClass: String, CaseIterable, Sendable {
    /// Who has shown no certificate that counts; so is everybody before the first request of a connection.
    case stranger
    /// Users who may read.
    case viewer
    /// Users who may change units or the cluster.
    case `operator`
    /// The cluster's machines.
    case machine
    /// Who comes over the unix socket, whose mode lets in its owner and group.
    case socket
}

/// What one class of callers may take of the server.
package struct Bound: Hashable, Sendable {
    /// Requests a second of one caller for long, and at once after a pause.
    package var rate: Double
    package var burst: Double
    /// Connections of one caller, and of the whole class.
    package var connections: Int
    package var allConnections: Int
    /// Streams of events and journals of one caller, and of the whole class.
    package var streams: Int
    package var allStreams: Int
    /// The largest body of a request, and all that are in memory at once, in bytes.
    package var body: Int
    package var allBodies: Int
    /// The answers of one caller that are made or not yet read by him, and those of the whole class, in bytes.
    package var answers: Int
    package var allAnswers: Int
}

/// The table of all classes.
package struct Bounds: Sendable {
    private var table: [CallerClass: Bound]

    package init() { table = [:] }

    package subscript(_ group: CallerClass) -> Bound {
        get { table[group] ?? Self.standard(group) }
        set { table[group] = newValue }
    }

    /// What a class has where nobody says otherwise.
    ///
    /// A unit file has at most 1 MiB, and JSON may lengthen it. What joins sends a kilobyte or two. A machine calls another for each
    /// journal that somebody follows at it; what it needs besides, for relays and renewals, is what its streams leave. Each worker has its
    /// watches of the store here, about ten streams, and reads it in answers of at most 8 MiB. A backup is one answer.
    package static func standard(_ group: CallerClass) -> Bound {
        switch group {
        case .stranger:
            Bound(
                rate: 2, burst: 60, connections: 32, allConnections: 256, streams: 1, allStreams: 8, body: 16 << 10,
                allBodies: 1 << 20, answers: 1 << 20, allAnswers: 4 << 20)
        case .viewer:
            Bound(
                rate: 1000, burst: 5000, connections: 64, allConnections: 256, streams: 32, allStreams: 128,
                body: 64 << 10, allBodies: 8 << 20, answers: 64 << 20, allAnswers: 128 << 20)
        case .operator:
            Bound(
                rate: 1000, burst: 5000, connections: 128, allConnections: 512, streams: 64, allStreams: 128,
                body: 4 << 20, allBodies: 320 << 20, answers: 320 << 20, allAnswers: 512 << 20)
        case .machine:
            Bound(
                rate: 1000, burst: 5000, connections: 256, allConnections: 8192, streams: 160, allStreams: 4096,
                body: 1 << 20, allBodies: 64 << 20, answers: 32 << 20, allAnswers: 256 << 20)
        case .socket:
            Bound(
                rate: 1000, burst: 5000, connections: 512, allConnections: 512, streams: 256, allStreams: 256,
                body: 4 << 20, allBodies: 512 << 20, answers: 320 << 20, allAnswers: 512 << 20)
        }
    }
}

extension Caller {
    /// The class whose bounds hold for him.
    package var group: CallerClass {
        switch identity {
        case .unknown: .stranger
        case .machine: .machine
        case .user where origin == "unix": .socket
        case .user(.viewer): .viewer
        case .user: .operator
        }
    }

    /// Who shares the bounds of one caller with him: of callers without a name all at their address.
    var boundKey: String {
        group == .stranger || name == Self.anybodyName ? AddressBlock.of(origin) : name
    }
}
