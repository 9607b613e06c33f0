// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI
import FoundationEssentials

extension FleetClient {
    /// Follows the cluster's changes; returns once the server has begun the stream.
    ///
    /// With `snapshot` the stream starts with an event for each unit, state and machine that it covers; then comes the event
    /// `sync`, and from there every change. Nothing is missed between. To wait for the outcome of a write: open the stream,
    /// await `sync`, write, read on.
    ///
    /// - Parameters:
    ///   - units: Names of the units whose events are wanted; empty means everything, machines included.
    ///   - snapshot: Whether the present state comes first.
    /// - Returns: The events in the store's order. The stream throws `APIError` when the server ends it or the connection
    ///   breaks; a new stream with `snapshot` then tells what was missed. Ending the iteration closes the connection.
    /// - Throws: `APIError` when the stream cannot begin.
    package func events(
        units: [String] = [], snapshot: Bool = false
    ) async throws(APIError) -> AsyncThrowingStream<API.Event, any Error> {
        let action = "follow the cluster's events"
        var query = units.map { ("unit", $0) }
        if snapshot { query.append(("snapshot", "true")) }
        let stream: TransportStream
        do {
            stream = try await transport.stream(
                request(.followEvents, query: query, accept: "text/event-stream"))
        } catch {
            throw APIError(error, action: action, of: self)
        }
        guard stream.status == 200 else {
            var answer = TransportResponse(status: stream.status, body: await Self.collect(stream.body))
            answer.endpoint = stream.endpoint
            throw refusal(of: answer, action: action)
        }
        return decode(stream, action: action)
    }

    /// Turns the bytes of a stream into events, in a task that ends with the stream.
    private func decode(
        _ stream: TransportStream, action: String
    ) -> AsyncThrowingStream<API.Event, any Error> {
        let (body, source) = (stream.body, stream.endpoint)
        return AsyncThrowingStream { continuation in
            let pump = Task {
                var parser = EventStreamParser()
                do {
                    for try await bytes in body {
                        for raw in try parser.consume(bytes) {
                            guard let event = try event(raw, from: source, action: action) else { continue }
                            continuation.yield(event)
                        }
                    }
                    throw TransportFailure(.broken, "the server ended the stream")
                } catch let failure as TransportFailure {
                    continuation.finish(
                        throwing: APIError(failure.asked(of: source), action: action, of: self))
                } catch is CancellationError {
                    continuation.finish()
                } catch is EventStreamParser.Overflow {
                    continuation.finish(throwing: malformed("an event of endless length", from: source, action: action))
                } catch {
                    continuation.finish(throwing: error)
                }
            }
            continuation.onTermination = { _ in pump.cancel() }
        }
    }

    /// The event that `raw` writes; `nil` for a kind that this version does not know.
    private func event(
        _ raw: EventStreamParser.RawEvent, from source: String?, action: String
    ) throws(APIError) -> API.Event? {
        guard API.Event.names.contains(raw.name) else { return nil }
        guard let data = try? JSONDecoder().decode(API.EventData.self, from: Data(raw.data.utf8)),
            let revision = Int64(raw.id), let event = API.Event(name: raw.name, revision: revision, data: data)
        else { throw malformed("an event '\(raw.name)' that does not read", from: source, action: action) }
        return event
    }

    /// The first 64 KiB of a body, for the message of a refusal; what cannot be read any more is left out.
    static func collect(_ body: AsyncThrowingStream<[UInt8], any Error>) async -> [UInt8] {
        var bytes: [UInt8] = []
        do {
            for try await part in body {
                bytes += part
                if bytes.count > 65_536 { break }
            }
        } catch {
            return bytes
        }
        return bytes
    }
}
