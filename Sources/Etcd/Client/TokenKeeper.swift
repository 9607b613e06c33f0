// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Keeps the token that a login gave, and logs in once however many calls want a new one.
actor TokenKeeper {
    private var token: String?
    private var login: Task<Result<String, EtcdError>, Never>?

    /// The token of the last login, good or not.
    var known: String? { token }

    /// The token to use; not `refused`, which the server has just turned down.
    func token(
        replacing refused: String?, login perform: @escaping @Sendable () async -> Result<String, EtcdError>
    ) async throws(EtcdError) -> String {
        if let token, token != refused { return token }
        token = nil
        let login = self.login ?? Task { await perform() }
        self.login = login
        let result = await login.value
        if self.login == login {
            self.login = nil
            if case .success(let fresh) = result { token = fresh }
        }
        return try result.get()
    }
}
