/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/disk.h"
#include "io/file_job.h"
#include "io/lookup.h"
#include "io/net.h"
#include "io/outside.h"
#include "io/uring.h"
#include "io/uring_fixed.h"
#include "io/uring_ops.h"
#include "ringmail/error.h"

#define ROUNDS_MAX    8u /* enters of one poll: each runs some 20 deferred completions */
#define BATCH         32u
#define TRIES_MAX     6
#define NAP_NS        5000000
#define CLOSE_STEP_NS 10000000u
#define REST_MAX_NS   1000000000u

static uint64_t now(struct rim__driver *driver) {
    return rim__clock_now(&((struct rim__uring *)driver)->clock);
}

/* ---- entering the kernel ---- */

/* Whatever went wrong for the moment is tried again by the next poll; the rest has no way on. */
static void check_enter(const struct rim__uring *uring, int result) {
    switch (result) {
    case -ETIME:
    case -EINTR:
    case -EAGAIN:
    case -EBUSY:
    case -ENOMEM:
        return;
    case -EBADR:
        rim__log_write(uring->log, RIM_LOG_ERROR, "io_uring: the kernel had no memory to keep a completion");
        break;
    case -EEXIST:
    case -EOWNERDEAD:
        rim__log_write(uring->log, RIM_LOG_ERROR, "io_uring: a ring belongs to the thread that made it");
        break;
    default:
        if (result >= 0) {
            return;
        }
        rim__log_write(uring->log, RIM_LOG_ERROR, "io_uring_enter: %s", rim_strerror(result));
        break;
    }
    rim__unreachable("the ring does not work any more");
}

static void flush(struct rim__uring *uring) {
    if (rim__uring_buffers_are_due(&uring->buffers)) {
        rim__uring_buffers_publish(&uring->buffers);
    }
    check_enter(uring, rim__uring_ring_flush(&uring->ring));
}

static rim__cold void refuse_child(const struct rim__uring *uring) {
    rim__log_write(uring->log, RIM_LOG_ERROR, "io_uring: a system does not survive fork, and this is the child of one");
    rim__unreachable("used in a forked child");
}

static void check_process(const struct rim__uring *uring) {
    if (rim__unlikely(!rim__uring_ring_is_ours(&uring->ring))) {
        refuse_child(uring);
    }
}

struct io_uring_sqe *rim__uring_prepare(struct rim__uring *uring) {
    check_process(uring);
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring.queues);
    if (rim__unlikely(sqe == NULL)) {
        uring->driver.enters++;
        flush(uring);
        sqe = io_uring_get_sqe(&uring->ring.queues);
    }
    return sqe;
}

/* ---- completions ---- */

/* Edge-triggered and for ever: every write to the eventfd is a completion, and nobody has to read it. */
static void arm_event(struct rim__uring *uring) {
    if (uring->is_embedded) {
        uring->event_is_armed = true; /* by its user's loop */
        return;
    }
    struct io_uring_sqe *sqe = rim__uring_prepare(uring);
    if (sqe == NULL) {
        return; /* attend tries again */
    }
    io_uring_prep_poll_multishot(sqe, uring->event_fd, POLLIN);
    io_uring_sqe_set_data64(sqe, rim__uring_user_data(RIM_URING_EVENT, 0));
    uring->event_is_armed = true;
}

static void ring_event(int event_fd) {
    const uint64_t one = 1;
    ssize_t written;
    do {
        written = write(event_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
}

static void complete(struct rim__uring *uring, const struct io_uring_cqe *cqe) {
    switch (rim__uring_kind_of(cqe->user_data)) {
    case RIM_URING_OP:
        uring->driver.completions++;
        rim__uring_ops_complete(uring, cqe);
        break;
    case RIM_URING_EVENT:
        uring->driver.wakes_received += cqe->res >= 0;
        uring->event_is_armed = (cqe->flags & IORING_CQE_F_MORE) != 0;
        break;
    case RIM_URING_WOKEN:
        uring->driver.wakes_received++;
        break;
    case RIM_URING_SENT:
        /* A driver that closes is the last to go, and its targets may be gone. */
        if (cqe->res < 0 && !uring->is_closing) {
            ring_event((int)(uint32_t)cqe->user_data);
        }
        break;
    case RIM_URING_CANCEL: /* what it meant to cancel has completed, or is about to */
    case RIM_URING_NOP:
        break;
    default:
        rim__unreachable("kind of completion");
    }
}

/* Runs what is there now. A completion may prepare and even flush, but what that completes is for the next time. */
static void reap(struct rim__uring *uring) {
    struct io_uring *queues = &uring->ring.queues;
    for (uint32_t left = io_uring_cq_ready(queues); left != 0;) {
        uint32_t limit = left < BATCH ? left : BATCH;
        uint32_t count = 0;
        uint32_t head;
        struct io_uring_cqe *cqe;
        io_uring_for_each_cqe(queues, head, cqe) {
            complete(uring, cqe);
            if (++count == limit) {
                break;
            }
        }
        io_uring_cq_advance(queues, count);
        left -= count;
    }
}

/* ---- poll ---- */

static void attend(struct rim__uring *uring) {
    if (rim__uring_ops_are_waiting(uring)) {
        rim__uring_ops_advance(uring);
    }
    if (!uring->event_is_armed && !uring->is_closing) {
        arm_event(uring);
    }
    /* Last: receives that advance has prepared are to find these buffers. */
    if (rim__uring_buffers_are_due(&uring->buffers)) {
        rim__uring_buffers_publish(&uring->buffers);
    }
}

/* How long the kernel may be asked to wait. */
static uint64_t shorten(struct rim__uring *uring, uint64_t wait_ns) {
    bool may_not = uring->finished.count != 0 || uring->blocked.count != 0 || uring->cancels.count != 0 ||
                   rim__uring_ops_may_feed(uring) || !uring->event_is_armed ||
                   rim__uring_ring_has_completions(&uring->ring);
    if (wait_ns == 0 || may_not) {
        return 0;
    }
    uint64_t deadline_ns = rim__uring_ops_deadline(uring);
    if (deadline_ns == RIM_DRIVER_FOREVER) {
        return wait_ns;
    }
    uint64_t now_ns = rim__clock_now(&uring->clock);
    uint64_t left_ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
    return left_ns < wait_ns ? left_ns : wait_ns;
}

/* Until nothing is left to run, or as much has come as the cache holds: that is handled and sent on first. */
static void enter_and_reap(struct rim__uring *uring, uint64_t wait_ns) {
    uint64_t until = uring->io.bytes_in + RIM_URING_HOT_BYTES;
    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        uring->driver.enters++;
        check_enter(uring, rim__uring_ring_enter(&uring->ring, wait_ns));
        reap(uring);
        wait_ns = 0;
        if (!rim__uring_ring_is_flagged(&uring->ring) || uring->io.bytes_in >= until) {
            return;
        }
        /* What was sent has brought its buffers home: without them the receives of the next round would find none. */
        if (rim__uring_buffers_are_due(&uring->buffers)) {
            rim__uring_buffers_publish(&uring->buffers);
        }
    }
}

static void poll_ring(struct rim__driver *driver, uint64_t wait_ns) {
    struct rim__uring *uring = (struct rim__uring *)driver;
    check_process(uring);
    if (rim__uring_ops_are_waiting(uring) || rim__uring_buffers_are_due(&uring->buffers) || !uring->event_is_armed) {
        attend(uring);
    }
    uring->driver.is_due = false;
    wait_ns = shorten(uring, wait_ns);
    if (wait_ns != 0 || rim__uring_ring_prepared(&uring->ring) != 0 || rim__uring_ring_is_flagged(&uring->ring)) {
        enter_and_reap(uring, wait_ns);
    } else if (rim__uring_ring_has_completions(&uring->ring)) {
        reap(uring);
    }
    if (uring->finished.count != 0) {
        rim__uring_ops_finish(uring);
    }
}

/* ---- wake ---- */

static bool send_message(struct rim__uring *from, const struct rim__uring *to) {
    struct io_uring_sqe *sqe = rim__uring_prepare(from);
    if (sqe == NULL) {
        return false;
    }
    io_uring_prep_msg_ring(sqe, to->ring.queues.ring_fd, 0, rim__uring_user_data(RIM_URING_WOKEN, 0), 0);
    io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    io_uring_sqe_set_data64(sqe, rim__uring_user_data(RIM_URING_SENT, (uint32_t)to->event_fd));
    /* At once: until the next tick the sleeper would sleep on. */
    flush(from);
    return rim__uring_ring_prepared(&from->ring) == 0;
}

static void wake(struct rim__driver *from, struct rim__driver *to) {
    const struct rim__uring *target = (const struct rim__uring *)to;
    struct rim__uring *source = (struct rim__uring *)from;
    bool is_sent =
        source != NULL && source->traits.wake_by_msg_ring && !target->is_embedded && send_message(source, target);
    if (!is_sent) {
        ring_event(target->event_fd);
    }
}

/* ---- embedded ---- */

/*
 * The eventfd serves for both: who wakes the shard writes to it, and it is registered with the ring, so that the kernel
 * does when there is something to reap.
 *
 * Not the ring's own descriptor: with IORING_SETUP_DEFER_TASKRUN a completion is posted when its thread enters, and who
 * sleeps in a poll of the ring is not woken before (seen on 6.18). And the ring does not poll the eventfd itself, as
 * that of a thread does: what completes within a write to an eventfd is told of late, and the second time not at all
 * (io_eventfd_signal in 6.18 puts such a word off, once). What is left of that is an interrupt in the middle of such a
 * write; it is why nobody rests for longer than REST_MAX_NS while operations are in flight.
 */
static int descriptor(struct rim__driver *driver) {
    return ((const struct rim__uring *)driver)->event_fd;
}

static void empty_event(struct rim__uring *uring) {
    uint64_t count;
    ssize_t got;
    do {
        got = read(uring->event_fd, &count, sizeof count);
    } while (got < 0 && errno == EINTR);
    uring->driver.wakes_received += got > 0;
}

/* Emptied first, looked at after: what completes in between is found, and what comes later writes to it again. */
static uint64_t rest(struct rim__driver *driver, uint64_t wait_ns) {
    struct rim__uring *uring = (struct rim__uring *)driver;
    empty_event(uring);
    if (rim__uring_ring_prepared(&uring->ring) != 0 || rim__uring_ring_is_flagged(&uring->ring)) {
        return 0;
    }
    wait_ns = shorten(uring, wait_ns);
    return uring->io.operations_open != 0 && wait_ns > REST_MAX_NS ? REST_MAX_NS : wait_ns;
}

/* ---- life ---- */

static void cancel_all(struct rim__uring *uring) {
    struct io_uring_sqe *sqe = rim__uring_prepare(uring);
    if (sqe != NULL) {
        io_uring_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
        io_uring_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
        io_uring_sqe_set_data64(sqe, rim__uring_user_data(RIM_URING_CANCEL, 0));
    }
}

static void drain(struct rim__uring *uring, uint64_t patience_ns) {
    uint64_t start_ns = rim__clock_read();
    uring->is_closing = true;
    uring->event_is_armed = uring->event_is_armed && !uring->is_embedded;
    rim__uring_ops_abandon(uring);
    rim__uring_ops_finish(uring);
    for (uint32_t round = 0; uring->io.operations_open != 0 || uring->event_is_armed; round++) {
        uint64_t passed_ns = rim__clock_read() - start_ns;
        if (round > 1 && passed_ns >= patience_ns) {
            return;
        }
        uint64_t left_ns = passed_ns < patience_ns ? patience_ns - passed_ns : 0;
        cancel_all(uring);
        enter_and_reap(uring, 0);
        if (uring->io.operations_open != 0 || uring->event_is_armed) {
            enter_and_reap(uring, left_ns < CLOSE_STEP_NS ? left_ns : CLOSE_STEP_NS);
        }
    }
}

/* What the kernel or an actor may still touch is left to them. */
static void release(struct rim__uring *uring) {
    uint64_t operations = uring->io.operations_open;
    uint32_t out = uring->buffers.out;
    if (operations == 0) {
        rim__uring_buffers_close(&uring->buffers, &uring->ring);
        rim__uring_ops_free(uring);
    }
    rim__uring_ring_close(&uring->ring);
    free(uring->frames);
    uring->frames = NULL;
    if (uring->event_fd >= 0) {
        close(uring->event_fd);
        uring->event_fd = -1;
    }
    if (operations != 0 || out != 0) {
        rim__log_write(uring->log, RIM_LOG_WARNING, "io_uring: closed with %llu operations and %u buffers not home",
                       (unsigned long long)operations, out);
        return;
    }
    free(uring);
}

static void close_driver(struct rim__driver *driver, uint64_t patience_ns) {
    struct rim__uring *uring = (struct rim__uring *)driver;
    check_process(uring);
    drain(uring, patience_ns);
    release(uring);
}

static const struct rim__driver_ops driver_ops = {
    .poll = poll_ring,
    .wake = wake,
    .now = now,
    .close = close_driver,
    .descriptor = descriptor,
    .rest = rest,
};

static bool has_buffers(struct rim__io *io) {
    const struct rim__uring_buffers *buffers = &rim__uring_of_io(io)->buffers;
    return rim__uring_buffers_free(buffers) >= buffers->count / RIM_IO_BUFFERS_LOW;
}

static int make_pipe(struct rim__io *io, int ends[2]) {
    return rim__outside_pipe(io, ends, true);
}

static int spawn(struct rim__io *io, struct rim__spawn *plan) {
    plan->blocks = true;
    return rim__outside_spawn(io, plan);
}

static int open_pipe(struct rim__io *io, struct rim__pipe_plan *plan) {
    plan->blocks = true;
    return rim__outside_open_pipe(io, plan);
}

/* Its sockets wait in the kernel, but for this. Nobody else looks at the flag: a ring does not for sockets. */
static int64_t send_file(struct rim__io *io, int fd, const struct rim__file_part *part) {
    if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
        return -errno;
    }
    int64_t result = rim__net_send_file(io, fd, part);
    (void)fcntl(fd, F_SETFL, O_RDWR);
    return result;
}

static const struct rim__io_ops io_ops = {
    .submit = rim__uring_ops_submit,
    .cancel = rim__uring_ops_cancel,
    .fetch = RIM_FETCH_WHOLE,
    .has_buffers = has_buffers,
    .listen = rim__net_listen,
    .socket = rim__net_socket,
    .pipe = make_pipe,
    .open_pipe = open_pipe,
    .spawn = spawn,
    .send_file = send_file,
    .fix = rim__uring_fixed_add,
    .unfix = rim__uring_fixed_drop,
    .close = rim__net_close,
    RIM_DRIVERS_PLAIN_CALLS,
};

/*
 * A smaller ring is better than none. The nap is for the kernel: it gives back the locked memory of a ring that was
 * closed, as the probe's was, some time later.
 */
static int open_ring(struct rim__uring *uring, uint32_t entries) {
    const struct timespec nap = {.tv_nsec = NAP_NS};
    uint32_t wanted = entries;
    for (int tries = 0;; tries++) {
        int error = rim__uring_ring_open(&uring->ring, entries, uring->traits.setup_flags);
        if (error == 0 && rim__uring_ring_entries(&uring->ring) < wanted) {
            rim__log_write(uring->log, RIM_LOG_NOTICE, "io_uring: shard %u has a ring of %u entries instead of %u",
                           uring->buffers.shard, rim__uring_ring_entries(&uring->ring), wanted);
        }
        if (error != -ENOMEM || tries == TRIES_MAX) {
            return error;
        }
        rim__uring_ring_close(&uring->ring);
        nanosleep(&nap, NULL);
        entries = entries / 2 > 1 ? entries / 2 : 1;
    }
}

static int open_parts(struct rim__uring *uring, const struct rim__driver_options *options) {
    struct rim__uring_buffers_options buffers = {.home = options->index};
    int error = rim__drivers_buffers(options->config, &buffers.count, &buffers.bytes);
    if (error == 0) {
        rim__uring_buffers_plan(&uring->buffers, &buffers);
        error = open_ring(uring, rim__uring_entries(options->config));
    }
    if (error == 0) {
        uring->frames = malloc(rim__uring_ring_entries(&uring->ring) * sizeof *uring->frames);
        error = uring->frames != NULL ? 0 : -ENOMEM;
    }
    if (error == 0) {
        uring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        error = uring->event_fd < 0 ? -errno : 0;
    }
    uring->io.message_max = uring->traits.recv_multishot ? buffers.bytes : 0; /* both came with 6.0 */
    if (error == 0 && options->embedded) {
        uring->is_embedded = true;
        error = io_uring_register_eventfd(&uring->ring.queues, uring->event_fd);
    }
    return error;
}

/* What the probe was allowed may have come to be refused since. */
static int enter_first(struct rim__uring *uring) {
    arm_event(uring);
    int result = rim__uring_ring_flush(&uring->ring);
    if (result == -EPERM || result == -EACCES || result == -ENOSYS) {
        return result;
    }
    check_enter(uring, result);
    return 0;
}

int rim__uring_open(const struct rim__driver_options *options, struct rim__driver **driver, struct rim__io **io) {
    struct rim__uring *uring = calloc(1, sizeof *uring);
    if (uring == NULL) {
        return -ENOMEM;
    }
    uring->driver = (struct rim__driver){.ops = &driver_ops, .shard = options->shard};
    uring->io = (struct rim__io){.ops = &io_ops,
                                 .disk = &rim__disk_kernel,
                                 .shard = options->shard,
                                 .reads_in_batches = true,
                                 .sends_in_batches = true};
    uring->log = options->log;
    uring->traits = *options->traits;
    uring->io.has_zero_copy = uring->traits.zero_copy;
    uring->event_fd = -1;
    rim__clock_init(&uring->clock);
    int error = open_parts(uring, options);
    if (error != 0) {
        release(uring);
        return error;
    }
    error = enter_first(uring);
    if (error != 0) {
        release(uring);
        return error;
    }
    *driver = &uring->driver;
    *io = &uring->io;
    return 0;
}

uint32_t rim__uring_buffers_out(const struct rim__driver *driver) {
    return ((const struct rim__uring *)driver)->buffers.out;
}
