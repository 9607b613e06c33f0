// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// Machines whose clock is wrong, as after a dead battery.
    @Suite("wrong clocks") struct ClockTests {
        /// Waits until lists of machines tell what is wrong with the clock, and what to do.
        private func expectTold(_ words: String, _ cluster: Cluster) async throws {
            for command in [["list-machines"], ["--status"]] {
                try await until("\(command) says that a clock is \(words)") {
                    let outcome = try await cluster.manager(command)
                    return outcome.error.contains("its clock is \(words) etcd's;")
                        && outcome.error.contains("timedatectl set-ntp true")
                }
            }
        }

        @Test("a clock that is 25 days ahead costs neither certificates nor units, and is told with what to do")
        func weeks() async throws {
            let cluster = try Cluster.shared
            let machine = "worker-2"
            let id = try await cluster.machineID(machine)
            try await cluster.withClock(of: machine) { clock in
                try await cluster.start("before.service", on: machine)
                let before = try await cluster.running(["before.service"])
                let lease = try await cluster.lease(of: machine)
                try clock.goAhead(by: 25)
                try await expectTold("25 days ahead of", cluster)
                // It looks at its certificate each five seconds.
                try await cluster.expectUntouched(before, for: .seconds(17))
                let renewals = try await cluster.manage("audit", "--since", "10m", "--fields", "user,action,refused")
                    .filter { $0.contains(id) && $0.contains("certificate") }
                #expect(renewals.count <= 1, "\(renewals)")
                try await cluster.start("after.service", on: machine)
                #expect(try await cluster.lease(of: machine) == lease)
            }
        }

        @Test("with a clock two years ahead a machine that hears no orders gives its units away, once, and takes none")
        func deaf() async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let (machine, others) = try Self.victim(of: units)
            let address = try await cluster.machine(machine).address
            try await cluster.withClock(of: machine) { clock in
                // The session's own connection stays; what is said anew meets a certificate that has ended.
                try clock.goAhead(by: 730)
                try await expectTold("730 days ahead of", cluster)
                let after = try await cluster.running(units.keys.sorted(), on: others)
                try await cluster.expectUntouched(units, except: [machine])
                try await cluster.expectUntouched(after, for: .seconds(7))
                let ended = try await cluster.inside(
                    machine, "journalctl --boot --no-pager --unit=node-agent.service | grep -c 'gives its session up'")
                #expect(ended == ["1"])
                // A renewal that takes its time ends the session's connection, too: then the machine is lost, as in the next test.
                try await until("it says why it takes nothing, or is lost") {
                    let list = try await cluster.manager("list-machines", "--no-legend", "--fields", "ip")
                    return list.error.contains("its clock is 730 days ahead of") || !list.lines.contains(address)
                }
                try await cluster.give("start", [.sleeper("new.service")])
                try await cluster.running(["new.service"], on: others)

                try clock.goAhead(by: 0)
                try await until("it is there, and nothing is wrong with it any more") {
                    let list = try await cluster.manager("list-machines", "--no-legend", "--fields", "ip")
                    return list.lines.contains(address) && !list.error.contains("its clock is")
                }
                try await cluster.start("proof.service", on: machine)
                try await cluster.expectUntouched(after)
            }
        }

        @Test(
            "with a clock two years off a machine whose connections end is lost, says why, and is back when the clock is right",
            arguments: [(730, "730 days ahead of"), (-730, "730 days behind")])
        func lost(days: Int, words: String) async throws {
            let cluster = try Cluster.shared
            let units = try await cluster.startDemonstrator()
            let (machine, others) = try Self.victim(of: units)
            let address = try await cluster.machine(machine).address
            try await cluster.withClock(of: machine) { clock in
                try clock.goAhead(by: days)
                try await expectTold(words, cluster)
                try await cluster.control("etcd", "kill")
                // One that is back within moments may find a machine whose last proof is too old for the silence that follows.
                for other in others.sorted() {
                    try await cluster.untilTold("etcd is down or has no quorum; units go on", on: other)
                }
                try await cluster.control("etcd", "start")
                try await until("it does not count as alive") {
                    try await !cluster.visibleAddresses().contains(address)
                }
                let after = try await cluster.running(units.keys.sorted(), on: others)
                try await cluster.expectUntouched(units, except: [machine])
                let status = try await cluster.inside(
                    machine, "systemctl show --property=StatusText --value node-agent.service"
                ).joined()
                #expect(status.contains("; the clock of this machine says "), "\(status)")
                #expect(status.contains("timedatectl set-ntp true"), "\(status)")

                try clock.goAhead(by: 0)
                try await until("it is back") { try await cluster.visibleAddresses().contains(address) }
                try await cluster.start("proof.service", on: machine)
                try await cluster.expectUntouched(after)
            }
        }

        /// A machine with units, not the one that has the authority and is asked; and the others.
        private static func victim(of units: [String: Sighting]) throws -> (String, others: Set<String>) {
            let machine = try #require(units.values.map(\.machine).filter { $0 != "worker-1" }.max())
            return (machine, Set((1...Cluster.size).map { "worker-\($0)" }).subtracting([machine]))
        }
    }
}
