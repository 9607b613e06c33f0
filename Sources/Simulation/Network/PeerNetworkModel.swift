// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The paths between machines: what a peer is asked, and its answer.
///
/// Nobody's promise rests on an answer that comes, so it may be lost or come seconds late whatever the paths to etcd do. Its
/// chances are drawn from numbers of its own: a question more does not change all that happens after it.
final class PeerNetworkModel {
    private unowned let world: World
    private var random: SeededGenerator

    init(world: World) {
        self.world = world
        random = SeededGenerator(seed: world.setting.seed &* 2)
    }

    /// Carries one message, or loses it.
    func send(_ action: @escaping () -> Void) {
        guard !random.chance(1, in: 8) else { return }
        var span = random.between(100 * Span.microsecond, 900 * Span.microsecond)
        if random.chance(1, in: 4) { span += random.between(0, 3 * Span.second) }
        world.after(span, action)
    }
}
