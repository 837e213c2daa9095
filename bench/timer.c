/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "harness.h"
#include "limit.h"
#include "world.h"

enum { MORE = RIM_USER };
enum { BURST = 64, CHECK_EVERY = 1024, IN_FLIGHT = 16384, LONE_NS = 1000000, MILLION = 1000000, CROWD = 100000 };

static uint64_t thread_cpu_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

struct run {
    struct world world;
    struct latencies latencies;
    uint64_t measure_ns;
    uint64_t begin_ns, end_ns, n; /* the actor's */
    bool over;
};

struct state {
    struct run *run;
    uint64_t due_ns;
};

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct run *run = *(struct run *const *)arg;
    (void)size;
    ((struct state *)self)->run = run;
    run->begin_ns = now_ns();
    rim_send(ctx, rim_self(ctx), MORE, NULL, 0);
    return RIM_DONE;
}

static rim_verdict finish(struct run *run, int error) {
    if (!run->over) {
        run->over = true;
        run->end_ns = now_ns();
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static bool is_over(const struct run *run) {
    return run->over || now_ns() - run->begin_ns >= run->measure_ns;
}

/* ---- armed and cancelled, as a deadline that is met ---- */

static rim_verdict on_more_cancel(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    (void)body;
    (void)msg;
    rim_timer timers[BURST];
    for (int i = 0; i < BURST; i++) {
        timers[i] = rim_after(ctx, RIM_MS(100) + (uint64_t)i * RIM_MS(7), 0);
    }
    for (int i = 0; i < BURST; i++) {
        if (!rim_cancel(ctx, timers[i])) {
            return finish(run, -RIM_EBADREF);
        }
    }
    run->n += BURST;
    return is_over(run) ? finish(run, 0) : (rim_send(ctx, rim_self(ctx), MORE, NULL, 0), RIM_DONE);
}

static const rim_handler cancel_on[] = {[MORE] = on_more_cancel};

/* ---- fired: each arms the next; all are due at once, so that nothing is waited for ---- */

static rim_verdict on_fire(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    (void)body;
    (void)msg;
    if (run->over || (++run->n % CHECK_EVERY == 0 && is_over(run))) {
        return finish(run, 0);
    }
    return rim_after(ctx, 1, 0) != RIM_NIL ? RIM_DONE : finish(run, -RIM_ELIMIT);
}

static rim_verdict on_more_fire(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    (void)body;
    (void)msg;
    for (int i = 0; i < IN_FLIGHT; i++) {
        if (rim_after(ctx, 1, 0) == RIM_NIL) {
            return finish(run, -RIM_ELIMIT);
        }
    }
    run->begin_ns = now_ns();
    return RIM_DONE;
}

static const rim_handler fire_on[] = {[MORE] = on_more_fire, [RIM_TIMER] = on_fire};

/* ---- a million at once: armed, all of them there, and cancelled in another order; or left to fire ---- */

static rim_verdict on_more_million(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    rim_timer *timers = calloc(MILLION, sizeof *timers);
    (void)body;
    (void)msg;
    run->begin_ns = now_ns();
    for (uint32_t i = 0; i < MILLION && timers != NULL; i++) {
        timers[i] = rim_after(ctx, RIM_SECONDS(1) + rim_random(ctx) % RIM_SECONDS(100), 0);
    }
    for (uint32_t i = 0; i < MILLION && timers != NULL; i++) {
        run->n += rim_cancel(ctx, timers[(uint64_t)i * 7919 % MILLION]);
    }
    free(timers);
    return finish(run, run->n == MILLION ? 0 : -ENOMEM);
}

static const rim_handler million_on[] = {[MORE] = on_more_million};

/* Due one after the other in a tenth of a second: what counts is the CPU's time. */
static rim_verdict on_more_due(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    (void)body;
    (void)msg;
    run->begin_ns = thread_cpu_ns();
    for (uint32_t i = 0; i < MILLION; i++) {
        if (rim_after(ctx, RIM_MS(200) + rim_random(ctx) % RIM_MS(100), 0) == RIM_NIL) {
            return finish(run, -ENOMEM);
        }
    }
    return RIM_DONE;
}

static rim_verdict on_due(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    (void)ctx;
    (void)body;
    (void)msg;
    if (++run->n == MILLION) {
        finish(run, 0);
        run->end_ns = thread_cpu_ns();
    }
    return RIM_DONE;
}

static const rim_handler due_on[] = {[MORE] = on_more_due, [RIM_TIMER] = on_due};

/* A tenth of a million in a fifth of a second, each with the moment when it is due: how late they come. */
static rim_verdict on_more_crowd(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    uint64_t now = now_ns();
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < CROWD; i++) {
        uint64_t delay = RIM_MS(50) + rim_random(ctx) % RIM_MS(200);
        if (rim_after(ctx, delay, now + delay) == RIM_NIL) {
            return finish(run, -ENOMEM);
        }
    }
    return RIM_DONE;
}

static rim_verdict on_crowd(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct run *run = ((struct state *)self)->run;
    uint64_t due = ((const rim_timer_event *)body)->cookie;
    uint64_t now = now_ns();
    (void)ctx;
    (void)msg;
    latencies_add(&run->latencies, now > due ? (double)(now - due) : 0);
    return ++run->n == CROWD ? finish(run, 0) : RIM_DONE;
}

static const rim_handler crowd_on[] = {[MORE] = on_more_crowd, [RIM_TIMER] = on_crowd};

/* ---- a lone timer on a shard that sleeps ---- */

static rim_verdict arm_lone(rim_ctx *ctx, struct state *state) {
    state->due_ns = now_ns() + LONE_NS;
    return rim_after(ctx, LONE_NS, 0) != RIM_NIL ? RIM_DONE : finish(state->run, -RIM_ELIMIT);
}

static rim_verdict on_more_lone(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    return arm_lone(ctx, self);
}

static rim_verdict on_lone(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct state *state = self;
    struct run *run = state->run;
    uint64_t now = now_ns();
    uint64_t late = now > state->due_ns ? now - state->due_ns : 0;
    (void)body;
    (void)msg;
    latencies_add(&run->latencies, (double)late);
    run->n++;
    return is_over(run) ? finish(run, 0) : arm_lone(ctx, state);
}

static const rim_handler lone_on[] = {[MORE] = on_more_lone, [RIM_TIMER] = on_lone};

/* ---- the figures ---- */

static int play(struct run *run, const rim_handler *on, uint32_t on_count, int32_t spin_us) {
    rim_behaviour behaviour = {
        .name = "clock", .state_size = sizeof(struct state), .on = on, .on_count = on_count, .init = init};
    rim_spawn_options options = {.mailbox_count = 2 * IN_FLIGHT};
    rim_ref ref;
    int error = world_open(&run->world, 1, spin_us);
    error = error != 0 ? error : world_spawn(&run->world, &behaviour, &options, run, &ref);
    error = error != 0 ? error : world_run(&run->world, (double)run->measure_ns / 1e9);
    return world_close(&run->world, error);
}

static int measure_cost(const rim_handler *on, uint32_t on_count, double seconds, struct sample *out) {
    struct run run = {.measure_ns = (uint64_t)(seconds * 1e9)};
    int error = play(&run, on, on_count, 0);
    out->n = run.n;
    out->value = (double)(run.end_ns - run.begin_ns) / (double)run.n;
    return error;
}

static int cancelled(double seconds, struct sample *out) {
    return measure_cost(cancel_on, RIM_COUNT(cancel_on), seconds, out);
}

static int fired(double seconds, struct sample *out) {
    return measure_cost(fire_on, RIM_COUNT(fire_on), seconds, out);
}

static int million(double seconds, struct sample *out) {
    (void)seconds;
    return measure_cost(million_on, RIM_COUNT(million_on), 0, out);
}

static int due(double seconds, struct sample *out) {
    (void)seconds;
    return measure_cost(due_on, RIM_COUNT(due_on), 0, out);
}

static int measure_lateness(const rim_handler *on, uint32_t on_count, double seconds, struct sample *out) {
    struct run run = {.measure_ns = (uint64_t)(seconds * 1e9)};
    int error = latencies_init(&run.latencies);
    if (error != 0) {
        return error;
    }
    error = play(&run, on, on_count, SPIN_NEVER);
    out->n = run.n;
    latencies_read(&run.latencies, 1e-3, out);
    latencies_finish(&run.latencies);
    return error;
}

static int lone(double seconds, struct sample *out) {
    return measure_lateness(lone_on, RIM_COUNT(lone_on), seconds, out);
}

static int crowd(double seconds, struct sample *out) {
    (void)seconds;
    return measure_lateness(crowd_on, RIM_COUNT(crowd_on), 0, out);
}

static const struct figure figures[] = {
    FIGURE("armed and cancelled", "ns", false, cancelled, NULL, NULL),
    FIGURE("armed and fired", "ns", false, fired, NULL, NULL),
    FIGURE("1,000,000 armed, then cancelled", "ns", false, million, NULL, NULL),
    FIGURE("1,000,000 armed, and fired (CPU)", "ns", false, due, NULL, NULL),
    FIGURE("1 ms while asleep, too late by", "us", false, lone, "clock_nanosleep", limit_sleep),
    FIGURE("100,000 due in 0.2 s, too late by", "us", false, crowd, NULL, NULL),
};

const struct benchmark bench_timer = BENCHMARK("timer", "timers armed, cancelled and fired", figures);
