// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// What a task and its children are to structured concurrency: once cancelled, nothing that belongs to it goes on.
final class Scope {
    private(set) var isCancelled = false
    private var children: [Scope] = []

    func cancel() {
        guard !isCancelled else { return }
        isCancelled = true
        for child in children { child.cancel() }
        children = []
    }

    /// A scope that ends with this one at the latest.
    func child() -> Scope {
        let scope = Scope()
        if isCancelled { scope.cancel() } else { children.append(scope) }
        if children.count > 64 { children.removeAll(where: \.isCancelled) }
        return scope
    }
}
