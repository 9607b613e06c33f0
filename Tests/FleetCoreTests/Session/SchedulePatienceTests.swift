// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore
import Testing

@Suite("Schedules that cannot be followed")
struct SchedulePatienceTests {
    private func moment(_ seconds: Int64) -> Moment { Moment(nanoseconds: seconds * 1_000_000_000) }

    @Test("a machine waits, then tells, then gives up what others can run, and bears it twice as long the next time")
    func patience() {
        var patience = SchedulePatience()
        func steps(_ seconds: Int64...) -> [SchedulePatience.Step] {
            seconds.map { patience.failed(at: moment($0), holdsUnits: true) }
        }
        #expect(steps(100, 102, 103, 129, 130, 131) == [.wait, .wait, .tell, .tell, .giveUp, .giveUp])
        #expect(patience.failed(at: moment(132), holdsUnits: false) == .tell)
        patience.fenced(at: moment(133))
        #expect(steps(134, 192, 193) == [.tell, .tell, .giveUp])
        patience.fenced(at: moment(193))
        // A fence for another cause begins anew, with the same patience.
        patience.fenced(at: moment(200))
        #expect(steps(319, 320) == [.tell, .giveUp])
        patience.succeeded()
        patience.fenced(at: moment(330))
        #expect(steps(340, 343, 370) == [.wait, .tell, .giveUp])
    }

    @Test("only a machine that is known to take no units may go, and only while two thirds of all take them")
    func verdict() throws {
        func machines(closed: Int, of count: Int) throws -> [MachineRecord] {
            try (1...count).map { number in
                let id = try #require(MachineID(String(repeating: "0", count: 31) + String(number, radix: 16)))
                return MachineRecord(id: id, name: "", address: "", isClosed: number <= closed)
            }
        }
        func verdict(closed: Int, of count: Int) throws -> Surrender.Verdict {
            let all = try machines(closed: closed, of: count)
            return Surrender.verdict(of: all[0].id, among: all)
        }
        #expect(try verdict(closed: 0, of: 5) == .isOpen)
        #expect(try (1...6).map { try verdict(closed: $0, of: 6) }.count { $0 == .mayGo } == 2)
        #expect(try verdict(closed: 1, of: 3) == .mayGo)
        #expect(try verdict(closed: 1, of: 2) == .tooFewAreLeft)
        #expect(try verdict(closed: 1, of: 1) == .tooFewAreLeft)
    }
}
