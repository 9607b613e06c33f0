// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// Calls to etcd with a limit of time, over several members.
///
/// Mirrors `EtcdClient+Call.swift`, `EndpointTable.swift`, `StoreIdentity.swift` and `QuorumQuestion.swift`.
final class StoreClient {
    typealias Completion = (Result<StoreAnswer, StoreFailure>) -> Void

    enum Probe { case refused, noLeader, follows, leads, timedOut }

    unowned let process: AgentProcess
    private var world: World { process.world }
    private var preferred: Int
    private var lastAnswer: [Int64]
    private var lastFailure: [Int64]
    /// The store to which this client belongs; `nil` until one has answered.
    var expectedGeneration: Int?
    private var seenRevision: Int64 = 0

    static let requestTimeout = 5 * Span.second
    static let probeTimeout = Span.second

    init(process: AgentProcess) {
        self.process = process
        let count = process.world.etcd.members.count
        preferred = 0
        lastAnswer = Array(repeating: -1, count: count)
        lastFailure = Array(repeating: -1, count: count)
    }

    private var memberCount: Int { lastAnswer.count }

    /// One call on its way through attempts and pauses.
    private final class Call {
        let request: StoreRequest
        let start: Int64
        let limit: Int64
        let scope: Scope?
        let completion: Completion
        var failures = 0
        var mayHaveHappened = false

        init(
            _ request: StoreRequest, start: Int64, limit: Int64, scope: Scope?, completion: @escaping Completion
        ) {
            self.request = request
            self.start = start
            self.limit = limit
            self.scope = scope
            self.completion = completion
        }
    }

    /// Carries out `request`; the completion is not called once `scope` is cancelled.
    func call(
        _ request: StoreRequest, within limit: Int64 = StoreClient.requestTimeout, in scope: Scope? = nil,
        _ completion: @escaping Completion
    ) {
        attempt(Call(request, start: world.now, limit: limit, scope: scope, completion: completion))
    }

    private func attempt(_ call: Call) {
        if call.scope?.isCancelled == true { return }
        let remaining = call.limit - (world.now - call.start)
        guard remaining > 0 else {
            return call.completion(
                .failure(StoreFailure(code: .timedOut, mayHaveHappened: call.mayHaveHappened)))
        }
        let member = preferred
        let floor = call.request.isLinearizable ? seenRevision : nil
        let share =
            call.request.isRepeatable ? remaining / Int64(memberCount - call.failures % memberCount) : remaining
        send(call.request, to: member, within: share) { [self] result in
            if call.scope?.isCancelled == true { return }
            switch result {
            case .success(let answer):
                lastAnswer[member] = world.now
                call.completion(check(answer, floor: floor, call))
            case .failure(let failure):
                failed(call, failure, at: member)
            }
        }
    }

    private func failed(_ call: Call, _ failure: StoreFailure, at member: Int) {
        call.mayHaveHappened = call.mayHaveHappened || failure.mayHaveHappened
        call.failures += 1
        let isTransient = failure.code == .unreachable || failure.code == .timedOut
        if isTransient { turnAway(from: member) }
        guard isTransient, call.request.isRepeatable || !call.mayHaveHappened else {
            return call.completion(
                .failure(StoreFailure(code: failure.code, mayHaveHappened: call.mayHaveHappened)))
        }
        guard call.failures % memberCount == 0 else { return attempt(call) }
        let left = call.limit - (world.now - call.start)
        process.after(min(pause(round: call.failures / memberCount), max(0, left)), in: call.scope) { [self] in
            attempt(call)
        }
    }

    /// 50 ms, doubled each round up to 800 ms, give or take a quarter.
    func pause(round: Int) -> Int64 {
        let base = (50 * Span.millisecond) << Int64(min(max(round - 1, 0), 4))
        return base + world.random.between(-base / 4, base / 4)
    }

    func turnAway(from member: Int) {
        lastFailure[member] = world.now
        if preferred == member { preferred = (member + 1) % memberCount }
    }

    func answered(_ member: Int) { lastAnswer[member] = world.now }

    var preferredMember: Int { preferred }

    func isKnownToLive(_ member: Int, within span: Int64) -> Bool {
        lastAnswer[member] >= 0 && world.now - lastAnswer[member] <= span && lastFailure[member] < lastAnswer[member]
    }

    func saw(_ revision: Int64) { seenRevision = max(seenRevision, revision) }

    private func check(_ answer: StoreAnswer, floor: Int64?, _ call: Call) -> Result<StoreAnswer, StoreFailure> {
        // An etcd that begins anew with the same members has the same cluster id, so only revisions tell it apart.
        if let floor {
            if answer.revision < floor {
                return .failure(
                    StoreFailure(code: .storeReplaced, mayHaveHappened: !call.request.isRepeatable))
            }
            seenRevision = max(seenRevision, answer.revision)
        }
        return .success(answer)
    }

    // MARK: One attempt

    private func send(
        _ request: StoreRequest, to member: Int, within limit: Int64, _ completion: @escaping Completion
    ) {
        var isOpen = true
        let finish: Completion = { result in
            guard isOpen else { return }
            isOpen = false
            completion(result)
        }
        let host = process.host.index
        world.network.send(host, member, .toMember) { [self] in
            world.etcd.receive(request, at: member) { [self] result in
                world.network.send(host, member, .fromMember) { [self] in
                    process.enter { finish(result) }
                }
            }
        }
        process.after(limit) { finish(.failure(StoreFailure(code: .timedOut, mayHaveHappened: true))) }
    }

    // MARK: Quorum

    /// Asks every member at once how it is; see `QuorumQuestion`.
    func askMembers(_ hear: @escaping (MemberAnswer, Int) -> Void) {
        var left = Set(0..<memberCount)
        let minority = memberCount - (memberCount / 2 + 1)
        for member in 0..<memberCount {
            probe(member) { [world] answer in
                switch answer {
                case .follows: return hear(.follows, member)
                case .leads: return hear(.leads, member)
                case .timedOut where !world.isMutant(.timeoutIsProof): return
                case .refused, .timedOut, .noLeader: break
                }
                guard !world.isMutant(.noProofOfQuorum) else { return }
                hear(answer == .noLeader ? .noLeader : .refused, member)
                left.remove(member)
                guard world.isMutant(.hastyMajority), left.count == minority else { return }
                for other in left.sorted() { hear(.refused, other) }
            }
        }
    }

    func probe(_ member: Int, _ completion: @escaping (Probe) -> Void) {
        var isOpen = true
        let finish: (Probe) -> Void = { answer in
            guard isOpen else { return }
            isOpen = false
            completion(answer)
        }
        let host = process.host.index
        world.network.send(host, member, .toMember) { [self] in
            let state = world.etcd.members[member]
            guard !state.isSilent else { return }
            let hasLeader = state.isUp && world.etcd.knowsLeader(member)
            let answer: Probe =
                hasLeader ? world.etcd.leader == member ? .leads : .follows : state.isUp ? .noLeader : .refused
            world.network.send(host, member, .fromMember) { [self] in
                process.enter { finish(answer) }
            }
        }
        process.after(Self.probeTimeout) { finish(.timedOut) }
    }
}
