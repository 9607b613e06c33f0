// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// A body that is written while it comes into being.
package protocol ReplyStream: Sendable {
    /// Writes the body until its end, until `close()`, or until `write` throws; called once.
    ///
    /// - Parameter write: Takes whole pieces; returning slowly slows the stream down.
    /// - Throws: What `write` throws, or what keeps the body from being made.
    func run(write: ([UInt8]) async throws -> Void) async throws

    /// Ends the body early; it may be called at any time and more than once.
    func close()
}

extension EventFeed: ReplyStream {}
