// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import ClusterManager
import Testing

@Suite("arguments")
struct ArgumentTests {
    @Test(
        "a mistake is told in one line, and nothing is sent",
        arguments: [
            ("", "usage: cluster-manager --start [--celixAgents=N]"),
            ("--foo", "cluster-manager: unknown option '--foo'; see 'cluster-manager --help'"),
            ("foo", "cluster-manager: unknown command 'foo'; see 'cluster-manager --help'"),
            (
                "strat web",
                "cluster-manager: unknown command 'strat'; did you mean 'start'? see 'cluster-manager --help'"
            ),
            ("list-unit", "cluster-manager: unknown command 'list-unit'; did you mean 'list-units'? see"),
            ("scale t@ -1", "cluster-manager: the number of instances must be 0 or more, not -1; see"),
            ("scale t@ --timeout 3 -12", "cluster-manager: the number of instances must be 0 or more, not -12; see"),
            ("start --foo x", "cluster-manager: unknown option '--foo'; see 'cluster-manager start --help'"),
            ("start", "cluster-manager: missing expected argument '<unit> ...'; see 'cluster-manager start --help'"),
            ("--version foo", "cluster-manager: unknown command 'foo'; see 'cluster-manager --help'"),
            ("list-machines x --version", "cluster-manager: unexpected argument 'x'; see 'cluster-manager list-mach"),
            ("list-machines x", "cluster-manager: unexpected argument 'x'; see 'cluster-manager list-machines --help'"),
            ("--start --celixAgents=abc", "cluster-manager: --celixAgents=abc: the number of agents must be a whole"),
            ("--start --celixAgents=-1", "cluster-manager: --celixAgents=-1: the number of agents must be a whole"),
            ("--start --felixAgents=10001", "cluster-manager: --felixAgents=10001: the number of agents must be"),
            ("--start --felixAgents=99999999999999999999", "cluster-manager: --felixAgents=99999999999999999999: the"),
            ("--start --felixAgents=1.5", "cluster-manager: --felixAgents=1.5: the number of agents must be"),
            ("--start --felixAgents=+3", "cluster-manager: --felixAgents=+3: the number of agents must be"),
            ("--start --felixAgents=", "cluster-manager: "),
            ("--celixAgents=3", "cluster-manager: --celixAgents needs --start"),
            ("--start --stop", "cluster-manager: --start and --stop do not go together"),
            ("--stop --celixAgents=1", "cluster-manager: --celixAgents does not go with --stop"),
            ("--status --wait", "cluster-manager: --wait does not go with --status"),
            ("--start --no-wait", "cluster-manager: --no-wait goes with --stop only"),
            ("list-units --start", "cluster-manager: --start does not go with the command 'list-units'"),
            ("stop web --stop", "cluster-manager: --stop does not go with the command 'stop'"),
            ("list-units --fields unit,foo", "cluster-manager: unknown field 'foo' in --fields; choose from unit,"),
            ("list-units --fields=", "cluster-manager: "),
            ("list-units --output xml", "cluster-manager: the value 'xml' is invalid for '--output"),
            ("start x --no-block --timeout 3", "cluster-manager: --no-block waits for nothing"),
            ("start x --timeout 0", "cluster-manager: --timeout must be more than 0"),
            ("start x --timeout inf", "cluster-manager: --timeout must be"),
            ("start x --block-attempts -1", "cluster-manager: "),
            ("start x --block-attempts=-1", "cluster-manager: --block-attempts must be from 0"),
            ("start bad/../na$me", "cluster-manager: the unit name"),
            (
                "cluster certificate etcd --address 10.0.0.1 --out -",
                "cluster-manager: --out names a folder for several files, so it cannot be -; see 'cluster-manager cluster"
            ),
            (
                "cluster admit 9f2c --kind worker --name web --out -",
                "cluster-manager: --out names a folder for several files"
            ),
            ("list-machines --request-timeout=nan", "cluster-manager: --request-timeout must be"),
        ])
    func mistakes(arguments: String, line: String) async {
        let fleet = FakeFleet()
        let session = await Session.run(arguments, on: fleet)
        #expect(session.errors.hasPrefix(line), "\(session.errors)")
        #expect(session.errors.count { $0 == "\n" } == 1)
        #expect(session.output.isEmpty)
        #expect(session.status == .failure)
        #expect(await fleet.requests.isEmpty)
    }

    @Test(
        "every command's --timeout refuses the same, in the same words",
        arguments: ["-1", "0", "soon", "1w", "99999999999"]
    )
    func timeouts(text: String) async {
        for line in ["start x", "stop x", "scale t@ 2", "drain 1000", "move x", "reboot 1000"] {
            let session = await Session.run("\(line) --timeout \(text)")
            let words = "--timeout must be more than 0 and at most 31536000 seconds, written like 30, 30s, 10m or 1h"
            let verb = line.prefix { $0 != " " }
            #expect(session.errors == "cluster-manager: \(words); see 'cluster-manager \(verb) --help'\n")
            #expect(session.status == .failure)
        }
    }

    @Test(
        "help and version are results",
        arguments: [
            ("--help", "OVERVIEW"), ("help start", "OVERVIEW: Start units"),
            ("start --help", "cluster-manager start web"),
            ("--version", Program.version), ("list-units --version", Program.version),
            ("start --version", Program.version), ("--help", "EXIT STATUS:"),
            ("--generate-completion-script bash", "#!/bin/bash"),
        ])
    func help(arguments: String, part: String) async {
        let session = await Session.run(arguments)
        #expect(session.output.contains(part))
        #expect(session.errors.isEmpty)
        #expect(session.status == .success)
    }

    @Test("every exit status is documented")
    func exitStatuses() {
        for status in ExitStatus.allCases { #expect(ExitStatus.help.contains("\n  \(status.rawValue)  ")) }
    }

    @Test(
        "global options stand before or after the command",
        arguments: ["--output json list-machines", "list-machines --output json"])
    func globalOptions(arguments: String) async {
        #expect(await Session.run(arguments).output.hasPrefix("[\n  {\n"))
    }

    @Test(
        "the endpoint is the command line's, else Flotilla's, else fleet's, else the local agent's",
        arguments: [
            (nil, [:], "unix:/run/flotilla/api.sock"),
            (nil, ["FLOTILLA_ENDPOINT": ""], "unix:/run/flotilla/api.sock"),
            (nil, ["FLEETCTL_ENDPOINT": "unix:///var/run/fleet.sock"], "unix:///var/run/fleet.sock"),
            (nil, ["FLEETCTL_ENDPOINT": "file:///var/run/fleet.sock"], "unix:///var/run/fleet.sock"),
            (nil, ["FLEETCTL_ENDPOINT": "http://a:1,http://b:2"], "http://a:1"),
            (nil, ["FLOTILLA_ENDPOINT": "tcp:a:1", "FLEETCTL_ENDPOINT": "tcp:b:1"], "tcp:a:1"),
            ("tcp:c:1", ["FLOTILLA_ENDPOINT": "tcp:a:1"], "tcp:c:1"),
        ] as [(String?, [String: String], String)])
    func endpoint(option: String?, environment: [String: String], expected: String) {
        let settings = ConnectionSettings(endpoint: option, requestTimeout: nil, environment: environment)
        #expect(settings.endpoint == expected)
    }

    @Test("an endpoint that is none is a mistake in the arguments")
    func badEndpoint() async {
        let captured = CapturedConsole()
        let program = Program(console: captured.console, environment: [:])
        #expect(await program.run(["list-units", "--endpoint", "ftp:x"]) == .failure)
        #expect(captured.errors.hasPrefix("cluster-manager: 'ftp:x' is no API endpoint"))
    }

    @Test("--debug tells each request on standard error")
    func debug() async {
        let session = await Session.run("list-machines --debug")
        #expect(
            session.errors.hasPrefix("debug: endpoint unix:/run/flotilla/api.sock\ndebug: list machines: ok after "))
        #expect(session.output.hasPrefix("MACHINE"))
    }
}
