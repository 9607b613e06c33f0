// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI
import FleetAPIServer
import FoundationEssentials
import Registry

/// The path under which the cluster's wanted state is saved and brought back.
///
/// `GET` answers the file; with `partial=true` also when some values in the store cannot be read. `PUT` takes such a file; with
/// `overwrite=true` also where the cluster wants something already.
struct BackupRoutes: Sendable {
    let registry: ClusterRegistry

    var routes: [Route] {
        [
            Route(
                API.ownPrefix + "/backup", needs: .role(.admin),
                [
                    "GET": { (request, _) async throws(ServerFailure) in try await save(request) },
                    "PUT": { (request, _) async throws(ServerFailure) in try await restore(request) },
                ])
        ]
    }

    private func save(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        do throws(RegistryError) {
            let found = try await registry.backup(at: now)
            if let first = found.problems.first, request.queryValues("partial") != ["true"] {
                throw RegistryError(
                    code: .conflict,
                    message: "\(found.problems.count) values in etcd cannot be read and would be missing, the first is "
                        + "\(first); mend them, or ask for a partial backup")
            }
            var reply = ServerReply(
                status: 200, headers: [(name: "Content-Type", value: "application/json")],
                body: .bytes(found.backup.bytes))
            reply.note = "\(found.backup.records.count) records saved at revision \(found.backup.revision)"
            return reply
        } catch {
            throw ServerFailure(error)
        }
    }

    private func restore(_ request: ServerRequest) async throws(ServerFailure) -> ServerReply {
        let bytes = try await request.body()
        let overwrite = request.queryValues("overwrite") == ["true"]
        do throws(RegistryError) {
            let backup = try ClusterBackup(parsing: bytes)
            let report = try await registry.restore(backup, overwrite: overwrite)
            let answer = API.Restoration(
                units: report.units, others: report.others, kept: report.kept, revision: report.revision)
            let body = (try? JSONEncoder().encode(answer)).map { [UInt8]($0) } ?? []
            var reply = ServerReply(
                status: 200, headers: [(name: "Content-Type", value: "application/json")], body: .bytes(body))
            reply.note =
                "\(report.units) units and \(report.others) other records restored from the backup of revision "
                + "\(backup.revision)" + (overwrite ? ", overwriting" : "")
            return reply
        } catch {
            throw ServerFailure(error)
        }
    }
}
