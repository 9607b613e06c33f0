// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// The machine that this program runs on.
package enum LocalMachine {
    /// Its id, as machine-id(5) says; `nil` where there is none.
    package static var id: String? {
        guard let data = FileManager.default.contents(atPath: "/etc/machine-id") else { return nil }
        let text = String(decoding: data, as: UTF8.self).prefix { !$0.isWhitespace }
        return text.count == 32 ? String(text) : nil
    }
}
