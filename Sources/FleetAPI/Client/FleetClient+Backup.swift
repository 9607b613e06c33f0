// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import FleetAPI

/// The cluster's wanted state as one file; for administrators.
extension FleetClient {
    /// The file's bytes; `isPartial` takes it also when some values in the store cannot be read and are missing from it.
    package func backup(isPartial: Bool = false) async throws(APIError) -> [UInt8] {
        let action = "save the cluster"
        let answer = try await exchange(
            "GET", target: "\(API.ownPrefix)/backup" + (isPartial ? "?partial=true" : ""), body: [], action: action)
        guard answer.status == 200 else { throw refusal(of: answer, action: action) }
        return answer.body
    }

    /// Brings back what `bytes`, the content of such a file, say.
    ///
    /// With `overwrite` units that are there give way to those of the file; without it, a cluster with units is refused.
    package func restore(_ bytes: [UInt8], overwrite: Bool = false) async throws(APIError) -> API.Restoration {
        try await ask(
            "PUT", "\(API.ownPrefix)/backup" + (overwrite ? "?overwrite=true" : ""), body: bytes,
            action: "restore the cluster")
    }
}
