// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

/// The paths between machines and the members of etcd: cut in one or both directions, slow, or lossy.
///
/// Messages are those of TCP connections, so loss is a delay; what is sent into a cut either vanishes or arrives when the
/// cut has healed, long after its sender has given up. Each message has a delay of its own: requests overtake each other.
final class NetworkModel {
    private struct Path {
        var cuts = 0
        /// Further delay at most, while something slows the path down.
        var slowness: Int64 = 0
        var held: [() -> Void] = []
    }

    enum Direction: Int, CaseIterable { case toMember, fromMember }

    private unowned let world: World
    private let memberCount: Int
    private var paths: [Path]

    init(world: World, hosts: Int, members: Int) {
        self.world = world
        memberCount = members
        paths = Array(repeating: Path(), count: hosts * members * 2)
    }

    private func index(_ host: Int, _ member: Int, _ direction: Direction) -> Int {
        (host * memberCount + member) * 2 + direction.rawValue
    }

    func isCut(_ host: Int, _ member: Int, _ direction: Direction) -> Bool {
        paths[index(host, member, direction)].cuts > 0
    }

    func cut(_ host: Int, _ member: Int, _ direction: Direction) { paths[index(host, member, direction)].cuts += 1 }

    /// Takes one cut back; what waited in it arrives.
    func heal(_ host: Int, _ member: Int, _ direction: Direction) {
        let path = index(host, member, direction)
        paths[path].cuts = max(0, paths[path].cuts - 1)
        guard paths[path].cuts == 0 else { return }
        let held = paths[path].held
        paths[path].held = []
        for action in held { world.after(delay(path), action) }
        if direction == .fromMember { world.etcd.pumpAll() }
    }

    func slow(_ host: Int, _ member: Int, by span: Int64) {
        for direction in Direction.allCases { paths[index(host, member, direction)].slowness = span }
    }

    /// Carries one message.
    func send(_ host: Int, _ member: Int, _ direction: Direction, _ action: @escaping () -> Void) {
        let path = index(host, member, direction)
        guard paths[path].cuts == 0 else {
            if world.random.chance(1, in: 2) { paths[path].held.append(action) }
            return
        }
        world.after(delay(path), action)
    }

    func delay(_ host: Int, _ member: Int, _ direction: Direction) -> Int64 { delay(index(host, member, direction)) }

    private func delay(_ path: Int) -> Int64 {
        var span = world.random.between(100 * Span.microsecond, 900 * Span.microsecond)
        if world.random.chance(1, in: 64) { span += world.random.between(0, 40 * Span.millisecond) }
        if paths[path].slowness > 0 { span += world.random.between(0, paths[path].slowness) }
        return span
    }
}
