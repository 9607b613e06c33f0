// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

extension ClusterTests {
    /// Machines that have the programs from Debian packages, each with a `/usr` and a package database of its own.
    @Suite("Debian packages on machines", .packagedMachines) struct PackageTests {
        private static let workers = ["worker-1", "worker-2", "worker-3"]

        private static let units = (1...9).map { "held@\($0).service" }

        @Test("lintian finds no error and no warning in them")
        func lintian() async throws {
            let outcome = try await Shell.run([
                "bash", "-c", "lintian --fail-on error,warning \(PackagedMachines.built)/*.deb",
            ])
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
        }

        @Test("another version, and the former one again, touch no unit; removing the agent hands its units over")
        func upgrade() async throws {
            let cluster = try Cluster.shared
            try await cluster.withUnit("held@.service", Cluster.sleeper) { path in
                try await cluster.manage("submit", path)
            }
            try await cluster.manage(["start"] + Self.units)
            let units = try await cluster.running(Self.units)
            let leases = try await leases(cluster)

            try await PackagedMachines.offer("9.0")
            try await replace(on: cluster, version: "9.0")
            try await cluster.expectUntouched(units)
            try await PackagedMachines.offer("0.5")
            try await replace(on: cluster, version: "0.5", "--force-downgrade")
            try await cluster.expectUntouched(units)
            #expect(try await self.leases(cluster) == leases)
            for machine in Self.workers {
                let owners = try await cluster.inside(
                    machine, "dpkg --search /usr/sbin/node-agent /usr/bin/cluster-manager")
                #expect(owners == ["flotilla-agent: /usr/sbin/node-agent", "flotilla-cli: /usr/bin/cluster-manager"])
            }

            try await cluster.inside("worker-3", "dpkg --remove flotilla-agent >/dev/null")
            let left = try await cluster.running(Self.units, on: ["worker-1", "worker-2"])
            for (name, before) in units where before.machine != "worker-3" {
                #expect(left[name]?.identity == before.identity, "\(name) was moved or restarted")
            }
            let remains = try await cluster.inside(
                "worker-3",
                """
                systemctl list-units --no-legend --plain 'node-agent*' 'flotilla-guard*' 'held@*' | wc -l
                find /run/flotilla 2>/dev/null || true
                ls /etc/flotilla/node-agent.conf /var/lib/flotilla/identity/key.pem
                """)
            #expect(remains == ["0", "/etc/flotilla/node-agent.conf", "/var/lib/flotilla/identity/key.pem"])
            // What nobody could make again stays.
            try await cluster.inside("worker-3", "install -D /dev/null /var/lib/flotilla/authority/key.pem")
            try await cluster.inside("worker-3", "dpkg --purge flotilla-agent >/dev/null")
            let kept = try await cluster.inside(
                "worker-3", "find /etc/flotilla /var/lib/flotilla -type f 2>/dev/null || true")
            #expect(kept == ["/var/lib/flotilla/authority/key.pem"])
        }

        private func leases(_ cluster: Cluster) async throws -> [String] {
            var leases: [String] = []
            for machine in Self.workers { leases.append(try await cluster.lease(of: machine)) }
            return leases
        }

        /// Installs the packages that lie there now, one machine after the other, and prints the longest time without an API.
        private func replace(on cluster: Cluster, version: String, _ options: String...) async throws {
            for machine in Self.workers {
                let former = try await cluster.agentProcess(machine)
                let gap = try await cluster.inside(
                    machine,
                    """
                    well() { curl --silent --fail --max-time 1 --output /dev/null --unix-socket /run/flotilla/api.sock http://localhost/healthz; }
                    dpkg \(options.joined(separator: " ")) --install /opt/flotilla/packages/*.deb >/run/dpkg.log 2>&1 & dpkg=$!
                    last=$(date +%s%N) longest=0
                    while true; do
                        running=no
                        if kill -0 $dpkg 2>/dev/null; then running=yes; fi
                        if well; then
                            now=$(date +%s%N)
                            if (( now - last > longest )); then longest=$((now - last)); fi
                            last=$now
                            if [[ $running == no ]]; then break; fi
                        fi
                        sleep 0.02
                    done
                    wait $dpkg || { cat /run/dpkg.log >&2; exit 1; }
                    echo $((longest / 1000000))
                    """)
                try await cluster.untilAnotherAgent(machine, than: former)
                let installed = try await cluster.inside(
                    machine, "dpkg-query --show --showformat='${Version}\\n' flotilla-agent flotilla-cli")
                #expect(installed == [version, version])
                report("without API while \(machine) gets version \(version)", (Double(gap.joined()) ?? 0) / 1000)
            }
        }
    }
}

/// Gives the tests of a suite three machines of their own that have the programs from packages.
struct PackagedMachines: SuiteTrait, TestScoping {
    /// Where `bin/build-packages` has put this build's packages.
    static let built = ".build/test-packages/built"
    /// Where the packages lie that the machines see.
    static let offered = ".build/test-packages/offered"

    func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        try await Self.run("bin/build-packages", Self.built)
        try await Self.offer("1.0")
        try await Cluster.withPackages(Self.offered) { try await function() }
    }

    /// Offers this build's packages to the machines under another version, and no others.
    static func offer(_ version: String) async throws {
        let script = """
            set -euo pipefail
            work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT
            mkdir -p "$2" && rm -f "$2"/*.deb
            for package in "$1"/*.deb; do
                dpkg-deb --raw-extract "$package" "$work/parts"
                sed -i "s/^Version: .*/Version: $3/" "$work/parts/DEBIAN/control"
                name=${package##*/}
                dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/parts" "$2/${name%%_*}_$3_all.deb"
                rm -r "$work/parts"
            done
            """
        try await run("bash", "-c", script, "offer", built, offered, version)
    }

    private static func run(_ words: String...) async throws {
        let outcome = try await Shell.run(words)
        guard outcome.status == 0 else { throw ClusterFailure("no packages: \(outcome.error)") }
    }
}

extension Trait where Self == PackagedMachines {
    static var packagedMachines: PackagedMachines { PackagedMachines() }
}
