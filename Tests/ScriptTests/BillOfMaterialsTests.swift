// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import TestSupport
import Testing

@Suite("what the programs are made of") struct BillOfMaterialsTests {
    private struct Resolved: Decodable {
        struct Pin: Decodable {
            struct State: Decodable { var version: String? }
            var identity: String
            var state: State
        }
        var pins: [Pin]
    }

    private struct Bill: Decodable {
        struct Component: Decodable {
            var name: String
            var version: String
            var purl: String?
            var licenses: [Licence]?
        }
        struct Licence: Decodable {
            struct Named: Decodable { var id: String }
            var license: Named
        }
        struct Metadata: Decodable { var component: Component }
        var bomFormat: String
        var specVersion: String
        var metadata: Metadata
        var components: [Component]
    }

    private func resolved() throws -> [Resolved.Pin] {
        let text = try contents("Package.resolved")
        return try JSONDecoder().decode(Resolved.self, from: Data(text.utf8)).pins
    }

    @Test("Package.swift names the exact version of every package, also of those that others bring along")
    func exact() throws {
        let manifest = try contents("Package.swift")
        let lines = manifest.split(separator: "\n").filter { $0.contains(".package(url:") }
        #expect(lines.allSatisfy { $0.contains("exact:") })
        for pin in try resolved() {
            let named = lines.contains {
                $0.contains("/\(pin.identity)\"") && $0.contains("exact: \"\(pin.state.version ?? "?")\"")
            }
            #expect(named, "\(pin.identity) \(pin.state.version ?? "without version") floats")
        }
        let fuzzed = try contents("Tests/Fuzz/Package.swift").split(separator: "\n")
        #expect(fuzzed.filter { $0.contains(".package(url:") }.allSatisfy { $0.contains("exact:") })
    }

    @Test("the bill of materials has every package with its licence, and the Debian packages of the libraries")
    func bill() async throws {
        let outcome = try await Shell.run(
            ["bin/sbom"], environment: ["FLOTILLA_BIN_DIR": try SystemdTestPrograms.folder()])
        try #require(outcome.status == 0, "\(outcome.error)")
        let bill = try JSONDecoder().decode(Bill.self, from: Data(outcome.output.utf8))
        #expect(bill.bomFormat == "CycloneDX")
        #expect(bill.specVersion == "1.5")
        #expect(bill.metadata.component.name == "flotilla")
        for pin in try resolved() {
            let component = try #require(bill.components.first { $0.name == pin.identity }, "\(pin.identity)")
            #expect(component.version == pin.state.version)
            #expect(component.purl?.hasSuffix("/\(pin.identity)@\(component.version)") == true)
            #expect(component.licenses?.count == 1, "\(pin.identity) has a licence that is not known")
        }
        for library in ["libc6", "libcurl4", "libsystemd0"] {
            let component = try #require(bill.components.first { $0.name == library }, "\(library)")
            #expect(component.purl?.hasPrefix("pkg:deb/debian/\(library)@") == true)
        }
        #expect(bill.components.contains { $0.name == "swift" })
    }

    @Test("a bill of materials that cannot be written is no success")
    func full() async throws {
        let folder = try SystemdTestPrograms.folder()
        let outcome = try await Shell.run(
            ["bash", "-c", "bin/sbom >/dev/full"], environment: ["FLOTILLA_BIN_DIR": folder])
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("No space left"))
    }
}
