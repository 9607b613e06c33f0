// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

extension EtcdClient {
    /// Every change of the selected keys from `revision` on, in order, each exactly once, across reconnects.
    ///
    /// All changes of one revision come in one batch. Nothing is sent before the first element is asked for. The stream ends when the
    /// task that reads it is cancelled, and by throwing an `EtcdError`: `.compacted` when `revision` is gone, `.storeReplaced`
    /// when the store has less history than `revision`, another code when going on is pointless. Passing troubles are waited out.
    ///
    /// `revision` is the first one of interest; 0 means what comes after the watch is set up.
    package func watch(
        _ selector: KeySelector, from revision: Int64
    ) -> AsyncThrowingStream<WatchBatch, any Error> {
        let reader = WatchReader(client: self, selector: selector, from: revision)
        return AsyncThrowingStream { try await reader.next() }
    }
}
