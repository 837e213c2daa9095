/* SPDX-License-Identifier: MIT */
/*
 * publish.c - one publisher, a thousand members on one shard. What counts is a publication that all members have
 * handled; the last of them asks for the next. A few are under way at once, or, for the latency until the last member
 * has it, one.
 */
#include <ringmail/group.h>

#include "harness.h"
#include "world.h"

enum { NEWS = RIM_USER, NEXT };
enum { MEMBERS = 1000, UNDER_WAY = 2 };

struct run {
    struct world world;
    uint32_t size;
    bool sends; /* one by one, for comparison */
    bool alone; /* one publication at a time: for the latencies */
    struct latencies latencies;
    uint64_t published_ns; /* the publisher's; the members read it when they have its message */
    rim_ref publisher;
    uint64_t warm_ns, measure_ns; /* all below: the members', who live on one shard */
    uint64_t handled, first_ns, base, begin_ns, end_ns, n;
};

struct actor {
    struct run *run;
};

static rim_verdict keep_run(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx, (void)size;
    ((struct actor *)self)->run = *(struct run *const *)arg;
    return RIM_DONE;
}

/* ---- a member ---- */

static void look_at_clock(struct run *run) {
    uint64_t now = now_ns();
    if (run->first_ns == 0) {
        run->first_ns = now;
    } else if (run->begin_ns == 0 && now - run->first_ns >= run->warm_ns) {
        run->begin_ns = now;
        run->base = run->handled;
    } else if (run->begin_ns != 0 && run->end_ns == 0 && now - run->begin_ns >= run->measure_ns) {
        run->end_ns = now;
        run->n = run->handled - run->base;
        world_done(&run->world, 0);
    }
}

static rim_verdict on_news(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct actor *)self)->run;
    (void)body, (void)msg;
    if (++run->handled % MEMBERS != 0) {
        return RIM_DONE;
    }
    look_at_clock(run);
    if (run->alone && run->begin_ns != 0) {
        latencies_add(&run->latencies, (double)(now_ns() - run->published_ns));
    }
    if (run->end_ns == 0) {
        int error = rim_send(ctx, run->publisher, NEXT, NULL, 0);
        if (error != 0) {
            world_done(&run->world, error);
        }
    }
    return RIM_DONE;
}

static const rim_handler member_on[] = {[NEWS] = on_news};
static const rim_behaviour member = {.name = "member",
                                     .state_size = sizeof(struct actor),
                                     .init = keep_run,
                                     .on = member_on,
                                     .on_count = RIM_COUNT(member_on)};

/* ---- the publisher ---- */

static int send_each(rim_ctx *ctx, rim_ref group, const void *body, size_t size) {
    static rim_ref members[MEMBERS];
    uint32_t count = rim_group_members(ctx, group, members, MEMBERS);
    int error = 0;
    for (uint32_t i = 0; i < count && error == 0; i++) {
        error = rim_send(ctx, members[i], NEWS, body, size);
    }
    return error;
}

static rim_verdict on_next(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    static const char bytes[4096];
    struct run *run = ((struct actor *)self)->run;
    rim_ref group = rim_group(ctx, "members");
    (void)body, (void)msg;
    run->published_ns = run->alone ? now_ns() : 0;
    int error = run->sends ? send_each(ctx, group, bytes, run->size) : rim_publish(ctx, group, NEWS, bytes, run->size);
    if (error < 0) {
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static void begin_if_complete(rim_ctx *ctx, const struct run *run) {
    bool all = rim_group_count(ctx, rim_group(ctx, "members")) == MEMBERS;
    for (uint32_t i = 0; all && i < (run->alone ? 1 : UNDER_WAY); i++) {
        rim_send(ctx, rim_self(ctx), NEXT, NULL, 0);
    }
}

static rim_verdict on_group(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_group_event *event = body;
    (void)msg;
    if (event->joined && event->count == MEMBERS) { /* all have joined: it begins */
        begin_if_complete(ctx, ((struct actor *)self)->run);
    }
    return RIM_DONE;
}

static rim_verdict publisher_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_group_watch(ctx, rim_group(ctx, "members"), true);
    begin_if_complete(ctx, *(struct run *const *)arg); /* where they have joined before */
    return keep_run(ctx, self, arg, size);
}

static const rim_handler publisher_on[] = {[RIM_GROUP] = on_group, [NEXT] = on_next};
static const rim_behaviour publisher = {.name = "publisher",
                                        .state_size = sizeof(struct actor),
                                        .init = publisher_init,
                                        .on = publisher_on,
                                        .on_count = RIM_COUNT(publisher_on)};

static int measure(struct run *run, uint32_t shards, double seconds, struct sample *out) {
    rim_ref ref;
    run->warm_ns = (uint64_t)(seconds * 1e8);
    run->measure_ns = (uint64_t)(seconds * 1e9);
    int error = world_open(&run->world, shards, 0);
    if (error != 0) {
        return error;
    }
    rim_spawn_options options = {.place = RIM_ON_SHARD,
                                 .shard = shards - 1,
                                 .group = rim_system_group(run->world.system, "members")};
    error = world_spawn(&run->world, &publisher, NULL, run, &run->publisher);
    for (uint32_t i = 0; i < MEMBERS && error == 0; i++) {
        error = world_spawn(&run->world, &member, &options, run, &ref);
    }
    error = error != 0 ? error : world_run(&run->world, seconds);
    error = world_close(&run->world, error);
    if (error == 0) {
        out->n = run->n / MEMBERS;
        out->value = (double)(run->end_ns - run->begin_ns) / (double)run->n;
    }
    return error;
}

/* From the publication to its handling by the last member. */
static int measure_latency(struct run *run, uint32_t shards, double seconds, struct sample *out) {
    int error = latencies_init(&run->latencies);
    if (error == 0) {
        error = measure(run, shards, seconds, out);
        latencies_read(&run->latencies, 1e-3, out);
        latencies_finish(&run->latencies);
    }
    return error;
}

static int last_here(double seconds, struct sample *out) {
    return measure_latency(&(struct run){.size = 32, .alone = true}, 1, seconds, out);
}
static int last_across(double seconds, struct sample *out) {
    return measure_latency(&(struct run){.size = 32, .alone = true}, 2, seconds, out);
}
static int small_here(double seconds, struct sample *out) {
    return measure(&(struct run){.size = 32}, 1, seconds, out);
}
static int small_across(double seconds, struct sample *out) {
    return measure(&(struct run){.size = 32}, 2, seconds, out);
}
static int large_here(double seconds, struct sample *out) {
    return measure(&(struct run){.size = 4096}, 1, seconds, out);
}
static int large_across(double seconds, struct sample *out) {
    return measure(&(struct run){.size = 4096}, 2, seconds, out);
}
static int sends_here(double seconds, struct sample *out) {
    return measure(&(struct run){.size = 32, .sends = true}, 1, seconds, out);
}
static int sends_across(double seconds, struct sample *out) {
    return measure(&(struct run){.size = 32, .sends = true}, 2, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("32 bytes, same shard", "ns", false, small_here, "1,000 sends", sends_here),
    FIGURE("32 bytes, across", "ns", false, small_across, "1,000 sends", sends_across),
    FIGURE("4 KiB, same shard", "ns", false, large_here, NULL, NULL),
    FIGURE("4 KiB, across", "ns", false, large_across, NULL, NULL),
    FIGURE("until the last has it, same shard", "us", false, last_here, NULL, NULL),
    FIGURE("until the last has it, across", "us", false, last_across, NULL, NULL),
};

const struct benchmark bench_publish = BENCHMARK("publish", "to 1,000 members: the time for each of them", figures);
