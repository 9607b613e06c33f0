// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import TestSupport
import Testing

@Suite("vagrant") struct VagrantTests {
    @Test(
        "Vagrant accepts both files",
        arguments: [("bootstrap", nil), ("workers", "Vagrant configured for 5 inaetics workers")])
    func validates(folder: String, announcement: String?) async throws {
        try await withTemporaryFolder { home in
            let outcome = try await Shell.run(
                ["env", "--chdir=\(Shell.repository)/vagrant/\(folder)", "vagrant", "validate", "--ignore-provider"],
                environment: ["VAGRANT_HOME": home, "VAGRANT_DOTFILE_PATH": "\(home)/state", "HOME": home])
            #expect(outcome.status == 0, "\(outcome.output)\(outcome.error)")
            #expect(outcome.lines.last == "Vagrantfile validated successfully.")
            if let announcement {
                #expect(outcome.lines.filter { $0 == announcement }.count == 1)
            }
        }
    }

    /// Stands in for Vagrant and prints what the file asks for.
    private static let recorder = """
        class Recorder
          def initialize(path) = @path = path
          def method_missing(name, *values, **options, &body)
            path = (@path + [name.to_s]).join(".").delete_prefix("vm.").delete_prefix("define.vm.")
            puts ([path] + values.map(&:to_s) + options.map { |k, v| "#{k}=#{v.to_s.split.join(" ")}" }).join(" ")
            child = Recorder.new(@path + [name.to_s])
            body ? body.call(child) : child
          end
        end
        module Vagrant
          def self.configure(_) = yield(Recorder.new([]))
        end
        load ARGV[0]
        """

    @Test("machines have the seed's names, addresses and sizes")
    func machines() async throws {
        func record(_ folder: String, _ environment: [String: String?] = [:]) async throws -> [String] {
            let outcome = try await Shell.run(
                ["ruby", "-e", Self.recorder, "\(Shell.repository)/vagrant/\(folder)/Vagrantfile"],
                environment: environment)
            try #require(outcome.status == 0, "\(outcome.error)")
            return outcome.lines
        }
        let workers = try await record("workers")
        for number in 1...5 {
            #expect(workers.contains("define worker-\(number)"))
            #expect(workers.contains("network private_network ip=172.17.8.\(100 + number)"))
            #expect(
                workers.contains {
                    $0.contains(
                        "provision-machine --role worker --name worker-\(number) --address 172.17.8.\(100 + number)")
                })
        }
        #expect(workers.filter { $0.hasPrefix("define ") }.count == 5)
        for line in ["box= debian/bookworm64", "provider virtualbox", "provider libvirt", "provider.memory= 1024"] {
            #expect(workers.contains { $0.hasSuffix(line) || $0 == line }, "\(line): \(workers)")
        }
        let bootstrap = try await record("bootstrap")
        #expect(bootstrap.contains("network private_network ip=172.17.8.2"))
        #expect(bootstrap.contains { $0.contains("provision-machine --role bootstrap") })

        // By token as everyone, which no command line shows; or insecure, when that is said.
        let joining = try await record("workers", ["FLOTILLA_JOIN_TOKEN": "FLT1-x"]).filter {
            $0.contains("provision-machine")
        }
        #expect(joining.count == 5)
        for line in joining {
            #expect(line.contains("--join tls:172.17.8.2:49154") && !line.contains("--insecure"), "\(line)")
            #expect(line.contains(#"printf '%s\n' "$FLOTILLA_JOIN_TOKEN" |"#), "\(line)")
            #expect(line.split(separator: "FLT1-x", omittingEmptySubsequences: false).count == 2, "\(line)")
        }
        #expect(!bootstrap.contains { $0.contains("--insecure") })
        for folder in ["workers", "bootstrap"] {
            let open = try await record(folder, ["FLOTILLA_INSECURE": "yes"]).filter {
                $0.contains("provision-machine")
            }
            #expect(!open.isEmpty && open.allSatisfy { $0.contains("--insecure") && !$0.contains("--join") }, "\(open)")
        }
    }
}
