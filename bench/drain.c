/* SPDX-License-Identifier: MIT */
/*
 * A million messages wait, in one mailbox or in a thousand, when their actors are told to drain. What is told is the
 * time from that word to the last report, for each message; a report that says that anything was lost is an error.
 */
#include <errno.h>
#include <ringmail/link.h>

#include "harness.h"
#include "limit.h"
#include "world.h"

enum { WORD = RIM_USER, FILL };
enum { MILLION = 1000000 };

struct run {
    struct world world;
    uint32_t actors;
    uint64_t measure_ns;
    uint64_t handled; /* all below: written by actors of one shard */
    uint32_t open;
    uint64_t begin_ns, spent_ns, n;
};

struct actor {
    struct run *run;
};

static rim_verdict keep_run(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    ((struct actor *)self)->run = *(struct run *const *)arg;
    return RIM_DONE;
}

/* ---- who drains ---- */

static rim_verdict on_word(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)body;
    (void)msg;
    ((struct actor *)self)->run->handled++;
    return RIM_DONE;
}

static const rim_handler drainer_on[] = {[WORD] = on_word};
static const rim_behaviour drainer = {.name = "drainer",
                                      .state_size = sizeof(struct actor),
                                      .init = keep_run,
                                      .on = drainer_on,
                                      .on_count = RIM_COUNT(drainer_on)};

/* ---- who fills and says the word ---- */

static rim_verdict give_up(struct run *run, int error) {
    world_done(&run->world, error);
    return RIM_STOP;
}

static rim_verdict on_report(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct run *run = ((struct actor *)self)->run;
    const rim_end_report *report = body;
    (void)cookie;
    (void)msg;
    if (error != 0 || report->lost != 0 || report->code != RIM_EXIT_NORMAL) {
        return give_up(run, error != 0 ? error : -EPROTO);
    }
    if (--run->open > 0) {
        return RIM_DONE;
    }
    run->spent_ns += now_ns() - run->begin_ns;
    run->n += MILLION;
    if (run->handled != run->n) {
        return give_up(run, -EPROTO);
    }
    if (run->spent_ns >= run->measure_ns) {
        world_done(&run->world, 0);
        return RIM_DONE;
    }
    error = rim_send(ctx, rim_self(ctx), FILL, NULL, 0);
    return error != 0 ? give_up(run, error) : RIM_DONE;
}

static int make_full(rim_ctx *ctx, struct run *run, rim_ref *out) {
    static const char body[32];
    rim_spawn_options options = {.mailbox_count = MILLION + 1, .mailbox_bytes = UINT32_MAX};
    int error = rim_spawn(ctx, &drainer, &options, &run, sizeof run, out);
    for (uint32_t i = 0; i < MILLION / run->actors && error == 0; i++) {
        error = rim_send(ctx, *out, WORD, body, sizeof body);
    }
    return error;
}

/* Nobody else has a turn before this handler returns: all of it waits then. */
static rim_verdict on_fill(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    static rim_ref drainers[1000];
    struct run *run = ((struct actor *)self)->run;
    int error = 0;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < run->actors && error == 0; i++) {
        error = make_full(ctx, run, &drainers[i]);
    }
    run->open = run->actors;
    run->begin_ns = now_ns();
    for (uint32_t i = 0; i < run->actors && error == 0; i++) {
        rim_ending ending = {.who = drainers[i],
                             .word = RIM_WORD_DRAIN,
                             .timeout_ns = RIM_SECONDS(20),
                             .on_outcome = on_report};
        error = rim_end(ctx, &ending, NULL);
    }
    return error != 0 ? give_up(run, error) : RIM_DONE;
}

static rim_verdict filler_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    keep_run(ctx, self, arg, size);
    int error = rim_send(ctx, rim_self(ctx), FILL, NULL, 0);
    return error != 0 ? give_up(((struct actor *)self)->run, error) : RIM_DONE;
}

static const rim_handler filler_on[] = {[FILL] = on_fill};
static const rim_behaviour filler = {.name = "filler",
                                     .state_size = sizeof(struct actor),
                                     .init = filler_init,
                                     .on = filler_on,
                                     .on_count = RIM_COUNT(filler_on)};

/* ---- a run ---- */

static int measure(struct run *run, double seconds, struct sample *out) {
    rim_ref ref;
    run->measure_ns = (uint64_t)(seconds * 1e9);
    int error = world_open(&run->world, 1, 0);
    if (error != 0) {
        return error;
    }
    error = world_spawn(&run->world, &filler, NULL, run, &ref);
    error = error != 0 ? error : world_run(&run->world, 10 * seconds);
    error = world_close(&run->world, error);
    if (error == 0) {
        out->n = run->n;
        out->value = (double)run->spent_ns / (double)run->n;
    }
    return error;
}

static int one_mailbox(double seconds, struct sample *out) {
    return measure(&(struct run){.actors = 1}, seconds, out);
}

static int many_mailboxes(double seconds, struct sample *out) {
    return measure(&(struct run){.actors = 1000}, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("one mailbox, a message", "ns", false, one_mailbox, "a bare mailbox", limit_tell),
    FIGURE("1,000 mailboxes, a message", "ns", false, many_mailboxes, "a bare mailbox", limit_tell),
};

const struct benchmark bench_drain = BENCHMARK("drain", "of a million messages: the time for each of them", figures);
