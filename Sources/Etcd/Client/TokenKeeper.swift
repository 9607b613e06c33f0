// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Name and password of an etcd user.
struct Login: Hashable, Sendable {
    var user: String
    var password: String

    init(user: String, password: String) {
        self.user = user
        self.password = password
    }

    init?(user: String?, password: String?) {
        guard let user, let password else { return nil }
        self.init(user: user, password: password)
    }
}

/// Keeps the token that a login gave, and logs in once however many calls want a new one.
///
/// A simple token of etcd's lives for some minutes after its last use, at each member for itself, and in memory only. So one that
/// was idle for long is replaced before it is used, and one that a member turns down, after. A login that etcd has refused
/// is not tried again for a while: who asks meanwhile hears the same refusal, and etcd, for which each try means a round of its
/// consensus and a slow hash, nothing.
actor TokenKeeper {
    /// How long after a refused login the next one is tried: the first, and the longest after several.
    private let firstRest: Duration
    private static let longestRest: Duration = .seconds(30)

    private struct Refused {
        var error: EtcdError
        var until: ContinuousClock.Instant
        var rest: Duration
    }

    private(set) var login: Login?
    /// What may count instead from any moment on: its password is being changed.
    private var coming: Login?
    private let idleLimit: Duration
    private var token: String?
    private var lastUse = ContinuousClock.now
    private var attempt: Task<Result<String, EtcdError>, Never>?
    private var refused: Refused?
    /// Requests with the token had no answer, which an etcd of another history gives none to.
    private var isDoubted = false

    init(_ login: Login?, idleLimit: Duration, firstRest: Duration = .seconds(1)) {
        self.login = login
        self.firstRest = firstRest
        self.idleLimit = idleLimit
    }

    /// The token of the last login, good or not.
    var known: String? { token }

    /// The present token when something speaks against it.
    var doubted: String? { isDoubted ? token : nil }

    /// A request with `used` had no answer in time.
    func doubt(_ used: String) { if used == token, !used.isEmpty { isDoubted = true } }

    /// `examined` was found to be good, or to be none of the store's that is there now.
    func settle(_ examined: String, isGood: Bool) {
        guard examined == token else { return }
        isDoubted = false
        if !isGood { token = nil }
    }

    /// From now on this login is tried, too, where the present one is refused.
    func expect(_ login: Login) {
        coming = login
        refused = nil
    }

    /// From now on another login; what is known of the former one is forgotten.
    func use(_ login: Login) {
        self.login = login
        coming = nil
        token = nil
        attempt = nil
        refused = nil
    }

    /// The token to use, `nil` when there is no login.
    ///
    /// It is not `bad`, which the server has just turned down. `perform` is called at most once at a time.
    func token(
        replacing bad: String?, perform: @escaping @Sendable (Login) async -> Result<String, EtcdError>
    ) async throws(EtcdError) -> String? {
        guard let login else { return nil }
        let now = ContinuousClock.now
        // An empty token belongs to an etcd that asks for no login; that does not age.
        if let token, token != bad, token.isEmpty || now - lastUse < idleLimit {
            lastUse = now
            return token
        }
        token = nil
        if let refused, now < refused.until { throw refused.error }
        let attempt =
            self.attempt
            ?? Task {
                let result = await perform(login)
                guard case .failure(let error) = result, error.code == .loginRefused,
                    let other = successor(of: login)
                else { return result }
                let second = await perform(other)
                if case .success = second, coming == other { self.login = other }
                return second
            }
        self.attempt = attempt
        let result = await attempt.value
        if self.attempt == attempt {
            self.attempt = nil
            note(result)
        }
        return try result.get()
    }

    /// What counts now where `refused` does not: another login came while that one was tried, or is about to.
    private func successor(of refused: Login) -> Login? { login == refused ? coming : login }

    private func note(_ result: Result<String, EtcdError>) {
        switch result {
        case .success(let fresh):
            token = fresh
            isDoubted = false
            lastUse = .now
            refused = nil
        case .failure(let error) where error.code == .loginRefused:
            let rest = min(refused.map { $0.rest * 2 } ?? firstRest, Self.longestRest)
            refused = Refused(error: error, until: .now + rest, rest: rest)
        case .failure:
            // An outage says nothing about the login.
            break
        }
    }
}
