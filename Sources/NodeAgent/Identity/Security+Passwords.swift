// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Authority
import FleetAPIClient
import FleetCore
import Logging
import Registry

/// This machine's password in etcd: another one when it is asked for, by its own record.
extension Security {
    /// How long it waits before it asks again whether a change that broke off has been carried out.
    private static let settleInterval = Duration.seconds(5)
    /// After a change that failed, until the next try.
    private static let passwordPause = Duration.seconds(10)

    /// Finds out which of two passwords counts, where a change has broken off.
    func settle(_ login: OwnLogin) async {
        while login.isUnsettled, !Task.isCancelled {
            do {
                try await login.settle()
            } catch {
                logger.error("this machine's new password in etcd is not taken up", metadata: ["error": "\(error)"])
            }
            // The former one counts as yet: the records can be read with it.
            if !login.isUnsettled { return }
            if await view.ready(within: Self.settleInterval) { return }
        }
    }

    /// Takes a new password each time that it is asked for, until cancelled.
    func followPasswords(_ login: OwnLogin?) async {
        let changes = await view.changes()
        guard await view.ready() else { return }
        await renewPassword(login)
        for await change in changes {
            guard case .machine(machine, _?) = change else { continue }
            await renewPassword(login)
        }
    }

    private func renewPassword(_ login: OwnLogin?) async {
        while !Task.isCancelled {
            guard let identity = await view.machine(machine) else { return }
            guard let login else {
                if identity.isPasswordAwaited {
                    logger.warning(
                        "this machine logs in to etcd with what its settings name, so whoever made that has to change it"
                    )
                }
                return
            }
            guard await login.isAwaited(identity) else { return }
            do {
                try await login.renew(asked: identity.passwordsAsked) { try await setPassword($0) }
                logger.notice("this machine has a new password in etcd")
                return
            } catch {
                logger.warning(
                    "this machine is to take a new password in etcd and has not; trying again in 10 s",
                    metadata: ["error": "\(error)"])
                try? await Task.sleep(for: Self.passwordPause)
            }
        }
    }

    /// Has the authority set it, which may be this machine's own.
    private func setPassword(_ password: String) async throws {
        if let desk { return try await desk.setPassword(of: machine, to: password) }
        try await askSigners { try await $0.setPassword(of: machine.rawValue, to: password) }
    }
}
