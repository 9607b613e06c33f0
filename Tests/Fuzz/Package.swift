// swift-tools-version:6.2
// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

// A package of its own: libFuzzer wants every module that it drives compiled with its coverage counters, which nothing else
// should be. The modules are links to the real ones. `bin/fuzz` builds and runs it.

let fuzzed: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .unsafeFlags(["-sanitize=fuzzer"]),
]
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

let package = Package(
    name: "fuzz",
    platforms: [.macOS(.v15)],
    dependencies: [
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
        .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
        .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
    ],
    targets: [
        .target(name: "FleetCore", swiftSettings: fuzzed),
        .target(name: "Timing", dependencies: ["FleetCore"], swiftSettings: fuzzed),
        .target(name: "CLibCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "HTTPTransport", dependencies: ["CLibCurl"], swiftSettings: fuzzed),
        .target(name: "Etcd", dependencies: ["HTTPTransport", logging], swiftSettings: fuzzed),
        .target(name: "Registry", dependencies: ["FleetCore", "Etcd", "Timing", logging], swiftSettings: fuzzed),
        .target(
            name: "Identity",
            dependencies: [
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ],
            swiftSettings: fuzzed),
        .target(name: "FleetAPI", dependencies: ["FleetCore"], swiftSettings: fuzzed),
        .target(name: "Chaos", swiftSettings: fuzzed),
        // Of this module only the file that the settings need: the rest brings the parser of command lines along.
        .target(name: "Terminal", swiftSettings: fuzzed),
        .target(
            name: "NodeAgentSettings",
            dependencies: [
                "FleetCore", "HTTPTransport", "Etcd", "Registry", "Identity", "FleetAPI", "Terminal", logging,
            ],
            swiftSettings: fuzzed),
        .executableTarget(
            name: "Fuzz",
            dependencies: ["FleetCore", "Etcd", "Registry", "Identity", "FleetAPI", "NodeAgentSettings", "Chaos"],
            swiftSettings: fuzzed, linkerSettings: [.unsafeFlags(["-sanitize=fuzzer", "-use-ld=lld"])]),
    ]
)
