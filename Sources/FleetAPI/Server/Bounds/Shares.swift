// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What callers hold of something that each of them, and each class, has so much of.
final class Shares: Sendable {
    private struct State {
        var held: [String: Int] = [:]
        var groups: [CallerClass: Int] = [:]
    }

    private let state = Mutex(State())

    /// What all of a class hold.
    func held(by group: CallerClass) -> Int { state.withLock { $0.groups[group] ?? 0 } }

    /// Gives the caller `amount` more; `nil`, and nothing is given, when he or his class has too much then.
    ///
    /// - Parameters:
    ///   - amount: How much.
    ///   - caller: Who gets it.
    ///   - most: What he may have.
    ///   - all: What his class may have.
    /// - Returns: What is given back when the last one forgets it.
    func take(_ amount: Int, for caller: Caller, most: Int = .max, all: Int) -> Share? {
        let (group, key) = (caller.group, caller.group.rawValue + " " + caller.boundKey)
        return state.withLock { state in
            guard state.held[key] ?? 0 <= most - amount, state.groups[group] ?? 0 <= all - amount else { return nil }
            state.held[key, default: 0] += amount
            state.groups[group, default: 0] += amount
            return Share { [self] in giveBack(amount, key, group) }
        }
    }

    private func giveBack(_ amount: Int, _ key: String, _ group: CallerClass) {
        state.withLock { state in
            state.held[key, default: 0] -= amount
            if state.held[key] == 0 { state.held[key] = nil }
            state.groups[group, default: 0] -= amount
        }
    }

    /// Something that is held as long as somebody remembers it: however a request ends, it is given back.
    final class Share: Sendable {
        private let end: @Sendable () -> Void

        fileprivate init(_ end: @escaping @Sendable () -> Void) { self.end = end }

        deinit { end() }
    }
}

/// The memory that the bodies of one request hold, which grows as they come.
final class BodyMemory: Sendable {
    private let shares: Shares
    private let caller: Caller
    private let most: Int
    private let held = Mutex<[Shares.Share]>([])

    init(_ shares: Shares, _ caller: Caller, most: Int) {
        self.shares = shares
        self.caller = caller
        self.most = most
    }

    /// Takes so many bytes more; whether the class has them.
    func grow(by bytes: Int) -> Bool {
        guard let share = shares.take(bytes, for: caller, all: most) else { return false }
        held.withLock { $0.append(share) }
        return true
    }
}
