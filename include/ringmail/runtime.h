/* SPDX-License-Identifier: MIT */
/*
 * runtime.h - a system: its shards, its start and its end.
 *
 *     rim_system_create -> rim_system_spawn ... -> rim_system_start -> rim_system_stop -> rim_system_destroy
 *
 * Nothing is global: several systems may live in one process, each with its own threads. The library installs no
 * signal handlers (but one for SIGBUS where rim_map_guard is called), reads no arguments and of the environment
 * RINGMAIL_DRIVER alone, never exits, and prints only through the log callback. Where the process has no descriptor 0,
 * 1 or 2, rim_system_create gives these numbers, for good, to one that can be neither read nor written: they are closed
 * as before, but no connection gets what is printed. A system does not survive fork(): the child must not touch it (its
 * rings belong to the parent).
 */
#ifndef RINGMAIL_RUNTIME_H
#define RINGMAIL_RUNTIME_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_VERSION_MAJOR 0
#define RIM_VERSION_MINOR 1
#define RIM_VERSION_PATCH 0

/* "0.1.0": of the library that is loaded, which may differ from the header. */
RIM_API const char *rim_version(void);

enum rim_log_level { RIM_LOG_ERROR = 0, RIM_LOG_WARNING, RIM_LOG_NOTICE, RIM_LOG_DEBUG };

/* What polls the kernel for a shard. */
enum rim_driver_kind {
    RIM_DRIVER_AUTO = 0, /* what RINGMAIL_DRIVER of the environment names (io_uring, epoll); without it io_uring, and
                            epoll where io_uring is refused or too old: the log says why, as a warning */
    RIM_DRIVER_URING,    /* io_uring, Linux 5.19 and later, or an error */
    RIM_DRIVER_EPOLL,    /* epoll: for containers and kernels without io_uring */
    RIM_DRIVER_SIM,      /* no kernel: virtual time and in-memory sockets on the caller's thread; see sim.h */
};

/* How a shard wakes another that is parked; with epoll always by eventfd. */
enum rim_wake_kind {
    RIM_WAKE_AUTO = 0, /* MSG_RING where the kernel is 6.11 or later, else eventfd */
    RIM_WAKE_MSG_RING, /* IORING_OP_MSG_RING from the sender's own ring (5.18) */
    RIM_WAKE_EVENTFD,  /* a write to the sleeper's eventfd, which its ring polls */
};

struct rim_sim_options; /* sim.h */

/* Zeroes are the defaults. */
typedef struct rim_config {
    uint32_t shards;          /* 0: one for each CPU that the process may use (affinity and cgroup quota); at most 256.
                                 More than there are CPUs is allowed, and slow */
    const int *cpus;          /* CPUs to pin the shards to, in order, used round robin, whoever else wants them; NULL:
                                 those of the process, and while others want one, the kernel places that shard */
    uint32_t cpu_count;       /* entries in cpus */
    bool no_pin;              /* leave the placing of threads to the kernel; so it is where `shards` and `cpus` are left
                                 open and a quota leaves fewer shards than there are CPUs */
    bool embedded;            /* shards without threads: the caller's loop steps them (embed.h) */
    uint32_t embedded_shards; /* with `embedded`: only the first so many, the rest have threads; 0: all */
    enum rim_driver_kind driver;
    enum rim_wake_kind wake;
    int32_t spin_us; /* how long an idle shard looks out for messages and completions before it sleeps; 0: 50 when
                        that has paid lately, and none where shards share CPUs or a quota is set; above 0: always
                        that long; -1: never */
    uint32_t mailbox_count; /* default of rim_spawn_options; 0: 4,096 */
    uint32_t mailbox_bytes; /* default of rim_spawn_options; 0: 1 MiB */
    uint32_t budget;        /* messages in a row for one actor; 0: 256 */
    uint32_t turn_us;       /* time after which an actor's turn ends at the next message; 0: 500 */
    uint32_t parcels;       /* parcels of 4 KiB in flight from one shard to another at most; 0: 64, at most 1,024 */
    uint32_t buffers;       /* receive buffers of a shard, a power of two up to 32,768; 0: 256 */
    uint32_t buffer_bytes;  /* size of each; 0: 32 KiB */
    uint32_t ring_entries;  /* submission entries of a shard's ring; 0: 256; nothing to epoll */
    uint32_t helpers;       /* threads for blocking work (offload.h) at most, made when needed; 0: 4, at most 1,024 */
    int32_t stall_us;       /* a handler that holds its shard for longer is reported (stalls; below); 0: 100,000;
                               -1: never, and no watchdog thread */
    uint32_t jobs;          /* pieces of such work that may wait for a helper; 0: 1,024 */
    uint64_t seed;          /* of rim_random and of the simulation; 0: 1 under simulation, else from the kernel */
    const struct rim_sim_options *sim;                   /* with RIM_DRIVER_SIM; NULL: no faults */
    int log_level;                                       /* the least urgent level that is told; 0: errors only */
    void (*log)(void *arg, int level, const char *text); /* one line without its newline; any thread of the system */
    void *log_arg;
} rim_config;

/*
 * Stalls. Unless stall_us is -1, a thread of the system watches its shards. A turn that lasts longer than stall_us is
 * counted (rim_stats.stalls) and told to the log as a warning, once: shard, actor, behaviour, tag and kind of message,
 * how long, whether it computes or in which system call it waits, and a backtrace, or why there is none. Of each shard
 * one stall in ten seconds is told at most, and the next one says how many were left out. Time for which others had the
 * CPU does not count; a shard that gets none for twice as long is counted as starved, and told as a notice. A stall
 * is found from half of stall_us to the whole of it too late. Under simulation time passes in a handler only by
 * rim_sim_busy, and there is no backtrace.
 */

/* Shards that a config of zeroes would get: the CPUs of the affinity mask, at most the cgroup's CPU quota rounded up.
 */
RIM_API uint32_t rim_usable_cpus(void);

/*
 * Makes a system, without threads as yet. `config` may be NULL and is copied. 0, -EINVAL (also for a RINGMAIL_DRIVER
 * that is none), -ENOMEM, or, where io_uring was asked for, what the kernel said to it: -ENOSYS, -EPERM. The log says
 * what to do about it.
 */
RIM_API RIM_MUST_CHECK int rim_system_create(const rim_config *config, rim_system **out);

/*
 * Starts the shards and returns when all of them run. Under simulation it only opens the gate: the caller's thread
 * runs the shards by the calls of sim.h, and within rim_system_stop. Embedded shards run when they are stepped
 * (embed.h). 0, -RIM_ECONTEXT if started before, or the kernel's word: nothing runs then.
 */
RIM_API RIM_MUST_CHECK int rim_system_start(rim_system *system);

/*
 * Spawns from a thread that is no shard, before or after the start. As rim_spawn; RIM_HERE means shard 0. The
 * reference is good at once. Any thread.
 */
RIM_API RIM_MUST_CHECK int rim_system_spawn(rim_system *system, const rim_behaviour *behaviour,
                                            const rim_spawn_options *options, const void *arg, size_t size,
                                            rim_ref *out);

/*
 * Sends from a thread that is no shard, from no actor (rim_sender is RIM_NIL). 0, -RIM_EFULL (thousands of such
 * messages wait already), -RIM_EBADREF, -RIM_ETOOBIG, -EINVAL, -ENOMEM, -RIM_ESTOPPING. Takes a lock: not meant for
 * the hot path. Any thread.
 */
RIM_API int rim_system_send(rim_system *system, rim_ref to, uint32_t tag, const void *body, size_t size);

/* What a stop met. */
typedef struct rim_stop_report {
    uint64_t lost;        /* messages that ended unhandled because the deadline came */
    uint64_t dead;        /* dead letters over the system's whole life */
    uint32_t killed;      /* actors that were still busy at the deadline */
    bool adds_up;         /* sent = handled + refused + dead + queued, and nothing is queued */
    bool leaks;           /* a block, a parcel, an operation or a descriptor did not come home */
    char held_up_by[160]; /* the first things that were not done at the deadline, by name; empty if in time */
} rim_stop_report;

/*
 * Stops in four steps. (1) Every actor gets RIM_CLOSING; listeners close, sockets stop receiving: what their peers send
 * from then on is dropped, so that two sockets of one system do not wait for each other. (2) The backlog is worked off
 * until nothing moves: no message queued or under way, no request open, no byte unwritten. (3) Every actor's exit runs,
 * the last spawned first; what those send to sockets is still written. (4) The threads end. What is not done after
 * `timeout_ns` is cut off and reported. Returns 0 if nothing was lost, -ETIMEDOUT if the deadline cut something off,
 * -RIM_ECONTEXT on a system that does not run. `report` may be NULL. From a thread that is no shard. It steps the
 * embedded shards that are the calling thread's; those of others have to be stepped on until they have ended.
 */
RIM_API int rim_system_stop(rim_system *system, uint64_t timeout_ns, rim_stop_report *report);

/*
 * The same for who cannot wait: begin returns at once, done takes the next steps and returns -EAGAIN until all are
 * taken, then once the result, as rim_system_stop. In between the caller's loop goes on, and steps its embedded shards
 * (rim_shard_next says how often). Both on one thread. begin: 0, -RIM_ECONTEXT, -ENOMEM. rim_system_stop after begin
 * waits for the end.
 */
RIM_API int rim_system_stop_begin(rim_system *system, uint64_t timeout_ns);
RIM_API int rim_system_stop_done(rim_system *system, rim_stop_report *report);

/* Frees a system that is stopped or was never started. NULL is allowed. Messages never handled are dropped. */
RIM_API void rim_system_destroy(rim_system *system);

RIM_API uint32_t rim_system_shards(const rim_system *system);
/* "io_uring", "epoll", "simulation"; and how shards are woken and why ("msg_ring: kernel 6.18", "eventfd: asked for",
   "eventfd (epoll driver)"). After the start: only then is it certain that all shards got their rings. */
RIM_API const char *rim_system_driver(const rim_system *system);
RIM_API const char *rim_system_wake(const rim_system *system);

#ifdef __cplusplus
}
#endif
#endif
