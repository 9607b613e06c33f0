// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials

/// Names one page of a listing, in fleet's form: the page size and the page number, opaque to clients.
///
/// - Source: fleet's API v1, "Pagination": URL-safe base64 of two little-endian 16-bit numbers.
package struct PageToken: Hashable, Sendable {
    package var limit: UInt16
    /// Counts from 1.
    package var page: UInt16

    package init(limit: UInt16, page: UInt16) {
        self.limit = limit
        self.page = page
    }

    /// Reads what `text` writes; `nil` when it is not base64 of exactly four bytes or names page 0.
    package init?(_ text: String) {
        let standard = String(text.map { $0 == "-" ? "+" : $0 == "_" ? "/" : $0 })
        guard !text.contains(where: { $0 == "+" || $0 == "/" }), let data = Data(base64Encoded: standard),
            data.count == 4
        else { return nil }
        let bytes = [UInt8](data)
        self.limit = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
        self.page = UInt16(bytes[2]) | UInt16(bytes[3]) << 8
        guard page > 0 else { return nil }
    }

    package var text: String {
        let bytes = [UInt8(limit & 0xff), UInt8(limit >> 8), UInt8(page & 0xff), UInt8(page >> 8)]
        return String(Data(bytes).base64EncodedString().map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 })
    }

    /// The page after this one; `nil` when the numbers run out.
    package var next: PageToken? { page == .max ? nil : PageToken(limit: limit, page: page + 1) }
}
