/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "ringmail/signal.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "io/lookout.h"
#include "io/outside.h"
#include "ringmail/poll.h"

#define FETCHES_MAX 16 /* before others get their turn */

enum { SIGNALS_PROTOCOL = 0x7f20 };

/* Bit N - 1 is signal N. 0 or -EINVAL; `bad` gets the one that is none. */
static int to_mask(const int *signals, size_t count, uint64_t *mask, int *bad) {
    *mask = 0;
    *bad = 0;
    if (signals == NULL || count == 0) {
        return -EINVAL;
    }
    for (size_t i = 0; i < count; i++) {
        int signal = signals[i];
        if (signal < 1 || signal > 64 || signal == SIGKILL || signal == SIGSTOP) {
            *bad = signal;
            return -EINVAL;
        }
        *mask |= UINT64_C(1) << (signal - 1);
    }
    return 0;
}

int rim_signals_block(const int *signals, size_t count) {
    uint64_t mask;
    int bad;
    int result = to_mask(signals, count, &mask, &bad);
    if (result != 0) {
        return result;
    }
    sigset_t set = rim__outside_signal_set(mask);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

/* ---- a watch ---- */

struct watch {
    struct rim__lookout lookout;
    rim_signal_event event; /* fetched, and not told for want of memory; its signal 0: none */
};

/* One signal. False: there is none, or it has to wait. */
static bool tell_next(struct watch *watch) {
    struct rim__lookout *lookout = &watch->lookout;
    struct rim__io *io = lookout->service->io;
    if (watch->event.signal == 0) {
        watch->event = (rim_signal_event){.watch = lookout->self};
        if (io->ops->fetch_signal(io, lookout->fd, &watch->event) != 0) {
            return false;
        }
    }
    int result = rim__lookout_tell_event(lookout, RIM_SIGNAL, &watch->event, sizeof watch->event);
    if (result == -ENOMEM) {
        rim__lookout_wait(lookout);
        return false;
    }
    watch->event.signal = 0;
    return result == 0;
}

static void ready(struct rim__lookout *lookout, int32_t events) {
    struct watch *watch = rim__container_of(lookout, struct watch, lookout);
    if (events < 0) {
        rim__lookout_wait(lookout);
        return;
    }
    for (int i = 0; i < FETCHES_MAX && tell_next(watch); i++) {
    }
}

static const rim_behaviour behaviour = {
    .name = "rim signals",
    .state_size = sizeof(struct rim__lookout *),
    .protocol = SIGNALS_PROTOCOL,
    .init = rim__lookout_init,
};

static const struct rim__lookout_kind kind = {
    .behaviour = &behaviour,
    .size = sizeof(struct watch),
    .works_to_the_last = true,
    .ready = ready,
};

static int explain(rim_ctx *ctx, int error, int bad) {
    if (error == -EINVAL && bad != 0) {
        return rim__ctx_error(ctx, error, "signals: %d cannot be watched for", bad);
    }
    if (error == -EINVAL) {
        return rim__ctx_error(ctx, error, "signals: none to watch for");
    }
    if (error == -RIM_ECONTEXT) {
        return rim__ctx_error(ctx, error, "signals: this thread does not block them all: see rim_signals_block");
    }
    return rim__ctx_error(ctx, error, "signals: %s", rim_strerror(error));
}

int rim_signal_watch(rim_ctx *ctx, const int *signals, size_t count, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    uint64_t mask;
    int bad;
    int result = to_mask(signals, count, &mask, &bad);
    if (result != 0 || service == NULL) {
        return explain(ctx, result != 0 ? result : -RIM_ESTOPPING, bad);
    }
    int fd = service->io->ops->signals(service->io, mask);
    if (fd < 0) {
        return explain(ctx, fd, 0);
    }
    struct rim__lookout *lookout;
    result = rim__lookout_open(ctx, &kind, fd, &lookout);
    if (result != 0) {
        return explain(ctx, result, 0);
    }
    lookout->events = RIM_POLL_READ;
    rim__lookout_arm(lookout);
    if (out != NULL) {
        *out = lookout->self;
    }
    return 0;
}
