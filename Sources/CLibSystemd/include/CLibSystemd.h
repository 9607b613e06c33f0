// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

// What Swift cannot import from libsystemd and from the kernel's headers: variadic functions, macros and a few
// functions that glibc only declares behind feature macros. Nothing here decides anything.

#pragma once

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

// A non-blocking, close-on-exec eventfd with count 0; negative errno when the kernel refuses.
int flt_eventfd(void);

// Adds 1 to an eventfd. A full counter is as good as a wake, so nothing is reported.
void flt_eventfd_wake(int fd);

// Takes the count off an eventfd.
void flt_eventfd_drain(int fd);

// Sends one entry to the journal: `count` fields as NAME=value, each of the length given. Negative errno on failure.
// The library's own call adds the place in the source, which for us would always be this file.
int flt_journal_send(const char *const *fields, const size_t *lengths, int count);

// Names the calling thread for debuggers and /proc; at most 15 bytes.
void flt_name_thread(const char *name);

// A client connection, started. With `direct` the peer is the manager itself (no broker, hence no Hello call).
// Returns 0 or a negative errno; on failure `*ret` is NULL.
int flt_bus_open(sd_bus **ret, const char *address, int direct);

// The same over a connected socket, which the connection then owns also on failure.
int flt_bus_open_fd(sd_bus **ret, int fd, int direct);

// The server's end of a socketpair, for peers made by tests; owns `fd` as above.
int flt_bus_open_server(sd_bus **ret, int fd);

// Replies to `call` with a D-Bus error.
int flt_bus_reply_error(sd_bus_message *call, const char *name, const char *message);

// CLOCK_BOOTTIME in nanoseconds: time since boot including suspend, the same for every process of the kernel.
uint64_t flt_boottime_ns(void);

// Arms a kernel timer that sends SIGKILL to the calling process once CLOCK_BOOTTIME reaches `deadline_ns`, replacing
// the one armed before. `deadline_ns` 0 disarms. A deadline in the past kills at once. Negative errno on failure.
int flt_kill_self_at(uint64_t deadline_ns);

// write(2) that never raises SIGPIPE: returns the count or a negative errno (-EPIPE when nobody reads).
ptrdiff_t flt_write_quietly(int fd, const void *bytes, size_t count);

// Lets two files change places (renameat2 with RENAME_EXCHANGE): 0 or a negative errno.
int flt_exchange_files(const char *first, const char *second);
