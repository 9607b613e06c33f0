// swift-tools-version:6.2
// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// Strictness that every Swift target shares; `docs/design/architecture.md` says why each is on.
let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .enableUpcomingFeature("InferIsolatedConformances"),
    .enableUpcomingFeature("ImmutableWeakCaptures"),
    .treatAllWarnings(as: .error),
]

/// Our libraries show tests what is internal in every configuration, so programs and tests come from one compilation, and what is
/// tested is what ships.
let library = strict + [.unsafeFlags(["-enable-testing"], .when(configuration: .release))]

/// Tests are compiled for reading their failures, not for speed; what they test is optimised.
let tests = strict + [.unsafeFlags(["-Onone"], .when(configuration: .release))]

/// Programs for use carry Swift's library with them, so that they run where no Swift is installed.
///
/// They are only linked so, and not compiled so (`--static-swift-stdlib`): a test bundle cannot be, and everything would be
/// compiled twice. The static libraries need each other in this order.
let selfContained: [LinkerSetting] = [
    .unsafeFlags(
        [
            "-static-stdlib", "-lFoundationEssentials", "-l_FoundationCollections", "-l_FoundationCShims",
            "-lswiftSynchronization",
        ], .when(configuration: .release))
]

let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let lifecycle = Target.Dependency.product(name: "ServiceLifecycle", package: "swift-service-lifecycle")
let hummingbird = Target.Dependency.product(name: "Hummingbird", package: "hummingbird")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")

/// What the programs are made of.
///
/// Versions are exact, so that two clones are built from the same: there is no file of resolved
/// versions beside this one. `bin/sbom` lists them with their revisions and licences.
let packages: [Package.Dependency] = [
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
    .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0", traits: []),
    .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", exact: "2.37.6"),
    .package(url: "https://github.com/apple/swift-crypto", exact: "4.5.2"),
    .package(url: "https://github.com/apple/swift-certificates", exact: "1.21.1"),
    .package(url: "https://github.com/apple/swift-asn1", exact: "1.7.4"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", exact: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
    // What those bring along, in `pinned` below.
    .package(url: "https://github.com/swift-server/async-http-client", exact: "1.37.0", traits: []),
    .package(url: "https://github.com/apple/swift-algorithms", exact: "1.2.1"),
    .package(url: "https://github.com/apple/swift-async-algorithms", exact: "1.1.4"),
    .package(url: "https://github.com/apple/swift-atomics", exact: "1.3.0"),
    .package(url: "https://github.com/apple/swift-collections", exact: "1.6.0"),
    .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: []),
    .package(url: "https://github.com/apple/swift-distributed-tracing", exact: "1.7.3"),
    .package(url: "https://github.com/apple/swift-http-structured-headers", exact: "1.7.0"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/apple/swift-nio-http2", exact: "1.46.0"),
    .package(url: "https://github.com/apple/swift-nio-transport-services", exact: "1.28.0"),
    .package(url: "https://github.com/apple/swift-numerics", exact: "1.1.1"),
    .package(url: "https://github.com/apple/swift-service-context", exact: "1.5.1"),
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
]

/// Packages that others need, named only for their versions: the package manager wants each to be some target's, so one has
/// them for a platform that does not exist.
let pinned: [Target.Dependency] = [
    ("AsyncHTTPClient", "async-http-client"), ("Algorithms", "swift-algorithms"),
    ("AsyncAlgorithms", "swift-async-algorithms"), ("Atomics", "swift-atomics"),
    ("Collections", "swift-collections"), ("Configuration", "swift-configuration"),
    ("Instrumentation", "swift-distributed-tracing"), ("StructuredFieldValues", "swift-http-structured-headers"),
    ("CoreMetrics", "swift-metrics"), ("NIOHTTP2", "swift-nio-http2"),
    ("NIOTransportServices", "swift-nio-transport-services"), ("Numerics", "swift-numerics"),
    ("ServiceContextModule", "swift-service-context"), ("SystemPackage", "swift-system"),
].map { .product(name: $0.0, package: $0.1, condition: .when(platforms: [.custom("none")])) }

let package = Package(
    name: "flotilla",
    platforms: [.macOS(.v15)],
    products: [
        .executable(name: "node-agent", targets: ["node-agent"]),
        .executable(name: "cluster-manager", targets: ["cluster-manager"]),
        .executable(name: "demonstrator", targets: ["demonstrator"]),
        .executable(name: "cluster-sim", targets: ["cluster-sim"]),
    ],
    dependencies: packages,
    targets: [
        // The decisions: value types and functions, no IO, clock, randomness, Foundation or logging.
        .target(name: "FleetCore", swiftSettings: library),

        // Time, chance and tasks: the machine's own, or a simulator's.
        .target(name: "Timing", dependencies: ["FleetCore"], swiftSettings: library),

        // The outside world, one library each, each on a thread of its own.
        .target(name: "CLibCurl", linkerSettings: [.linkedLibrary("curl")]),
        .target(name: "CLibSystemd", linkerSettings: [.linkedLibrary("systemd")]),
        .target(name: "HTTPTransport", dependencies: ["CLibCurl"], swiftSettings: library),
        .target(name: "Etcd", dependencies: ["HTTPTransport", logging], swiftSettings: library),
        .target(name: "Systemd", dependencies: ["CLibSystemd", logging], swiftSettings: library),
        .target(name: "Registry", dependencies: ["FleetCore", "Etcd", "Timing", logging], swiftSettings: library),

        // Who is who: certificates, their authority, join tokens and profiles.
        .target(
            name: "Identity",
            dependencies: [
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ],
            swiftSettings: library),

        // The cluster's authority: signs, keeps the records of who belongs, gives machines their users in etcd.
        .target(
            name: "Authority", dependencies: ["FleetCore", "Etcd", "HTTPTransport", "Identity", "Registry"],
            swiftSettings: library),

        // The agent's shells: they carry out what the core decides, through ports to everything else.
        .target(
            name: "Agent", dependencies: ["FleetCore", "Etcd", "Registry", "Systemd", "Timing", logging],
            swiftSettings: library),

        // The HTTP API: what goes over the wire, who calls it, who answers it.
        .target(name: "FleetAPI", dependencies: ["FleetCore"], path: "Sources/FleetAPI/Wire", swiftSettings: library),
        .target(
            name: "FleetAPIClient", dependencies: ["FleetAPI", "FleetCore", "HTTPTransport"],
            path: "Sources/FleetAPI/Client",
            swiftSettings: library),
        .target(
            name: "FleetAPIServer",
            dependencies: [
                "FleetAPI", "FleetCore", hummingbird, lifecycle, logging,
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ] + pinned,
            path: "Sources/FleetAPI/Server", swiftSettings: library),

        // What every program needs to read its command line and to write its results.
        .target(name: "Terminal", dependencies: [arguments], swiftSettings: library),

        // The programs: a library each, so that tests reach everything, and a thin executable.
        .target(
            name: "NodeAgent",
            dependencies: [
                "Agent", "FleetCore", "Etcd", "HTTPTransport", "Identity", "Authority", "Systemd", "Registry",
                "FleetAPI", "FleetAPIClient", "FleetAPIServer", "Terminal", "Timing", logging, arguments,
            ],
            swiftSettings: library),
        .target(
            name: "ClusterManager",
            dependencies: [
                "FleetCore", "Etcd", "HTTPTransport", "Identity", "Authority", "Registry", "FleetAPI", "FleetAPIClient",
                "Terminal", arguments,
            ],
            swiftSettings: library),
        .target(name: "Demonstrator", dependencies: [hummingbird, logging], swiftSettings: library),
        .executableTarget(
            name: "node-agent", dependencies: ["NodeAgent"], swiftSettings: strict, linkerSettings: selfContained),
        .executableTarget(
            name: "cluster-manager", dependencies: ["ClusterManager", "HTTPTransport", "Terminal"],
            swiftSettings: strict, linkerSettings: selfContained),
        // Whole clusters from one seed: the cores against models of everything else.
        .target(
            name: "Simulation",
            dependencies: ["Agent", "Etcd", "FleetCore", "Registry", "Systemd", "Timing", logging],
            swiftSettings: library),
        // What a chaos run on real machines proves; knows nothing of the cluster.
        .target(name: "Chaos", swiftSettings: library),
        .executableTarget(
            name: "cluster-sim", dependencies: ["FleetCore", "Simulation", "Chaos", "Terminal", arguments],
            swiftSettings: strict, linkerSettings: selfContained),
        .executableTarget(
            name: "demonstrator", dependencies: ["FleetCore", "Demonstrator", "Terminal", arguments],
            swiftSettings: strict, linkerSettings: selfContained),

        .target(
            name: "TestSupport",
            dependencies: [
                "FleetCore", "Etcd", "HTTPTransport", "Systemd", "CLibSystemd", logging, subprocess,
            ],
            swiftSettings: tests),
        .executableTarget(
            name: "guard-probe", dependencies: ["Systemd"], path: "Tests/GuardProbe", swiftSettings: strict),
        .testTarget(
            name: "DemonstratorTests", dependencies: ["Demonstrator", subprocess], swiftSettings: tests
        ),
        .testTarget(name: "ScriptTests", dependencies: ["FleetAPI", "TestSupport"], swiftSettings: tests),
        .testTarget(name: "ClusterTests", dependencies: ["TestSupport"], swiftSettings: tests),
        .testTarget(name: "FleetCoreTests", dependencies: ["FleetCore"], swiftSettings: tests),
        .testTarget(name: "ChaosTests", dependencies: ["Chaos"], swiftSettings: tests),
        .testTarget(
            name: "SimulationTests",
            dependencies: ["Simulation", "Agent", "Etcd", "FleetCore", "Registry", "Systemd", "Timing", logging],
            swiftSettings: tests),
        .testTarget(
            name: "HTTPTransportTests", dependencies: ["HTTPTransport", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "EtcdTests", dependencies: ["Etcd", "HTTPTransport", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "IdentityTests",
            dependencies: [
                "Identity", "TestSupport",
                .product(name: "X509", package: "swift-certificates"),
                .product(name: "Crypto", package: "swift-crypto"),
                .product(name: "SwiftASN1", package: "swift-asn1"),
            ],
            swiftSettings: tests),
        .testTarget(
            name: "AuthorityTests",
            dependencies: ["Authority", "Etcd", "FleetCore", "HTTPTransport", "Identity", "Registry", "TestSupport"],
            swiftSettings: tests),
        .testTarget(name: "RegistryTests", dependencies: ["Registry", "TestSupport"], swiftSettings: tests),
        .testTarget(
            name: "FleetAPITests",
            dependencies: ["FleetCore", "FleetAPI", "FleetAPIClient", "FleetAPIServer", lifecycle, logging],
            swiftSettings: tests),
        .testTarget(
            name: "SystemdTests", dependencies: ["FleetCore", "Systemd", "TestSupport", "guard-probe", logging],
            swiftSettings: tests),
        .testTarget(
            name: "NodeAgentTests",
            dependencies: [
                "NodeAgent", "Agent", "FleetCore", "Etcd", "HTTPTransport", "Identity", "Authority", "Systemd",
                "Registry",
                "FleetAPI", "FleetAPIClient", "FleetAPIServer", "TestSupport", "Timing", logging, arguments,
            ],
            swiftSettings: tests),
        .testTarget(
            name: "ClusterManagerTests",
            dependencies: [
                "ClusterManager", "Authority", "Etcd", "FleetCore", "FleetAPI", "FleetAPIClient", "FleetAPIServer",
                "Identity", "Registry", "Terminal", "TestSupport", logging, arguments, subprocess,
            ],
            swiftSettings: tests),
    ]
)
