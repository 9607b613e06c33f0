// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import HTTPTransport

extension EtcdClient {
    /// From now on this client, and all that came from it by `withTimeout(_:)`, logs in as `user`.
    ///
    /// Nothing is sent; watches that stand go on.
    package func useLogin(user: String, password: String) async {
        await tokens.use(Login(user: user, password: password))
    }

    /// Tells that the password of `user` is about to be changed to this one, so that no request meets the moment between.
    package func expectLogin(user: String, password: String) async {
        await tokens.expect(Login(user: user, password: password))
    }

    /// Whether etcd asks for logins.
    ///
    /// - Throws: `.loginRefused` when it does and refuses this client's own; other codes when it cannot be asked.
    package func isAuthEnabled() async throws(EtcdError) -> Bool {
        let login = await tokens.login
        do throws(EtcdError) {
            // A client without a login learns as much from the refusal of one that cannot exist.
            return try await token(logInAs: login ?? Login(user: "-", password: "-")) != nil
        } catch {
            guard login == nil, error.code == .loginRefused else { throw error }
            return true
        }
    }

    /// The token that `call` goes out with, which is not `refused`; `nil` without a login.
    func token(for call: Call, replacing refused: String?) async throws(EtcdError) -> String? {
        guard call.needsLogin else { return nil }
        // While another store answers, every token may be of the former one.
        let held = identity.problem == nil ? await tokens.doubted : await tokens.known
        if let held, !held.isEmpty { await examine(held) }
        return try await tokens.token(replacing: refused) { [self] login in
            do throws(EtcdError) {
                return .success(try await token(logInAs: login) ?? "")
            } catch {
                return .failure(error)
            }
        }
    }

    /// Asks whether a token to which no answer came can be one of the store that is there now.
    ///
    /// A simple token ends with the place in raft's log at which it was given, and etcd holds a request back until its log has come
    /// that far (`auth/simple_token.go`). One that was restored from an earlier state would hold back every request of ours for as
    /// long as we wait, and never say why.
    private func examine(_ token: String) async {
        guard let index = Self.raftIndex(of: token) else {
            return await tokens.settle(token, isGood: true)
        }
        let call = Call(
            path: "/v3/maintenance/status", body: JSONWriter.object { _ in }, what: "ask how far etcd is",
            isRepeatable: true, isLinearizable: false, needsLeader: false, needsLogin: false)
        var request = self.request(call, at: endpoints.preferred, token: nil)
        request.deadline = min(configuration.probeTimeout, configuration.requestTimeout / 2)
        request.connectTimeout = request.deadline
        guard let response = try? await http.send(request), response.status == 200,
            let status = try? StatusAnswer(response.body), status.raftIndex > 0
        else { return }
        await tokens.settle(token, isGood: status.raftIndex >= index)
    }

    /// A new token; `nil` when etcd asks for none.
    ///
    /// - Throws: `.loginRefused` when etcd says no; other codes when it could not be asked. Never says that anything of what the
    ///   login was for may have happened.
    private func token(logInAs login: Login) async throws(EtcdError) -> String? {
        let call = Call(
            path: "/v3/auth/authenticate",
            body: JSONWriter.object {
                $0.string("name", login.user)
                $0.string("password", login.password)
            },
            what: "log in as \(login.user)", isRepeatable: true, isLinearizable: false, needsLogin: false)
        var failure: EtcdError
        do throws(EtcdError) {
            return try await perform(call, TokenAnswer.self).token
        } catch {
            failure = error
        }
        // A cluster without logins takes anybody, also one who has a password.
        if failure.message.contains("authentication is not enabled") { return nil }
        if failure.code == .loginRefused {
            failure.message =
                "etcd refuses the login of user \(login.user): the password is wrong or there is no such user; give "
                + "this program the user's present password, or have the user made anew"
        }
        failure.mayHaveHappened = false
        throw failure
    }

    /// What to say when etcd wants a login and none is configured.
    func missingLogin(_ call: Call, at endpoint: String) -> EtcdError {
        EtcdError(
            code: .loginRefused,
            message: "cannot \(call.what): etcd at \(endpoint) asks for a login and this program has none; "
                + "set etcd's user and password",
            isTransient: false, mayHaveHappened: false)
    }
}
