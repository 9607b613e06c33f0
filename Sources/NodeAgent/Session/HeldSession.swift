// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// Runs the session beside the agent's other parts, and ends it after all of them.
///
/// At a store that is down other parts wait for seconds before they hear so. A session that ended with the first of them would leave
/// a proof that is too old for the next run to go on with, and that run would stop the units (rule R4).
struct HeldSession: Sendable {
    /// Runs the session until it ends by itself or is cancelled.
    private let run: @Sendable () async -> Void

    init(_ run: @escaping @Sendable () async -> Void) { self.run = run }

    /// Runs the other parts until the first of them ends, or the session does; then ends them, and the session last.
    ///
    /// - Parameter addParts: Adds the parts, which end when they are cancelled.
    /// - Throws: What the first part to end failed with.
    func beside(_ addParts: (inout ThrowingTaskGroup<Void, any Error>) -> Void) async throws {
        let (end, ended) = AsyncStream<Void>.makeStream()
        let run = run
        let holding = Task {
            await run()
            ended.finish()
        }
        let result: Result<Void, any Error>
        do {
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in end {} }
                addParts(&group)
                // The first part to end ends the program: in order when it was told to, else with its error.
                try await group.next()
                group.cancelAll()
            }
            result = .success(())
        } catch {
            result = .failure(error)
        }
        holding.cancel()
        await holding.value
        try result.get()
    }
}
