// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetCore

extension ClusterState {
    /// The events that make this state out of an empty one.
    package var events: [ClusterEvent] {
        var events: [ClusterEvent] = []
        events.reserveCapacity(files.count + machines.count + units.count + assignments.count + states.count + 1)
        for (hash, file) in files { events.append(.filePut(hash, file)) }
        for machine in announced.values { events.append(.machinePut(machine)) }
        for (id, changes) in metadata { events.append(.metadataPut(id, changes)) }
        for unit in units.values { events.append(.unitPut(unit)) }
        for placed in assignments.values {
            for assignment in placed.values { events.append(.assignmentPut(assignment)) }
        }
        for reported in states.values { for state in reported.values { events.append(.statePut(state)) } }
        for (id, wanted) in control { events.append(.controlPut(id, wanted)) }
        for id in seen { events.append(.seenPut(id)) }
        if let brake { events.append(.brakePut(brake)) }
        if let leader { events.append(.leaderPut(leader)) }
        return events
    }
}
