// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIClient

extension CommandContext {
    /// Says, each time, when the cluster is insecure, or etcd lets in those whom nobody has admitted.
    ///
    /// A server that cannot say it, as fleet's or one of version 0.1, makes no error of it.
    func warnOfOpenStore() async {
        guard let client = try? client(), let found = try? await client.storeOpenness(looksNow: false) else { return }
        for words in found.warnings { warn(words) }
    }
}
