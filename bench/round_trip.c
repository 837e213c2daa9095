/* SPDX-License-Identifier: MIT */
#include "round_trip.h"

#include "world.h"

enum { PING = RIM_USER, PONG };

struct body {
    uint64_t number[4];
};

struct run {
    struct world world;
    const struct round_trip_plan *plan;
    struct latencies latencies;
    rim_ref partner;
    uint64_t measure_ns, warm_ns;
    uint64_t start_ns, begin_ns, last_ns, n; /* the first player's */
    uint32_t group;
};

struct player {
    struct run *run;
    uint64_t number;
};

static rim_verdict player_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    ((struct player *)self)->run = *(struct run *const *)arg;
    return RIM_DONE;
}

/* Counts a round trip. False when the time is over. */
static bool lap(struct run *run) {
    if (++run->group < run->plan->group) {
        return true;
    }
    uint64_t now = now_ns();
    if (run->begin_ns != 0) {
        latencies_add(&run->latencies, (double)(now - run->last_ns) / run->group);
        run->n += run->group;
    } else if (now - run->start_ns >= run->warm_ns) {
        run->begin_ns = now;
    }
    run->group = 0;
    run->last_ns = now;
    return run->begin_ns == 0 || now - run->begin_ns < run->measure_ns;
}

/* ---- by telling ---- */

static rim_verdict on_pong(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct player *player = self;
    struct run *run = player->run;
    const struct body *in = body;
    (void)msg;
    if (!lap(run)) {
        world_done(&run->world, 0);
        return RIM_DONE;
    }
    int error = rim_send(ctx, run->partner, PING, &(struct body){{in->number[0] + 1}}, sizeof(struct body));
    if (error != 0) {
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict on_ping(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct player *player = self;
    const struct body *in = body;
    (void)msg;
    int error = rim_send(ctx, rim_sender(ctx), PONG, &(struct body){{in->number[0] + 1}}, sizeof(struct body));
    if (error != 0) {
        world_done(&player->run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict teller_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    player_init(ctx, self, arg, size);
    struct run *run = ((struct player *)self)->run;
    run->start_ns = now_ns();
    return rim_send(ctx, run->partner, PING, &(struct body){{0}}, sizeof(struct body)) == 0 ? RIM_DONE : RIM_FAIL;
}

/* ---- by asking ---- */

static rim_verdict ask(rim_ctx *ctx, struct player *player);

static rim_verdict on_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct player *player = self;
    (void)cookie;
    (void)body;
    (void)msg;
    if (error != 0 || !lap(player->run)) {
        world_done(&player->run->world, error);
        return RIM_DONE;
    }
    return ask(ctx, player);
}

static rim_verdict ask(rim_ctx *ctx, struct player *player) {
    struct body body = {{++player->number}};
    int error = rim_request(ctx,
                            &(rim_ask){.to = player->run->partner,
                                       .tag = PING,
                                       .body = &body,
                                       .size = sizeof body,
                                       .timeout_ns = RIM_SECONDS(10),
                                       .on_outcome = on_outcome},
                            NULL);
    if (error != 0) {
        world_done(&player->run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict on_request(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct player *player = self;
    const struct body *in = body;
    (void)msg;
    int error = rim_reply(ctx, RIM_NIL, PONG, &(struct body){{in->number[0] + 1}}, sizeof(struct body));
    if (error != 0) {
        world_done(&player->run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict asker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    player_init(ctx, self, arg, size);
    struct player *player = self;
    player->run->start_ns = now_ns();
    return ask(ctx, player);
}

/* ---- the tables ---- */

static const rim_handler teller_on[] = {[PONG] = on_pong};
static const rim_behaviour teller = {
    .name = "teller",
    .state_size = sizeof(struct player),
    .on = teller_on,
    .on_count = RIM_COUNT(teller_on),
    .init = teller_init,
};

static const rim_handler echo_on[] = {[PING] = on_ping};
static const rim_behaviour echo = {
    .name = "echo",
    .state_size = sizeof(struct player),
    .on = echo_on,
    .on_count = RIM_COUNT(echo_on),
    .init = player_init,
};

static const rim_behaviour asker = {.name = "asker", .state_size = sizeof(struct player), .init = asker_init};

static const rim_handler answerer_on[] = {[PING] = on_request};
static const rim_behaviour answerer = {
    .name = "answerer",
    .state_size = sizeof(struct player),
    .on = answerer_on,
    .on_count = RIM_COUNT(answerer_on),
    .init = player_init,
};

static int play(struct run *run, double seconds) {
    const struct round_trip_plan *plan = run->plan;
    rim_spawn_options there = {.place = RIM_ON_SHARD, .shard = plan->shards - 1};
    rim_ref first;
    int error = world_open(&run->world, plan->shards, plan->spin_us);
    error = error != 0 ? error : world_spawn(&run->world, plan->asks ? &answerer : &echo, &there, run, &run->partner);
    error = error != 0 ? error : world_spawn(&run->world, plan->asks ? &asker : &teller, NULL, run, &first);
    error = error != 0 ? error : world_run(&run->world, seconds);
    return world_close(&run->world, error);
}

static int measure(const struct round_trip_plan *plan, double seconds, double scale, struct sample *out) {
    struct run run = {.plan = plan, .warm_ns = (uint64_t)(seconds * 1e8), .measure_ns = (uint64_t)(seconds * 1e9)};
    int error = latencies_init(&run.latencies);
    if (error != 0) {
        return error;
    }
    error = play(&run, seconds);
    if (error == 0) {
        out->n = run.n;
        latencies_read(&run.latencies, scale, out);
    }
    latencies_finish(&run.latencies);
    return error;
}

int round_trip_measure(const struct round_trip_plan *plan, double seconds, struct sample *out) {
    return measure(plan, seconds, 1, out);
}

int round_trip_measure_us(const struct round_trip_plan *plan, double seconds, struct sample *out) {
    return measure(plan, seconds, 1e-3, out);
}
