/* SPDX-License-Identifier: MIT */
#include "stream.h"

#include <stdatomic.h>

#include "tails.h"
#include "world.h"

enum { DATA = RIM_USER, TIMED, MORE };
enum { CHECK_EVERY = 8192, MAILBOX_COUNT = 16384, MAILBOX_BYTES = 4 * 1024 * 1024 };

/* 32 bytes of header and 32 of body: one cache line. */
struct body {
    uint64_t number[4];
};

struct run {
    struct world world;
    const struct stream_plan *plan;
    rim_ref sink;
    uint64_t warm_ns, measure_ns;
    uint64_t begin_ns, end_ns, n; /* the sink's */
    atomic_bool over;
    bool timed;
    struct tails tails; /* of what is timed */
};

/* ---- the receiver ---- */

struct sink {
    struct run *run;
    uint64_t count, first_ns, base;
    uint64_t sum;
};

static rim_verdict sink_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    ((struct sink *)self)->run = *(struct run *const *)arg;
    return RIM_DONE;
}

static void look_at_clock(struct sink *sink) {
    struct run *run = sink->run;
    uint64_t now = now_ns();
    if (sink->first_ns == 0) {
        sink->first_ns = now;
    } else if (run->begin_ns == 0 && now - sink->first_ns >= run->warm_ns) {
        run->begin_ns = now;
        sink->base = sink->count;
    } else if (run->begin_ns != 0 && run->end_ns == 0 && now - run->begin_ns >= run->measure_ns) {
        run->end_ns = now;
        run->n = sink->count - sink->base;
        atomic_store_explicit(&run->over, true, memory_order_relaxed);
        world_done(&run->world, 0);
    }
}

static rim_verdict on_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct sink *sink = self;
    (void)ctx;
    (void)msg;
    sink->sum += ((const struct body *)body)->number[0];
    if (++sink->count % CHECK_EVERY == 0) {
        look_at_clock(sink);
    }
    return RIM_DONE;
}

static rim_verdict on_timed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct sink *)self)->run;
    (void)msg;
    if (run->begin_ns != 0 && run->end_ns == 0) {
        tails_add(ctx, &run->tails, *(const uint64_t *)body);
    }
    return RIM_DONE;
}

static const rim_handler sink_on[] = {[DATA] = on_data, [TIMED] = on_timed};
static const rim_behaviour sink = {
    .name = "sink",
    .state_size = sizeof(struct sink),
    .on = sink_on,
    .on_count = RIM_COUNT(sink_on),
    .init = sink_init,
};

/* ---- the senders ---- */

struct sender {
    struct run *run;
    uint64_t number;
};

static rim_verdict sender_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    ((struct sender *)self)->run = *(struct run *const *)arg;
    rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    return RIM_DONE;
}

static int send_timed(rim_ctx *ctx, rim_ref to) {
    uint64_t now = now_ns();
    return rim_send(ctx, to, TIMED, &now, sizeof now);
}

static rim_verdict on_more(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct sender *sender = self;
    struct run *run = sender->run;
    (void)body;
    (void)msg;
    if (atomic_load_explicit(&run->over, memory_order_relaxed)) {
        return RIM_DONE;
    }
    int error = run->timed ? send_timed(ctx, run->sink) : 0;
    for (uint32_t i = 0; i < run->plan->burst && error == 0; i++) {
        uint64_t number = ++sender->number;
        error = rim_send(ctx, run->sink, DATA, &(struct body){{number, number, number, number}}, sizeof(struct body));
    }
    if (error == 0) {
        error = rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    } else if (error == -RIM_EFULL) {
        error = rim_want_room(ctx, run->sink);
    }
    if (error != 0) {
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static const rim_handler sender_on[] = {[MORE] = on_more, [RIM_ROOM] = on_more};
static const rim_behaviour sender = {
    .name = "sender",
    .state_size = sizeof(struct sender),
    .on = sender_on,
    .on_count = RIM_COUNT(sender_on),
    .init = sender_init,
};

static int spawn(struct run *run) {
    const struct stream_plan *plan = run->plan;
    rim_spawn_options at_sink = {.place = RIM_ON_SHARD,
                                 .shard = plan->to_shard,
                                 .mailbox_count = MAILBOX_COUNT,
                                 .mailbox_bytes = MAILBOX_BYTES};
    rim_spawn_options at_sender = {.place = RIM_ON_SHARD, .shard = plan->from_shard, .budget = plan->budget};
    int error = world_spawn(&run->world, &sink, &at_sink, run, &run->sink);
    for (uint32_t i = 0; i < plan->senders && error == 0; i++) {
        rim_ref ref;
        error = world_spawn(&run->world, &sender, &at_sender, run, &ref);
    }
    return error;
}

static int play(struct run *run, const struct stream_plan *plan, double seconds) {
    run->plan = plan;
    run->warm_ns = (uint64_t)(seconds * 1e8);
    run->measure_ns = (uint64_t)(seconds * 1e9);
    int error = world_open(&run->world, plan->shards, 0);
    error = error != 0 ? error : spawn(run);
    error = error != 0 ? error : world_run(&run->world, seconds);
    atomic_store_explicit(&run->over, true, memory_order_relaxed);
    return world_close(&run->world, error);
}

int stream_measure_us(const struct stream_plan *plan, double seconds, struct sample *out) {
    struct run run = {.timed = true};
    int error = tails_init(&run.tails, plan->shards);
    error = error != 0 ? error : play(&run, plan, seconds);
    return tails_end(&run.tails, error, out);
}

int stream_measure(const struct stream_plan *plan, double seconds, struct sample *out) {
    struct run run = {.timed = false};
    int error = play(&run, plan, seconds);
    if (error == 0) {
        out->n = run.n;
        out->value = (double)run.n * 1e3 / (double)(run.end_ns - run.begin_ns);
    }
    return error;
}
