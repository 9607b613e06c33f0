// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import FoundationEssentials
import Glibc
import Logging
import Synchronization

@testable import NodeAgent

/// Something that a test waited for and that never came.
struct NeverCame: Error, CustomStringConvertible {
    var description: String
}

/// The value, or an error that ends the test.
func required<Value>(_ value: Value?, _ what: String = "a value") throws -> Value {
    guard let value else { throw NeverCame(description: "\(what) is missing") }
    return value
}

/// Waits until `condition` holds; one that never does ends the test after a minute.
func until(_ what: String, _ condition: @Sendable () async throws -> Bool) async throws {
    let deadline = ContinuousClock.now + .seconds(60)
    while try await !condition() {
        guard ContinuousClock.now < deadline else { throw NeverCame(description: "never came: \(what)") }
        try await Task.sleep(for: .milliseconds(10))
    }
}

/// Waits until `condition` holds, or as long as `until` does.
func eventually(_ condition: @Sendable () async -> Bool) async { try? await until("it", condition) }

/// A folder below the system's temporary one, which goes with the object.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/flotilla-agent-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func exists(_ name: String) -> Bool {
        var status = stat()
        return lstat("\(path)/\(name)", &status) == 0
    }

    func text(_ name: String) -> String? { try? HostFiles.read("\(path)/\(name)") }
}

/// What was logged, message by message.
final class LogBook: Sendable {
    private let messages = Mutex<[String]>([])

    var logger: Logger { Logger(label: "test") { _ in Handler(book: self) } }

    /// What was logged since this was last asked.
    func take() -> [String] {
        messages.withLock { all in
            let taken = all
            all = []
            return taken
        }
    }

    private func add(_ message: String) { messages.withLock { $0.append(message) } }

    private struct Handler: LogHandler {
        let book: LogBook
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.trace

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) { book.add(event.message.description) }
    }
}

extension Logger {
    /// Says nothing.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}

extension MachineID {
    /// An id that no other test has.
    static func random() throws -> MachineID {
        let digits = (0..<32).map { _ in "0123456789abcdef".randomElement() ?? "0" }
        return try required(MachineID(String(digits)))
    }
}

extension UnitFile {
    /// A service whose file differs by `word`.
    static func service(_ word: String, more: String = "") throws -> UnitFile {
        try UnitFile(parsing: "[Service]\nExecStart=/bin/sleep \(word)\n\(more)")
    }
}
