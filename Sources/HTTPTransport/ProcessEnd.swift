// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Ends the process with `status`, after what was printed has gone out; what cannot go out is a failure.
///
/// Every program that has made an `HTTPClient` ends by this and not by `exit`. OpenSSL frees its tables in a handler that
/// `exit` runs, while a client's thread may still be closing a TLS connection: the process then dies of a segmentation
/// fault, once in some hundred calls on a busy machine, though its work was done.
package func endProcess(_ status: Int32) -> Never {
    _exit(fflush(nil) == 0 ? status : max(status, EXIT_FAILURE))
}
