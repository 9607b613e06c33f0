// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FleetAPIClient
import FleetCore

extension FleetClientAdapter {
    package func journal(
        _ query: FleetJournalQuery
    ) async throws -> AsyncThrowingStream<[FleetJournalItem], any Error> {
        let asked = API.JournalQuery(
            units: query.units.map(\.rawValue), lines: query.lines, since: query.since, until: query.until,
            follow: query.follow, machines: query.machines)
        let items: AsyncThrowingStream<[API.JournalItem], any Error>
        do {
            items = try await client.journal(asked)
        } catch {
            throw ClusterManagerError(error)
        }
        let source = JournalItems(items)
        return AsyncThrowingStream {
            do {
                return try await source.next()?.map(FleetJournalItem.init)
            } catch let error as APIError {
                throw ClusterManagerError(error)
            }
        }
    }
}

/// Pulls a stream's items, for one task at a time.
private actor JournalItems {
    private var items: AsyncThrowingStream<[API.JournalItem], any Error>.Iterator?

    init(_ stream: AsyncThrowingStream<[API.JournalItem], any Error>) { items = stream.makeAsyncIterator() }

    func next() async throws -> [API.JournalItem]? {
        guard var iterator = items.take() else { return nil }
        guard let some = try await iterator.next(isolation: self) else { return nil }
        items = iterator
        return some
    }
}

extension FleetJournalItem {
    package init(_ item: API.JournalItem) {
        switch item {
        case .began(let time): self = .began(time)
        case .entry(let entry):
            self = .entry(
                FleetJournalEntry(
                    time: entry.time, machine: entry.machine, host: entry.host ?? "", unit: entry.unit,
                    priority: entry.priority, identifier: entry.identifier ?? "", pid: entry.pid,
                    message: entry.message, isCut: entry.cut ?? false, cursor: entry.cursor))
        case .notice(let notice) where notice.passing == true: self = .delay(notice.notice, machine: notice.machine)
        case .notice(let notice): self = .notice(notice.notice, machine: notice.machine)
        case .caughtUp: self = .caughtUp
        }
    }
}
