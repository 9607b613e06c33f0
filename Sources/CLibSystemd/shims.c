// SPDX-FileCopyrightText: Flotilla contributors
// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#define SD_JOURNAL_SUPPRESS_LOCATION
#include "CLibSystemd.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

int flt_eventfd(void) {
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

void flt_eventfd_wake(int fd) {
    (void) eventfd_write(fd, 1);
}

void flt_eventfd_drain(int fd) {
    eventfd_t count;
    (void) eventfd_read(fd, &count);
}

void flt_name_thread(const char *name) {
    (void) pthread_setname_np(pthread_self(), name);
}

// Settings that every connection shares. `trusted` switches off the client-side permission check of sd-bus's own
// vtables, which a client has none of; on direct connections it spares a look-up of the peer per message.
static int prepare(sd_bus *bus, int direct) {
    int r;
    if ((r = sd_bus_set_bus_client(bus, !direct)) < 0)
        return r;
    if ((r = sd_bus_set_trusted(bus, direct)) < 0)
        return r;
    // A daemon must outlive its bus: sd-bus would otherwise end the process in sd_bus_process().
    if ((r = sd_bus_set_exit_on_disconnect(bus, 0)) < 0)
        return r;
    return sd_bus_negotiate_fds(bus, 0);
}

static int start(sd_bus **ret, sd_bus *bus, int r) {
    if (r >= 0)
        r = sd_bus_start(bus);
    if (r < 0) {
        sd_bus_close_unref(bus);
        *ret = NULL;
        return r;
    }
    *ret = bus;
    return 0;
}

int flt_bus_open(sd_bus **ret, const char *address, int direct) {
    sd_bus *bus;
    *ret = NULL;
    int r = sd_bus_new(&bus);
    if (r < 0)
        return r;
    r = sd_bus_set_address(bus, address);
    if (r >= 0)
        r = prepare(bus, direct);
    return start(ret, bus, r);
}

int flt_bus_open_fd(sd_bus **ret, int fd, int direct) {
    sd_bus *bus;
    *ret = NULL;
    int r = sd_bus_new(&bus);
    if (r < 0) {
        close(fd);
        return r;
    }
    r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0)
        close(fd);
    else
        r = prepare(bus, direct);
    return start(ret, bus, r);
}

int flt_bus_open_server(sd_bus **ret, int fd) {
    sd_bus *bus;
    *ret = NULL;
    int r = sd_bus_new(&bus);
    if (r < 0) {
        close(fd);
        return r;
    }
    r = sd_bus_set_fd(bus, fd, fd);
    if (r < 0)
        close(fd);
    else {
        sd_id128_t id;
        r = sd_id128_randomize(&id);
        if (r >= 0)
            r = sd_bus_set_server(bus, 1, id);
        if (r >= 0)
            r = sd_bus_set_trusted(bus, 1);
    }
    return start(ret, bus, r);
}

int flt_bus_reply_error(sd_bus_message *call, const char *name, const char *message) {
    return sd_bus_reply_method_errorf(call, name, "%s", message);
}

uint64_t flt_boottime_ns(void) {
    struct timespec now;
    // CLOCK_BOOTTIME exists since Linux 2.6.39 and the pointer is good: the call has no way to fail.
    (void) clock_gettime(CLOCK_BOOTTIME, &now);
    return (uint64_t) now.tv_sec * 1000000000u + (uint64_t) now.tv_nsec;
}

int flt_kill_self_at(uint64_t deadline_ns) {
    static timer_t timer;
    static int exists;
    if (!exists) {
        struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGKILL };
        if (timer_create(CLOCK_BOOTTIME, &event, &timer) < 0)
            return -errno;
        exists = 1;
    }
    struct itimerspec when = { 0 };
    when.it_value.tv_sec = (time_t) (deadline_ns / 1000000000u);
    when.it_value.tv_nsec = (long) (deadline_ns % 1000000000u);
    return timer_settime(timer, TIMER_ABSTIME, &when, NULL) < 0 ? -errno : 0;
}

ptrdiff_t flt_write_quietly(int fd, const void *bytes, size_t count) {
    sigset_t pipe_only, pending, before;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    // A SIGPIPE that was pending before belongs to somebody else and must not be eaten below.
    sigpending(&pending);
    int was_pending = sigismember(&pending, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
    ptrdiff_t written = write(fd, bytes, count);
    ptrdiff_t result = written < 0 ? -errno : written;
    if (result == -EPIPE && !was_pending) {
        struct timespec none = { 0 };
        (void) sigtimedwait(&pipe_only, NULL, &none);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

int flt_journal_send(const char *const *fields, const size_t *lengths, int count) {
    struct iovec vectors[64];
    if (count < 1 || count > 64)
        return -EINVAL;
    for (int i = 0; i < count; i++) {
        vectors[i].iov_base = (void *) fields[i];
        vectors[i].iov_len = lengths[i];
    }
    return sd_journal_sendv(vectors, count);
}

int flt_exchange_files(const char *first, const char *second) {
    return renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE) < 0 ? -errno : 0;
}
