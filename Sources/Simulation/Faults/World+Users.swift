// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FleetCore

/// What users do: each operation is a compare-and-swap that is tried until etcd takes it, as the registry's are.
extension World {
    func perform(_ operation: UserOperation, tries: Int = 40) {
        if isShipped { return users.perform(operation, text(operation)) }
        let isDone = attempt(operation)
        if isDone {
            note { "user: \(text(operation))" }
        } else if tries > 0, now < end {
            after(250 * Span.millisecond) { [unowned self] in perform(operation, tries: tries - 1) }
        }
    }

    private func attempt(_ operation: UserOperation) -> Bool {
        switch operation {
        case .submit(let unit, let number, let target):
            let variant = catalogue.variants[unit][number]
            return change(unit, file: variant) { name, former in
                UnitRecord(name: name, hash: variant.file.hash, target: target, restarts: former?.restarts ?? 0)
            }
        case .target(let unit, let target):
            return change(unit) { _, former in
                var record = former
                record?.target = target
                return record
            }
        case .restart(let unit):
            return change(unit) { _, former in
                var record = former
                record?.restarts += 1
                return record
            }
        case .destroy(let unit):
            guard etcd.store.entries[.unit(unit)] != nil else { return etcd.canCommit }
            return etcd.write(StoreTransaction(writes: [.delete(.unit(unit)), .delete(.result(unit))]))
        case .metadata(let host, let role):
            let key = StoreKey.metadata(host)
            guard let role else { return etcd.write(StoreTransaction(writes: [.delete(key)])) }
            return etcd.write(StoreTransaction(writes: [.put(key, .metadata(["role": role]), lease: 0)]))
        case .control(let host, let isDraining):
            let key = StoreKey.control(host)
            guard let isDraining else {
                guard etcd.store.entries[key] != nil else { return etcd.canCommit }
                return etcd.write(StoreTransaction(writes: [.delete(key)]))
            }
            let wanted = MachineControl(isCordoned: true, isDraining: isDraining)
            return etcd.write(StoreTransaction(writes: [.put(key, .control(wanted), lease: 0)]))
        case .releaseBrake:
            // Mirrors `ClusterRegistry.releaseBrake`.
            guard case .brake(let brake)? = etcd.store.entries[.brake]?.value else { return etcd.canCommit }
            let forgotten = brake.lost.map { StoreWrite.delete(.seen(hostIndex(of: $0))) }
            return etcd.write(StoreTransaction(writes: forgotten + [.delete(.brake)]))
        }
    }

    private func change(
        _ unit: Int, file: UnitVariant? = nil, _ edit: (UnitName, UnitRecord?) -> UnitRecord?
    ) -> Bool {
        var former: UnitRecord?
        if case .unit(let record)? = etcd.store.entries[.unit(unit)]?.value { former = record }
        guard let record = edit(catalogue.units[unit], former), record != former || file != nil else {
            return etcd.canCommit
        }
        var writes: [StoreWrite] = [.put(.unit(unit), .unit(record), lease: 0), .delete(.result(unit))]
        // The file is put even where it exists: that keeps the leader's collection off it.
        if let file { writes.append(.put(.file(file.index), .file(file.file), lease: 0)) }
        return etcd.write(StoreTransaction(writes: writes))
    }

    private func text(_ operation: UserOperation) -> String {
        switch operation {
        case .submit(let unit, let variant, let target):
            "\(catalogue.name(ofUnit: unit)) \(target), file \(variant)"
        case .target(let unit, let target): "\(catalogue.name(ofUnit: unit)) \(target)"
        case .restart(let unit): "restart \(catalogue.name(ofUnit: unit))"
        case .destroy(let unit): "destroy \(catalogue.name(ofUnit: unit))"
        case .control(let host, let isDraining):
            "\(isDraining.map { $0 ? "drain" : "cordon" } ?? "uncordon") \(catalogue.name(ofHost: host))"
        case .releaseBrake: "release the brake"
        case .metadata(let host, let role): "role of \(catalogue.name(ofHost: host)): \(role ?? "its own")"
        }
    }
}
