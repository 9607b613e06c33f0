// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

@testable import Etcd

extension FuzzedParser {
    /// What workers send to the gate before the store.
    static var gate: [FuzzedParser] {
        StoreRequest.Path.allCases.map { path in
            FuzzedParser(
                name: "gate" + String(path.rawValue.dropFirst(3).map { $0 == "/" ? "-" : $0 }),
                seeds: [seed(of: path), "{}", #"{"success":[{"request_txn":{"success":[]}}]}"#],
                feed: { bytes in
                    guard let request = try? StoreRequest(path, body: bytes) else { return }
                    // What goes on to etcd is what was judged.
                    require(
                        (try? StoreRequest(path, body: request.call.body)) == request,
                        "a request was changed by writing it")
                    _ = request.leases
                })
        }
    }

    private static func seed(of path: StoreRequest.Path) -> String {
        switch path {
        case .range: #"{"key":"YQ==","range_end":"Yg==","limit":"5","revision":"3","keys_only":true}"#
        case .transaction:
            #"{"compare":[{"key":"YQ==","result":"GREATER","target":"CREATE","create_revision":"0"}],"#
                + #""success":[{"request_put":{"key":"YQ==","value":"Yg==","lease":"7"}}],"#
                + #""failure":[{"request_range":{"key":"YQ=="}},{"request_delete_range":{"key":"YQ==","range_end":"Yg=="}}]}"#
        case .grant: #"{"TTL":"5"}"#
        case .keepAlive, .revoke: #"{"ID":"7587"}"#
        case .watch:
            #"{"create_request":{"key":"YQ==","range_end":"Yg==","start_revision":"3","progress_notify":true,"fragment":false}}"#
        case .status, .members: "{}"
        }
    }
}
