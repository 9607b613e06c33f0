// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@testable import ClusterManager

@Suite("what starts a unit beside the cluster")
struct StarterTests {
    private static let machine = Fixtures.machines(1)[0]
    private static let place = "10000000.../172.17.8.101"

    @Test(
        "what starts a unit, by which setting, and whether it does so again when the unit has gone down",
        arguments: [
            ("web.timer", "[Timer]\nOnCalendar=daily\n", "web.timer", true),
            ("web.socket", "[Socket]\nListenStream=80\n", "web.socket", true),
            ("web.path", "[Path]\nPathExists=/a\n", "web.path", true),
            ("web.path", "[Path]\nDirectoryNotEmpty=/a\n", "web.path", true),
            ("web.path", "[Path]\nPathChanged=/a\n", "web.path", false),
            ("web.path", "[Unit]\nUpholds=web.service\n[Path]\nPathChanged=/a\n", "web.path", true),
            ("web.path", "[Path]\nPathExists=/a\nUnit=other.service\n", nil, false),
            ("other.timer", "[Timer]\nOnCalendar=daily\n", nil, false),
            ("other.timer", "[Timer]\nUnit=web.service\n", "other.timer", true),
            ("other.socket", "[Socket]\nService=web.service\n", "other.socket", true),
            ("other.socket", "[Socket]\nService=%p-not.service\n", nil, false),
            ("main.service", "[Unit]\nWants=a.service web.service\n", "main.service (Wants=)", false),
            ("main.service", "[Unit]\nBindsTo=%j.service\n", nil, false),
            ("main-web.service", "[Unit]\nUpholds=%j.service\n", "main-web.service (Upholds=)", true),
            (
                "main.service", "[Unit]\nRequires=web.service\nUpholds=web.service\n", "main.service (Upholds=)", true
            ),
            ("main.service", "[Unit]\nUpholds=web.service\nUpholds=\n", nil, false),
            ("main.service", "[Unit]\nAfter=web.service\n", nil, false),
            // By the [Install] section of the unit itself.
            ("owner.service", Fixtures.plainText, "owner.service (WantedBy=)", false),
            ("holder.service", Fixtures.plainText, "holder.service (UpheldBy=)", true),
            ("both.service", Fixtures.plainText, "both.service (UpheldBy=)", true),
        ] as [(String, String, String?, Bool)])
    func starters(name: String, text: String, words: String?, isLasting: Bool) throws {
        let unit = try Fixtures.unit(
            "web.service", .loaded, machine: "m",
            text: Fixtures.plainText
                + "[Install]\nWantedBy=owner.service both.service\nUpheldBy=holder.service both.service\n")
        func view(_ machine: String, _ desired: TargetState = .launched) throws -> FleetView {
            let other = try Fixtures.unit(name, desired, machine: machine, text: text)
            return FleetView(units: [unit, other])
        }
        #expect(try view("m").starters(of: unit).map(\.words) == [words].compactMap(\.self))
        #expect(try view("m").isHeldUp(unit) == isLasting)
        // One that is down has started nothing by needing it.
        var down = try view("m")
        let other = try #require(down.units[UnitName(unchecked: name)])
        down.apply(.state(Fixtures.state(other, on: "m", "inactive", "dead")))
        let isPulling = words?.contains("(Want") ?? false
        #expect(down.starters(of: unit).map(\.words) == [isPulling ? nil : words].compactMap(\.self))
        // What is elsewhere, or only loaded, starts nothing here.
        for view in [try view("n"), try view("m", .loaded)] {
            #expect(view.starters(of: unit).isEmpty && !view.isHeldUp(unit))
        }
    }

    /// Files by the names of units that may have them: all ways of holding up, and of not doing so.
    private static let variety: [(names: [String], texts: [String])] = [
        (
            ["a.service", "w@1.service", "w@2.service", "main.service"],
            [
                "[Service]\nExecStart=/bin/a\n", "[Unit]\nUpholds=a.service w@1.service\n",
                "[Unit]\nUpholds=a.service\nUpholds=\nWants=w@1.service\n", "[Unit]\nUpholds=w@%i.service %n\n",
                "[Install]\nUpheldBy=main.service\n", "[Install]\nWantedBy=main.service\nUpheldBy=w@1.service\n",
                "[Unit]\nUpholds=a.service\n[X-Fleet]\nGlobal=true\n",
            ]
        ),
        (["w.socket", "a.socket"], ["[Socket]\nListenStream=80\n", "[Socket]\nService=main.service\n"]),
        (["a.timer"], ["[Timer]\nOnCalendar=daily\n", "[Timer]\nUnit=w@2.service\n"]),
        (["a.path"], ["[Path]\nPathExists=/a\n", "[Path]\nPathChanged=/a\n"]),
    ]

    @Test(
        "what is held up is so after each change as if all files were read anew",
        arguments: 1...8 as ClosedRange<UInt64>)
    func index(seed: UInt64) throws {
        var state = seed
        func draw(_ count: Int) -> Int {
            // The generator of Knuth's MMIX; its low bits are poor.
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % count
        }
        var view = FleetView()
        var (held, free) = (0, 0)
        for _ in 0..<300 {
            let kind = Self.variety[draw(8) < 5 ? 0 : 1 + draw(3)]
            let name = kind.names[draw(kind.names.count)]
            if draw(6) == 0 {
                view.apply(.unitGone(UnitName(unchecked: name)))
            } else {
                let text = kind.texts[draw(kind.texts.count)]
                let unit = try Fixtures.unit(
                    name, draw(4) == 0 ? .loaded : .launched, machine: ["m", "n"][draw(2)], text: text)
                view.apply(.unit(unit))
            }
            for unit in view.sortedUnits {
                let isHeldUp = view.isHeldUp(unit)
                #expect(isHeldUp == view.starters(of: unit).contains(where: \.isLasting), "\(unit.name)")
                if isHeldUp { held += 1 } else { free += 1 }
            }
            #expect(view == FleetView(units: view.sortedUnits))
        }
        #expect(held > 20 && free > 20, "\(held) and \(free)")
    }

    @Test("an automount starts its mount")
    func automount() throws {
        let mount = try Fixtures.unit("srv.mount", .loaded, machine: "m", text: "[Mount]\nWhat=/a\nWhere=/srv\n")
        let automount = try Fixtures.unit("srv.automount", machine: "m", text: "[Automount]\nWhere=/srv\n")
        #expect(FleetView(units: [mount, automount]).starters(of: mount).map(\.words) == ["srv.automount"])
    }

    /// A stop of `web.service`, which another unit may hold up, as it is known after some time.
    private func verdict(
        upheld: Bool, _ active: String, health: String? = nil, acted: TargetState = .loaded,
        attention: Duration = .seconds(5), quiet: Duration
    ) throws -> WaitVerdict {
        let unit = try Fixtures.unit("web.service", .loaded, current: acted, machine: Self.machine.id)
        let holder = try Fixtures.unit(
            "main.service", machine: Self.machine.id, text: "[Unit]\n\(upheld ? "Upholds" : "Wants")=web.service\n")
        var state = Fixtures.state(unit, on: Self.machine.id, active, "")
        state.health = health
        let view = FleetView(units: [unit, holder], states: [state], machines: [Self.machine])
        return WaitGoal(unit.name, .stopped).verdict(in: view, attention: attention, quiet: quiet)
    }

    @Test("a stop of a unit that another one upholds is done only when it has stayed down for a second")
    func settling() throws {
        let stopped = WaitVerdict.reached("Unit web.service loaded on \(Self.place)")
        let moments: [Duration] = [.zero, .milliseconds(250), .milliseconds(750)]
        for quiet in moments {
            #expect(try verdict(upheld: true, "inactive", quiet: quiet) == .pending(reason: nil))
            #expect(try verdict(upheld: true, "failed", quiet: quiet) == .pending(reason: nil))
            // Nothing is delayed for the others.
            #expect(try verdict(upheld: false, "inactive", quiet: quiet) == stopped)
        }
        #expect(try verdict(upheld: true, "inactive", quiet: WaitGoal.settling) == stopped)
        #expect(try verdict(upheld: true, "failed", quiet: WaitGoal.settling) == stopped)
    }

    @Test("what runs again is told with what has started it, also when the machine has seen that itself")
    func revived() throws {
        let words =
            "unit web.service is loaded only and runs on \(Self.place) all the same: there main.service (Upholds=) starts"
            + " it; stop that one, or 'cluster-manager unload web.service'"
        #expect(try verdict(upheld: true, "active", quiet: .zero) == .failed(words))
        let seen = UnitState.revivedWords
        #expect(try verdict(upheld: true, "active", health: seen, acted: .launched, quiet: .zero) == .failed(words))
        // The machine goes on trying where nothing is known that would start it again.
        #expect(
            try verdict(upheld: false, "active", health: seen, acted: .launched, quiet: .zero)
                == .pending(reason: "still on \(Self.place): \(seen)"))
    }

    @Test("stop does not say that a unit is stopped which comes up again at once", arguments: [true, false])
    func stop(comesUp: Bool) async throws {
        let unit = try Fixtures.unit("web.service", machine: Self.machine.id)
        let holder = try Fixtures.unit(
            "main.service", machine: Self.machine.id, text: "[Unit]\nUpholds=web.service\n")
        let fleet = FakeFleet(
            units: [unit, holder], states: [Fixtures.state(unit, on: Self.machine.id)], machines: [Self.machine],
            runsUnits: false)
        let captured = CapturedConsole()
        let waiter = try await Waiter(fleet, units: [unit.name], console: captured.console)
        var stopped = unit
        (stopped.desired, stopped.current) = (.loaded, .loaded)
        await fleet.tell(.unit(stopped))
        await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id, "inactive", "dead", since: 2000)))
        if comesUp { await fleet.tell(.state(Fixtures.state(unit, on: Self.machine.id, since: 2020))) }
        let result = await waiter.wait(for: [WaitGoal(unit.name, .stopped)], timeout: nil) { _ in }
        let kind: WaitReport.Line.Kind = comesUp ? .failed : .reached
        #expect(result.outcomes.map(\.kind) == [kind])
        #expect(result.outcomes.first?.text.contains("main.service (Upholds=) starts it") == comesUp)
        #expect((result.error?.code == .unitFailed) == comesUp)
    }
}
