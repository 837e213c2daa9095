/* SPDX-License-Identifier: MIT */
/*
 * A whole system, through the public functions alone: workers on every shard tell, forward, ask, answer late, set
 * timers, hand over memory, and spawn children that ask and end, all at random, while a foreign thread sends as well.
 * Checked: what one worker tells another arrives in order; every message ends once (handled, or refused to its sender);
 * every request has one outcome; every wrapped body is released once; after the stop the counters add up, nothing has
 * leaked, and no wake-up was lost.
 */
#include <errno.h>
#include <ringmail.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "stress.h"

#define WORKERS_MAX  64u
#define WAIT_SECONDS 120
#define STOP_NS      RIM_SECONDS(60)

enum { STEP = RIM_USER, NUMBERED, FORWARDED, WRAPPED, QUESTION, FOREIGN };

/* Totals of all workers, at their ends. */
static _Atomic uint64_t told, handled, refused, asked, answered, wrapped, released, children, children_ended, foreign;
static rim_ref workers[WORKERS_MAX];
static uint32_t worker_count;
static sem_t done;

struct numbered {
    uint32_t from, number;
};

struct worker {
    uint32_t index, steps;
    bool is_waiting; /* for room; else its next step is under way */
    rim_token deferred;
    uint64_t told, handled, refused, asked, answered, released_late;
    uint32_t sent[WORKERS_MAX], got[WORKERS_MAX]; /* numbers, by the other worker */
};

static uint64_t below(rim_ctx *ctx, uint64_t limit) {
    return rim_random(ctx) % limit;
}

/* ---- children: ask somebody once, and end ---- */

static rim_verdict child_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body,
                                 rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    stress_check(cookie == 5);
    stress_check(error == 0 || error == -ETIMEDOUT || error == -RIM_EFULL || error == -RIM_EREFUSED);
    return RIM_STOP;
}

static rim_verdict child_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state;
    uint32_t whom;
    stress_check(size == sizeof whom);
    memcpy(&whom, arg, sizeof whom);
    rim_ask ask = {.to = workers[whom],
                   .tag = QUESTION,
                   .body = &whom,
                   .size = sizeof whom,
                   .timeout_ns = RIM_SECONDS(10),
                   .on_outcome = child_outcome,
                   .cookie = 5};
    if (rim_request(ctx, &ask, NULL) != 0) {
        stress_check(rim_stop(ctx, rim_self(ctx)) == 0);
    }
    children++; /* one that is stopped before its init has no exit either */
    return RIM_DONE;
}

static void child_exit(rim_ctx *ctx, void *state, rim_exit why) {
    (void)ctx, (void)state;
    stress_check(why.code == RIM_EXIT_NORMAL || why.code == RIM_EXIT_SHUTDOWN);
    children_ended++;
}

static const rim_behaviour child = {.name = "child", .init = child_init, .exit = child_exit};

static void spawn_child(rim_ctx *ctx) {
    uint32_t whom = (uint32_t)below(ctx, worker_count);
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = (uint32_t)below(ctx, rim_shard_count(ctx))};
    rim_ref ref;
    int error = rim_spawn(ctx, &child, &options, &whom, sizeof whom, &ref);
    stress_check(error == 0 || error == -RIM_EFULL);
    if (error == 0 && below(ctx, 4) == 0) {
        (void)rim_stop(ctx, ref); /* before it is born, while it waits, or too late */
    }
}

/* ---- what a worker does in a step ---- */

static void wait_for_room(rim_ctx *ctx, struct worker *self, rim_ref whom) {
    if (!self->is_waiting && rim_want_room(ctx, whom) == 0) {
        self->is_waiting = true;
    }
}

static void tell(rim_ctx *ctx, struct worker *self, uint32_t to) {
    char body[4096];
    size_t size = sizeof(struct numbered) + below(ctx, below(ctx, 16) == 0 ? 4000 : 64);
    *(struct numbered *)(void *)body = (struct numbered){.from = self->index, .number = self->sent[to] + 1};
    memset(body + sizeof(struct numbered), 0x42, size - sizeof(struct numbered));
    int error = rim_send(ctx, workers[to], NUMBERED, body, size);
    stress_check(error == 0 || error == -RIM_EFULL);
    if (error == 0) {
        self->sent[to]++;
        self->told++;
    } else {
        wait_for_room(ctx, self, workers[to]);
    }
}

static void release_bytes(void *bytes, void *arg) {
    stress_check(arg == &released);
    free(bytes);
    released++;
}

static void hand_over(rim_ctx *ctx, struct worker *self, uint32_t to) {
    size_t size = 1 + below(ctx, 20000);
    void *bytes = calloc(1, size);
    rim_msg *msg = rim_msg_wrap(ctx, WRAPPED, bytes, size, release_bytes, &released);
    stress_check(msg != NULL);
    wrapped++;
    int error = rim_send_msg(ctx, workers[to], msg); /* consumes it, and releases it, if it fails */
    stress_check(error == 0 || error == -RIM_EFULL);
    self->told += error == 0;
}

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)ctx;
    stress_check(cookie < worker_count);
    stress_check(error == 0 || error == -ETIMEDOUT || error == -RIM_EFULL || error == -RIM_EREFUSED);
    stress_check(error != 0 || (rim_size(msg) == 4 && memcmp(body, &(uint32_t){(uint32_t)cookie}, 4) == 0));
    self->answered++;
    return RIM_DONE;
}

static void ask(rim_ctx *ctx, struct worker *self, uint32_t to) {
    uint64_t timeout_ns = below(ctx, 16) == 0 ? RIM_US(50) : RIM_SECONDS(10);
    rim_ask question = {.to = workers[to],
                        .tag = QUESTION,
                        .body = &to,
                        .size = sizeof to,
                        .timeout_ns = timeout_ns,
                        .on_outcome = on_outcome,
                        .cookie = to};
    int error = rim_request(ctx, &question, NULL);
    stress_check(error == 0 || error == -RIM_EFULL);
    self->asked += error == 0;
    if (error != 0) {
        wait_for_room(ctx, self, workers[to]);
    }
}

static void answer_deferred(rim_ctx *ctx, struct worker *self) {
    if (self->deferred != RIM_NIL) {
        stress_check(rim_reply(ctx, self->deferred, QUESTION, &self->index, sizeof self->index) == 0);
        self->deferred = RIM_NIL;
    }
}

static void act(rim_ctx *ctx, struct worker *self) {
    uint32_t to = (uint32_t)below(ctx, worker_count);
    uint64_t choice = below(ctx, 100);
    if (choice < 60) {
        for (uint64_t burst = below(ctx, 20); burst > 0 && !self->is_waiting; burst--) {
            tell(ctx, self, to);
        }
    } else if (choice < 85) {
        ask(ctx, self, to);
    } else if (choice < 95) {
        hand_over(ctx, self, to);
    } else {
        spawn_child(ctx);
    }
}

/* The next step comes by a message, by a timer, or by the event that there is room. */
static void go_on(rim_ctx *ctx, struct worker *self) {
    if (self->is_waiting) {
        return;
    }
    if (below(ctx, 16) != 0 && rim_send(ctx, rim_self(ctx), STEP, NULL, 0) == 0) {
        return;
    }
    stress_check(rim_after(ctx, below(ctx, RIM_US(200)), 0) != RIM_NIL);
}

static void step(rim_ctx *ctx, struct worker *self) {
    answer_deferred(ctx, self);
    if (self->steps == 0) {
        sem_post(&done);
        return;
    }
    self->steps--;
    act(ctx, self);
    go_on(ctx, self);
}

/* ---- what reaches a worker ---- */

static rim_verdict on_step(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    step(ctx, state);
    return RIM_DONE;
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)body, (void)msg;
    if (self->is_waiting) {
        self->is_waiting = false;
        step(ctx, self);
    }
    return RIM_DONE;
}

static rim_verdict on_refused(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_refused_event *event = body;
    struct worker *self = state;
    (void)ctx, (void)msg;
    stress_check(event->error == -RIM_EFULL && event->count > 0);
    self->refused += event->count;
    return RIM_DONE;
}

static rim_verdict on_numbered(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    struct numbered numbered;
    memcpy(&numbered, body, sizeof numbered);
    stress_check(rim_from(msg) == workers[numbered.from]);
    stress_check(numbered.number > self->got[numbered.from]); /* a gap is what was refused */
    stress_check(rim_size(msg) == sizeof numbered || ((const char *)body)[rim_size(msg) - 1] == 0x42);
    self->got[numbered.from] = numbered.number;
    self->handled++;
    if (below(ctx, 8) == 0) {
        rim_msg *mine = rim_take(ctx, msg);
        stress_check(mine != NULL);
        rim_msg_retag(mine, FORWARDED);
        self->told += rim_send_msg(ctx, workers[below(ctx, worker_count)], mine) == 0;
    }
    return RIM_DONE;
}

static rim_verdict on_counted(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)ctx, (void)body, (void)msg;
    self->handled++;
    return RIM_DONE;
}

static rim_verdict on_foreign(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    stress_check(rim_sender(ctx) == RIM_NIL);
    foreign++;
    return RIM_DONE;
}

static rim_verdict on_question(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    stress_check(rim_size(msg) == sizeof self->index && memcmp(body, &self->index, sizeof self->index) == 0);
    if (below(ctx, 8) == 0) {
        stress_check(rim_refuse(ctx, RIM_NIL, -RIM_EREFUSED) == 0 || !rim_is_request(ctx));
    } else if (below(ctx, 4) == 0 && self->deferred == RIM_NIL && self->steps > 0) {
        self->deferred = rim_defer(ctx);
        stress_check(self->deferred != RIM_NIL);
    } else {
        stress_check(rim_reply(ctx, RIM_NIL, QUESTION, &self->index, sizeof self->index) == 0);
    }
    return RIM_DONE;
}

static rim_verdict worker_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct worker *self = state;
    uint32_t given[2];
    stress_check(size == sizeof given);
    memcpy(given, arg, sizeof given);
    self->index = given[0];
    self->steps = given[1];
    go_on(ctx, self);
    return RIM_DONE;
}

static void worker_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct worker *self = state;
    (void)ctx;
    stress_check(why.code == RIM_EXIT_SHUTDOWN);
    stress_check(self->deferred == RIM_NIL);
    told += self->told;
    handled += self->handled;
    refused += self->refused;
    asked += self->asked;
    answered += self->answered;
}

static const rim_handler worker_on[] = {
    [STEP] = on_step,           [RIM_TIMER] = on_step,    [RIM_ROOM] = on_room,
    [RIM_REFUSED] = on_refused, [NUMBERED] = on_numbered, [FORWARDED] = on_counted,
    [WRAPPED] = on_counted,     [QUESTION] = on_question, [FOREIGN] = on_foreign,
};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on),
                                     .init = worker_init,
                                     .exit = worker_exit};

/* ---- the whole ---- */

struct setup {
    uint32_t shards, steps, mailbox, parcels;
    enum rim_wake_kind wake;
};

static void reset(void) {
    told = handled = refused = asked = answered = wrapped = released = children = children_ended = foreign = 0;
    sem_init(&done, 0, 0);
}

static void spawn_workers(rim_system *system, const struct setup *setup) {
    worker_count = setup->shards * 6 < WORKERS_MAX ? setup->shards * 6 : WORKERS_MAX;
    for (uint32_t i = 0; i < worker_count; i++) {
        uint32_t given[2] = {i, setup->steps};
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % setup->shards};
        stress_check(rim_system_spawn(system, &worker, &options, given, sizeof given, &workers[i]) == 0);
    }
}

/* Sends from this thread as well, until all workers have made their steps. Returns how many. */
static uint64_t wait_for_workers(rim_system *system) {
    uint64_t sent = 0;
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_SECONDS;
    for (uint32_t i = 0; i < worker_count; i++) {
        for (uint32_t k = 0; k < 20; k++) {
            sent += rim_system_send(system, workers[(i + k) % worker_count], FOREIGN, &k, sizeof k) == 0;
        }
        bool in_time = sem_timedwait(&done, &until) == 0;
        stress_check(in_time);
    }
    return sent;
}

static void check_totals(rim_system *system, const rim_stop_report *report, uint64_t sent) {
    rim_stats stats;
    stress_check(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    stress_check(report->lost == 0 && report->killed == 0);
    stress_check(report->adds_up && rim_stats_add_up(&stats) && stats.queued == 0);
    stress_check(!report->leaks);
    stress_check(stats.rescued_wakeups == 0);
    stress_check(stats.sent_across == stats.arrived_across);
    stress_check(stats.spawned == stats.exited && stats.actors == 0);
    stress_check(told == handled + refused);
    stress_check(asked == answered);
    stress_check(wrapped == released);
    stress_check(children == children_ended && children > 0);
    stress_check(foreign <= sent && foreign > 0); /* foreign threads are not told what was refused later */
}

static void run(void *arg) {
    const struct setup *setup = arg;
    rim_config config = {.shards = setup->shards,
                         .mailbox_count = setup->mailbox,
                         .parcels = setup->parcels,
                         .wake = setup->wake,
                         .seed = stress_seed(),
                         .buffers = 16,
                         .buffer_bytes = 1024};
    rim_system *system;
    rim_stop_report report;
    reset();
    int error = rim_system_create(&config, &system);
    stress_check(error == 0);
    if (error != 0) {
        return;
    }
    spawn_workers(system, setup);
    stress_check(rim_system_start(system) == 0);
    uint64_t sent = wait_for_workers(system);
    stress_check(rim_system_stop(system, STOP_NS, &report) == 0);
    check_totals(system, &report, sent);
    rim_system_destroy(system);
    sem_destroy(&done);
}

int main(int argc, char **argv) {
    static struct setup setups[] = {
        {2, 4000, 0, 0, RIM_WAKE_AUTO},    {2, 4000, 32, 2, RIM_WAKE_AUTO}, {4, 2000, 64, 2, RIM_WAKE_AUTO},
        {4, 2000, 0, 0, RIM_WAKE_EVENTFD}, {8, 1000, 0, 0, RIM_WAKE_AUTO},  {8, 1000, 32, 2, RIM_WAKE_EVENTFD},
    };
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        const char *name = setups[i].mailbox != 0 ? "tight_system_of_shards" : "system_of_shards";
        stress_case(stress_name(name, setups[i].shards), run, &setups[i]);
    }
    return stress_end();
}
