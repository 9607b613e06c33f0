// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Etcd
import FleetCore
import Registry
import Testing

@Suite struct ResultTests {
    @Test("a result outlives the machine that wrote it", arguments: StoreKind.allCases)
    func outlives(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let run = try await Run(test)
        #expect(try await test.registry.record([run.report], in: run.tenure).isEmpty)
        #expect(try await test.registry.record([run.report], in: run.tenure).isEmpty, "repeating is harmless")
        try await test.expire(run.tenure.lease)
        let found = try await test.registry.completions(of: [Sample.db, Sample.web])
        #expect(found.completions == [run.report.completion] && found.problems.isEmpty)
    }

    @Test("a result of an order that has changed since, or of a former session, is not written")
    func guarded() async throws {
        let test = try await StoreKind.memory.make()
        let run = try await Run(test)
        var late = run.report
        late.revision -= 1
        #expect(try await test.registry.record([late], in: run.tenure) == [Sample.web])
        try await test.expire(run.tenure.lease)
        await #expect(throws: RegistryError.self) { try await test.registry.record([run.report], in: run.tenure) }
        #expect(try await test.registry.completions(of: [Sample.web]).completions.isEmpty)
    }

    @Test("every change of the unit's record deletes its result with it", arguments: 0..<4)
    func forgotten(number: Int) async throws {
        let test = try await StoreKind.memory.make()
        let run = try await Run(test)
        try await test.registry.record([run.report], in: run.tenure)
        let file = try Sample.file("false")
        let changes: [UnitChange] = [
            .target(Sample.web, .loaded), .restart(Sample.web), .destroy(Sample.web),
            .replace(Sample.web, file: file, target: .launched, expecting: nil),
        ]
        // What changes nothing takes nothing away.
        _ = try await test.registry.setTarget(Sample.web, .launched)
        #expect(try await test.registry.completions(of: [Sample.web]).completions.count == 1)
        _ = try await test.registry.apply([changes[number]]).first?.get()
        #expect(try await test.registry.completions(of: [Sample.web]).completions.isEmpty)
    }

    @Test("what a machine writes of a destroyed unit counts for no unit of the name that is made anew")
    func former() async throws {
        let test = try await StoreKind.memory.make()
        let run = try await Run(test)
        _ = try await test.registry.destroyUnit(Sample.web)
        // The leader has not withdrawn its assignment yet.
        #expect(try await test.registry.record([run.report], in: run.tenure).isEmpty)
        _ = try await test.registry.createUnit(Sample.web, file: try Sample.file("true"), target: .launched)
        #expect(try await test.registry.completions(of: [Sample.web]).completions.isEmpty)
    }

    @Test("who withdraws a destroyed unit deletes what was written of its work", arguments: StoreKind.allCases)
    func withdrawn(_ kind: StoreKind) async throws {
        let test = try await kind.make()
        let run = try await Run(test)
        let (lease, _) = try await test.store.grantLease(ttl: 600)
        let leadership = try #require(try await test.registry.campaign(machine: Sample.b, lease: lease))
        try await test.registry.record([run.report], in: run.tenure)
        var step = ScheduleStep(
            unit: Sample.web, changes: [.assign(Sample.assignment(Sample.a, Sample.web))], reason: "test")
        _ = try await test.registry.commit([step], as: leadership)
        #expect(try await test.registry.completions(of: [Sample.web]).completions.count == 1)
        step.changes = [.withdraw(Sample.a, Sample.web)]
        step.endsUnit = true
        // As many as fit into no transaction with their results.
        let others = (0..<Transaction.operationLimit).map { number in
            ScheduleStep(
                unit: Sample.unit(number), changes: [.withdraw(Sample.a, Sample.unit(number))], endsUnit: true,
                reason: "test")
        }
        #expect(try await !test.registry.commit(others + [step], as: leadership).isDeposed)
        #expect(try await test.registry.completions(of: [Sample.web]).completions.isEmpty)
    }

    @Test("a result that cannot be read counts as none and is told")
    func damaged() async throws {
        let test = try await StoreKind.memory.make()
        let key = test.registry.keys.result(Sample.web)
        _ = try await test.store.commit(Transaction(then: [.put(key, Array("{\"result\":\"maybe\"}".utf8))]))
        let found = try await test.registry.completions(of: [Sample.web])
        #expect(found.completions.isEmpty && found.problems.map(\.key) == [key])
    }

    /// A machine that was ordered to run the unit `web`.
    private struct Run {
        var tenure: Tenure
        var report: CompletionReport

        init(_ test: TestStore) async throws {
            let registry = test.registry
            try await registry.createUnit(Sample.web, file: try Sample.file("true"), target: .launched)
            let (lease, _) = try await test.store.grantLease(ttl: 600)
            guard case .registered(let record) = try await registry.register(Sample.machine(Sample.a), lease: lease)
            else { throw Missing() }
            let order = TargetEntry(Sample.assignment(Sample.a, Sample.web))
            let revision = try await test.store.commit(
                Transaction(then: [.put(registry.keys.assignment(Sample.a, Sample.web), order.bytes)])
            ).revision
            tenure = Tenure(machine: Sample.a, lease: lease, recordRevision: record)
            report = CompletionReport(
                Completion(
                    unit: Sample.web, machine: Sample.a, hash: Sample.hash, restarts: 0, isSuccess: true, moment: 9),
                revision: revision)
        }
    }
}
