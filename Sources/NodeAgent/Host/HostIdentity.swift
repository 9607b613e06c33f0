// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

package import Agent
package import FleetCore
import Glibc

/// Who and what this machine is, as far as the kernel and `/etc` say.
package struct HostIdentity: Sendable {
    package var id: MachineID
    package var bootID: String
    package var hostName: String
    package var capacity: MachineCapacity

    /// - Parameter machineIDFile: Usually `/etc/machine-id`.
    /// - Throws: `HostError` when the id is missing or is none: a machine without an id cannot join a cluster.
    package init(machineIDFile: String) throws(HostError) {
        let text = try HostFiles.read(machineIDFile)
        guard let id = MachineID(String(text[...].trimmed)) else {
            throw HostError(
                "\(machineIDFile) does not hold 32 hexadecimal digits; make one with systemd-machine-id-setup")
        }
        guard !id.isNull else {
            throw HostError(
                "\(machineIDFile) holds zeros alone, which is no machine's id; make one with systemd-machine-id-setup")
        }
        self.id = id
        bootID = String(try HostFiles.read("/proc/sys/kernel/random/boot_id")[...].trimmed)
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        hostName = String(decoding: name.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
        let pages = Int64(sysconf(Int32(_SC_PHYS_PAGES)))
        capacity = MachineCapacity(
            processors: max(0, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))),
            memory: max(0, pages * Int64(sysconf(Int32(_SC_PAGESIZE)))))
    }
}
