/* SPDX-License-Identifier: MIT */
#include "closing.h"

#include <stdio.h>
#include <stdlib.h>

#define STEPS_MAX 200000u
#define REST_NS   RIM_SECONDS(120)

struct closing_run closing;

void closing_check(bool ok, const char *what) {
    if (!ok && closing.wrong == NULL) {
        closing.wrong = what;
    }
}

/* ---- the ledger ---- */

static struct closing_object *find(rim_ref ref) {
    for (uint32_t i = 0; i < closing.count; i++) {
        if (closing.objects[i].ref == ref) {
            return &closing.objects[i];
        }
    }
    return NULL;
}

void closing_made(rim_ctx *ctx, uint32_t actor, rim_ref ref, int (*close)(rim_ctx *ctx, rim_ref ref)) {
    (void)ctx;
    CLOSING_CHECK(closing.count < CLOSING_OBJECTS);
    if (closing.count < CLOSING_OBJECTS) {
        closing.objects[closing.count++] = (struct closing_object){.ref = ref, .owner = actor, .close = close};
    }
}

void closing_from(rim_ref ref) {
    const struct closing_object *object = find(ref);
    closing.sum++;
    CLOSING_CHECK(object == NULL || object->last == 0); /* nothing after the last event */
}

void closing_last(rim_ref ref) {
    struct closing_object *object = find(ref);
    closing_from(ref);
    closing.lasts++;
    if (object != NULL) {
        object->last++;
    }
}

bool closing_asked(uint32_t actor, int error) {
    closing.asked[actor] += error == 0;
    return error == 0;
}

void closing_answered(uint32_t actor) {
    CLOSING_CHECK(!closing.has_ended[actor]);
    closing.outcomes[actor]++;
    CLOSING_CHECK(closing.outcomes[actor] <= closing.asked[actor]);
}

void closing_tell(rim_ctx *ctx, uint32_t number, uint64_t what) {
    int error = rim_send(ctx, closing.actors[number], CLOSING_TALK, &what, sizeof what);
    CLOSING_CHECK(error == 0 || error == -RIM_EDOWN || error == -RIM_EFULL || error == -ENOMEM);
}

uint32_t closing_me(rim_ctx *ctx) {
    for (uint32_t i = 0; i < CLOSING_ACTORS; i++) {
        if (closing.actors[i] == rim_self(ctx)) {
            return i;
        }
    }
    return 0;
}

/* ---- the actors ---- */

static rim_verdict init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)ctx;
    (void)size;
    memcpy(state, arg, sizeof(uint32_t));
    return RIM_DONE;
}

static void has_ended(rim_ctx *ctx, void *state, rim_exit why) {
    (void)ctx;
    (void)why;
    closing.has_ended[*(const uint32_t *)state] = true;
}

/* The end that this run is about, in the owner's own turn. */
static rim_verdict come_to_an_end(rim_ctx *ctx) {
    const struct closing_object *subject = &closing.objects[closing.of->subject];
    switch (closing.way) {
    case CLOSING_close:
        (void)(subject->close != NULL ? subject->close : rim_stop)(ctx, subject->ref);
        return RIM_DONE;
    case CLOSING_stop:
        (void)rim_stop(ctx, subject->ref);
        return RIM_DONE;
    case CLOSING_kill:
        (void)rim_kill(ctx, subject->ref);
        return RIM_DONE;
    case CLOSING_leave:
        return RIM_STOP;
    case CLOSING_crash:
        return RIM_FAIL;
    default:
        return RIM_DONE;
    }
}

static rim_verdict on_any(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    uint32_t actor = *(const uint32_t *)state;
    if (rim_tag(msg) == CLOSING_GO) {
        closing.of->begin(ctx, actor);
        return RIM_DONE;
    }
    if (rim_tag(msg) == CLOSING_END) {
        return come_to_an_end(ctx);
    }
    closing.of->event(ctx, actor, body, msg);
    return RIM_DONE;
}

static const rim_behaviour behaviour = {
    .name = "closer", .state_size = sizeof(uint32_t), .init = init, .exit = has_ended, .other = on_any};

static rim_verdict accepted_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    (void)size;
    *(uint32_t *)state = 2;
    closing.actors[2] = rim_self(ctx);
    closing_made(ctx, 2, connection->socket,
                 closing.of->variant & CLOSING_ABORTS ? rim_socket_abort : rim_socket_close);
    return RIM_DONE;
}

const rim_behaviour closing_accepted = {
    .name = "accepted", .state_size = sizeof(uint32_t), .init = accepted_init, .exit = has_ended, .other = on_any};

/* ---- the world ---- */

static void tell_log(void *arg, int level, const char *text) {
    (void)arg;
    (void)level;
    if (getenv("SIM_LOG") != NULL) {
        fprintf(stderr, "    %s\n", text);
    }
}

/* Odd seeds have a calm world. */
static rim_sim_options accidents(uint64_t seed) {
    if (seed % 2 != 0) {
        return (rim_sim_options){0};
    }
    return (rim_sim_options){
        .no_memory = seed % 4 == 0 ? 10 : 0, /* an allocation of a hundred */
        .skip_turn = 50,
        .late_wake = 50,
        .false_wake = 50,
        .late_completion = 150,
        .short_read = 100,
        .short_write = 100,
        .drop_more = 100,
        .no_buffers = 50,
        .file_short = 150,
        .latency_ns = 200000,
    };
}

static rim_system *make(void) {
    rim_sim_options faults = accidents(closing.seed);
    rim_config config = {.shards = 2,
                         .driver = RIM_DRIVER_SIM,
                         .seed = closing.seed,
                         .sim = &faults,
                         .buffers = 16,
                         .buffer_bytes = 2048,
                         .log = tell_log,
                         .log_level = RIM_LOG_DEBUG};
    rim_system *system = NULL;
    CLOSING_CHECK(rim_system_create(&config, &system) == 0);
    if (system != NULL && closing.of->prepare != NULL) {
        closing.of->prepare(system);
    }
    for (uint32_t i = 0; system != NULL && i < closing.of->actors; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = closing.of->apart ? i % 2 : 0};
        CLOSING_CHECK(rim_system_spawn(system, &behaviour, &options, &i, sizeof i, &closing.actors[i]) == 0);
    }
    return system;
}

static uint64_t step(rim_system *system, uint64_t steps) {
    uint64_t taken = 0;
    while (taken < steps && rim_sim_step(system)) {
        taken++;
    }
    return taken;
}

static void end_subject(rim_system *system) {
    closing.has_subject = closing.count > closing.of->subject;
    if (!closing.has_subject || closing.way == CLOSING_nothing || closing.way >= CLOSING_stop_system) {
        return;
    }
    rim_ref owner = closing.actors[closing.objects[closing.of->subject].owner];
    CLOSING_CHECK(rim_system_send(system, owner, CLOSING_END, NULL, 0) == 0);
}

/* ---- the checks ---- */

/* At rest: whoever lives has heard of everything. */
static void check_rest(rim_system *system) {
    rim_stats stats;
    CLOSING_CHECK(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    CLOSING_CHECK(rim_stats_add_up(&stats));
    CLOSING_CHECK(stats.queued == 0);
    CLOSING_CHECK(stats.requests_open == 0);
    for (uint32_t i = 0; i < closing.of->actors; i++) {
        CLOSING_CHECK(closing.has_ended[i] || closing.asked[i] == closing.outcomes[i]);
    }
    const struct closing_object *subject = &closing.objects[closing.of->subject];
    if (closing.has_subject && subject->close != NULL && !closing.of->no_last && !closing.has_ended[subject->owner] &&
        closing.way != CLOSING_nothing) {
        CLOSING_CHECK(subject->last == 1);
    }
}

static void stop(rim_system *system) {
    rim_stop_report report;
    bool is_cut = closing.way == CLOSING_cut_system;
    uint64_t patience_ns = closing.of->may_be_late ? RIM_MS(200) : RIM_SECONDS(60);
    int result = rim_system_stop(system, is_cut ? 1 : patience_ns, &report);
    is_cut = is_cut || closing.of->may_be_late;
    CLOSING_CHECK(result == 0 || (result == -ETIMEDOUT && is_cut));
    CLOSING_CHECK(report.adds_up);
    CLOSING_CHECK(!report.leaks);
    CLOSING_CHECK(report.held_up_by[0] == '\0' || is_cut);
    rim_stats stats;
    CLOSING_CHECK(rim_system_stats(system, RIM_ALL_SHARDS, &stats) == 0);
    CLOSING_CHECK(stats.actors == 0);
    CLOSING_CHECK(stats.rescued_wakeups == 0);
    for (uint32_t i = 0; i < closing.count; i++) {
        CLOSING_CHECK(closing.objects[i].last <= 1);
    }
}

void closing_play(void) {
    closing = (struct closing_run){.of = closing.of, .way = closing.way, .seed = closing.seed, .step = closing.step};
    rim_system *system = make();
    if (system == NULL) {
        return;
    }
    CLOSING_CHECK(rim_system_start(system) == 0);
    for (uint32_t i = 0; i < closing.of->actors; i++) {
        CLOSING_CHECK(rim_system_send(system, closing.actors[i], CLOSING_GO, NULL, 0) == 0);
    }
    closing.steps = step(system, closing.step);
    end_subject(system);
    if (closing.way < CLOSING_stop_system) {
        uint64_t rest = step(system, STEPS_MAX);
        closing.steps += rest;
        CLOSING_CHECK(rest < STEPS_MAX);
        check_rest(system);
    }
    stop(system);
    rim_system_destroy(system);
}
