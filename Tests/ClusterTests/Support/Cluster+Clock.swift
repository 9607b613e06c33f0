// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

import Glibc
import TestSupport
import Testing

/// The wall clock of one machine's agent, and of nothing else: the host's own is never touched.
///
/// Debian's libfaketime 0.9.10 cannot do it: it takes the moments of all timers for such of the wall clock ("only CLOCK_REALTIME is
/// handled"), so that the timers of Swift's runtime, which are of the monotonic clock, never fire.
struct AgentClock: Sendable {
    private let file: String

    /// Read by the agent through a mapping of the file: a clock jumps while its agent runs.
    private static let library = """
        #define _GNU_SOURCE
        #include <fcntl.h>
        #include <sys/mman.h>
        #include <sys/syscall.h>
        #include <sys/time.h>
        #include <time.h>
        #include <unistd.h>

        static const volatile long *ahead;

        __attribute__((constructor)) static void begin(void) {
            int file = open("/opt/flotilla/ground/clock", O_RDONLY | O_CLOEXEC);
            void *map = mmap(0, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
            if (map != MAP_FAILED) ahead = map;
        }

        int clock_gettime(clockid_t clock, struct timespec *now) {
            long result = syscall(SYS_clock_gettime, clock, now);
            int is_wall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
            if (result == 0 && is_wall && ahead) now->tv_sec += *ahead;
            return result;
        }

        int gettimeofday(struct timeval *now, void *zone) {
            struct timespec exact;
            clock_gettime(CLOCK_REALTIME, &exact);
            now->tv_sec = exact.tv_sec;
            now->tv_usec = exact.tv_nsec / 1000;
            return 0;
        }

        time_t time(time_t *now) {
            struct timespec exact;
            clock_gettime(CLOCK_REALTIME, &exact);
            if (now) *now = exact.tv_sec;
            return exact.tv_sec;
        }

        """

    /// Makes the library, and a clock that goes right, in the folder that machines see as `/opt/flotilla/ground`.
    fileprivate init(ground: String) async throws {
        file = "\(ground)/clock"
        try SystemdTestFile.write(Self.library, to: "\(ground)/clock.c")
        // Swift's own C compiler, which lies beside it.
        let build =
            "$(dirname \"$(readlink -f \"$(command -v swift)\")\")/clang -shared -fPIC -O1 -Wall -Werror"
            + " -o '\(ground)/clock.so' '\(ground)/clock.c'"
        let outcome = try await Shell.run(["bash", "-c", build])
        guard outcome.status == 0 else { throw ClusterFailure("no library for the clock: \(outcome.error)") }
        try goAhead(by: 0)
    }

    /// From now on the clock is ahead by so many days, or behind.
    func goAhead(by days: Int) throws {
        let descriptor = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else {
            throw ClusterFailure("\(file) cannot be written: \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var seconds = days * 86_400
        guard pwrite(descriptor, &seconds, MemoryLayout<Int>.size, 0) == MemoryLayout<Int>.size else {
            throw ClusterFailure("\(file) cannot be written: \(String(cString: strerror(errno)))")
        }
    }
}

extension Cluster {
    /// Runs `body` with a hand on the clock of a machine's agent, which is restarted before and after for it.
    func withClock(of machine: String, _ body: (AgentClock) async throws -> Void) async throws {
        let clock = try await AgentClock(ground: "\(state)/ground")
        let folder = "/run/systemd/system/node-agent.service.d"
        let process = try await agentProcess(machine)
        try await inside(
            machine,
            "mkdir -p \(folder); printf '[Service]\\nEnvironment=LD_PRELOAD=/opt/flotilla/ground/clock.so\\n' >\(folder)/clock.conf;"
                + " systemctl daemon-reload; systemctl restart node-agent.service")
        let result: Result<Void, any Error>
        do {
            try #require(try await agentProcess(machine) != process)
            // Its connections stand and it follows its schedule: a clock that jumps before that is another case.
            try await start("awake.service", on: machine)
            try await manage("destroy", "awake.service")
            result = .success(try await body(clock))
        } catch {
            result = .failure(error)
        }
        try await inside(
            machine, "rm \(folder)/clock.conf; systemctl daemon-reload; systemctl restart node-agent.service")
        try result.get()
    }
}
