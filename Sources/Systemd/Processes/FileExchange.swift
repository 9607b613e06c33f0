// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import CLibSystemd

/// What the kernel can do with two files that Swift's library does not offer.
package enum FileExchange {
    /// Lets two files change places in one step: whoever opens either name finds one of the two whole.
    ///
    /// - Returns: 0, or the negative errno: `-ENOENT` when one is not there, `-EINVAL` on file systems that cannot.
    package static func exchange(_ first: String, _ second: String) -> Int32 { flt_exchange_files(first, second) }
}
