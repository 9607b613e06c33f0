// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What callers hold of something that each of them, and each class, has so much of.
final class Shares: Sendable {
    private struct State {
        var held: [String: Int] = [:]
        var groups: [CallerClass: Int] = [:]
        /// Who waits; all are woken when something comes back, and whoever finds enough first has it.
        var waiters: [Waiter] = []
        var next: UInt64 = 0
    }

    private struct Waiter {
        var number: UInt64
        var wake: AsyncStream<Void>.Continuation
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
    ///   - bearsOne: Whether who has nothing else, in a class that has nothing else, gets more than that.
    /// - Returns: What is given back when the last one forgets it.
    func take(_ amount: Int, for caller: Caller, most: Int = .max, all: Int, bearsOne: Bool = false) -> Share? {
        let (group, key) = (caller.group, caller.group.rawValue + " " + caller.boundKey)
        return state.withLock { state in
            func hasRoom(_ held: Int?, _ most: Int) -> Bool {
                held ?? 0 <= most - amount || bearsOne && held ?? 0 == 0
            }
            guard hasRoom(state.held[key], most), hasRoom(state.groups[group], all) else { return nil }
            state.held[key, default: 0] += amount
            state.groups[group, default: 0] += amount
            return Share(amount) { [self] in giveBack($0, key, group) }
        }
    }

    /// Gives the caller `amount` more as soon as so much is there.
    ///
    /// - Parameters:
    ///   - amount: How much.
    ///   - caller: Who gets it.
    ///   - most: What he may have.
    ///   - all: What his class may have.
    ///   - patience: How long that may take.
    /// - Returns: As without `patience`; `nil` at once for what he may never have.
    func take(
        _ amount: Int, for caller: Caller, most: Int, all: Int, within patience: Duration
    ) async -> Share? {
        if let share = take(amount, for: caller, most: most, all: all) { return share }
        guard amount <= min(most, all) else { return nil }
        let (news, wake) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.next += 1
            state.waiters.append(Waiter(number: state.next, wake: wake))
            return state.next
        }
        defer { state.withLock { state in state.waiters.removeAll { $0.number == number } } }
        return await withTaskGroup(of: Share?.self) { group in
            group.addTask {
                // What came back before this one was among those who wait.
                if let share = self.take(amount, for: caller, most: most, all: all) { return share }
                for await _ in news {
                    if let share = self.take(amount, for: caller, most: most, all: all) { return share }
                }
                return nil
            }
            group.addTask {
                try? await Task.sleep(for: patience)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func giveBack(_ amount: Int, _ key: String, _ group: CallerClass) {
        let waiters = state.withLock { state in
            state.held[key, default: 0] -= amount
            if state.held[key] == 0 { state.held[key] = nil }
            state.groups[group, default: 0] -= amount
            return state.waiters
        }
        for waiter in waiters { waiter.wake.yield() }
    }

    /// Something that is held as long as somebody remembers it: however a request ends, it is given back.
    final class Share: Sendable {
        private let amount: Mutex<Int>
        private let giveBack: @Sendable (Int) -> Void

        fileprivate init(_ amount: Int, _ giveBack: @escaping @Sendable (Int) -> Void) {
            self.amount = Mutex(amount)
            self.giveBack = giveBack
        }

        /// Gives back what is more than `most`.
        func shrink(to most: Int) {
            let rest = amount.withLock { amount in
                let rest = max(0, amount - most)
                amount -= rest
                return rest
            }
            if rest > 0 { giveBack(rest) }
        }

        deinit { giveBack(amount.withLock { $0 }) }
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

/// The memory of one answer: from before it is made, where its handler asks for it, until the system has its last piece.
///
/// Who reads nothing of what he asked for holds it, and so what he may have next.
package final class AnswerMemory: Sendable {
    private let shares: Shares
    private let caller: Caller
    private let bound: Bound
    private let held = Mutex<Shares.Share?>(nil)

    init(_ shares: Shares, _ caller: Caller, _ bound: Bound) {
        self.shares = shares
        self.caller = caller
        self.bound = bound
    }

    /// Takes so much before the answer is made; waits for it while other answers have it.
    ///
    /// - Returns: Whether it was there within `patience`.
    func reserve(_ bytes: Int, within patience: Duration) async -> Bool {
        hold(
            await shares.take(bytes, for: caller, most: bound.answers, all: bound.allAnswers, within: patience))
    }

    /// Holds what the answer has, now that it is made, and gives back what was taken beyond that.
    ///
    /// One that is larger than all that the caller may have waits for those before it: it would else never be given.
    ///
    /// - Parameters:
    ///   - bytes: How much it has.
    ///   - isAsked: Whether it can be asked for again; an answer that tells of a change is given whatever others hold.
    /// - Returns: Whether there is so much. What memory was taken for before is never refused.
    func settle(_ bytes: Int, isAsked: Bool) -> Bool {
        if let share = held.withLock({ $0 }) {
            share.shrink(to: bytes)
            return true
        }
        guard isAsked else { return hold(shares.take(bytes, for: caller, all: .max)) }
        return hold(shares.take(bytes, for: caller, most: bound.answers, all: bound.allAnswers, bearsOne: true))
    }

    /// Gives all of it back.
    func end() { held.withLock { $0 = nil } }

    private func hold(_ share: Shares.Share?) -> Bool {
        held.withLock { $0 = share }
        return share != nil
    }

    /// What a caller is told for whose answer there is no memory.
    static func refusal(_ caller: Caller) -> ServerFailure {
        ServerFailure(
            503,
            "the answers to \(caller.name), or to all like it, that are not read yet take all the memory for them; read them"
        ).retrying(after: 1)
    }
}
