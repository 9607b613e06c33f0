// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetAPI

extension APICall {
    /// A call that is in no table.
    static func made(_ method: Method, _ path: String, needs: API.Permission? = nil) -> APICall {
        APICall("made", method, path, "Do what a test wants", needs: needs)
    }
}
