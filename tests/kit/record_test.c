/* SPDX-License-Identifier: MIT */
/*
 * A live actor's inbox is written down, on shards with threads of their own, and played back in simulation.
 */
#include "ringmail/record.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ringmail.h"
#include "unit.h"

#define UNUSED __attribute__((unused))

enum { ADD = RIM_USER, ASK, PRICE, SUM, GET, CHANGE, END };

struct tape {
    char *bytes;
    size_t size;
};

static void write_tape(void *arg, const void *bytes, size_t size) {
    struct tape *tape = arg;
    tape->bytes = realloc(tape->bytes, tape->size + size);
    memcpy(tape->bytes + tape->size, bytes, size);
    tape->size += size;
}

/* ---- what is recorded: it adds, asks for prices, ticks, and tells its sum ---- */

struct clerk_arg {
    rim_ref oracle;
    struct tape *tape;
};

struct clerk {
    struct clerk_arg arg;
    int64_t sum;
};

static rim_verdict clerk_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct clerk *self = state;
    memcpy(&self->arg, arg, size);
    if (self->arg.tape != NULL && rim_record_self(ctx, write_tape, self->arg.tape) != 0) {
        return RIM_FAIL;
    }
    return rim_every(ctx, RIM_MS(2), RIM_MS(2), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_add(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg) {
    struct clerk *self = state;
    self->sum = self->sum * 3 + ((const unsigned char *)body)[rim_size(msg) - 1];
    return RIM_DONE;
}

static rim_verdict on_price(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body,
                            rim_msg *msg UNUSED) {
    struct clerk *self = state;
    self->sum = self->sum * 5 + (int64_t)cookie + (error == 0 ? *(const int64_t *)body : error);
    rim_send(ctx, self->arg.oracle, SUM, &self->sum, sizeof self->sum);
    return RIM_DONE;
}

static rim_verdict on_ask(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct clerk *self = state;
    for (uint64_t i = 1; i <= 3; i++) {
        rim_ask ask = {.to = self->arg.oracle,
                       .tag = PRICE,
                       .body = &i,
                       .size = sizeof i,
                       .timeout_ns = RIM_SECONDS(60),
                       .on_outcome = on_price,
                       .cookie = i};
        if (rim_request(ctx, &ask, NULL) != 0) {
            return RIM_FAIL;
        }
    }
    return RIM_DONE;
}

static rim_verdict on_get(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct clerk *self = state;
    rim_reply(ctx, RIM_NIL, SUM, &self->sum, sizeof self->sum);
    return RIM_DONE;
}

static rim_verdict on_add_twice(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    on_add(ctx, state, body, msg);
    return on_add(ctx, state, body, msg);
}

static const rim_handler changed_on[] = {[ADD] = on_add_twice, [ASK] = on_ask, [GET] = on_get};
static const rim_behaviour changed = {.name = "changed clerk",
                                      .state_size = sizeof(struct clerk),
                                      .on = changed_on,
                                      .on_count = RIM_COUNT(changed_on)};

static rim_verdict on_change(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return rim_become(ctx, &changed) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler clerk_on[] = {[ADD] = on_add, [ASK] = on_ask, [GET] = on_get, [CHANGE] = on_change};
static const rim_behaviour clerk = {.name = "clerk",
                                    .state_size = sizeof(struct clerk),
                                    .on = clerk_on,
                                    .on_count = RIM_COUNT(clerk_on),
                                    .init = clerk_init};

/* ---- whom it asks: its answers come out of order, and one never comes ---- */

struct oracle {
    struct truth *truth;
    rim_token kept;
};

struct truth {
    int64_t sums[16];
    atomic_uint count;
};

static rim_verdict oracle_init(rim_ctx *ctx UNUSED, void *state, const void *arg, size_t size) {
    struct oracle *self = state;
    memcpy(&self->truth, arg, size);
    return RIM_DONE;
}

static rim_verdict on_price_asked(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct oracle *self = state;
    uint64_t number = *(const uint64_t *)body;
    int64_t price = (int64_t)number * 100;
    if (number == 1) {
        self->kept = rim_defer(ctx);
    } else if (number == 2) {
        rim_refuse(ctx, RIM_NIL, -ENOENT);
    } else {
        rim_reply(ctx, RIM_NIL, PRICE, &price, sizeof price);
        rim_reply(ctx, self->kept, PRICE, &price, sizeof price);
    }
    return RIM_DONE;
}

static rim_verdict on_sum(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct truth *truth = ((struct oracle *)state)->truth;
    unsigned at = atomic_load(&truth->count);
    truth->sums[at % 16] = *(const int64_t *)body;
    atomic_store(&truth->count, at + 1);
    return RIM_DONE;
}

static const rim_handler oracle_on[] = {[PRICE] = on_price_asked, [SUM] = on_sum};
static const rim_behaviour oracle = {.name = "oracle",
                                     .state_size = sizeof(struct oracle),
                                     .on = oracle_on,
                                     .on_count = RIM_COUNT(oracle_on),
                                     .init = oracle_init};

static bool has_come(const struct truth *truth, unsigned count) {
    for (int i = 0; i < 20000 && atomic_load(&truth->count) < count; i++) {
        nanosleep(&(struct timespec){.tv_nsec = 500000}, NULL);
    }
    return atomic_load(&truth->count) == count;
}

/* Two threads' worth of life; what the clerk got is on the tape. */
static void live(struct tape *tape, struct truth *truth, rim_ref *oracle_ref) {
    rim_system *system;
    rim_ref who;
    rim_spawn_options there = {.place = RIM_ON_SHARD, .shard = 1};
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&(rim_config){.shards = 2}, &system), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(system, &oracle, &there, &truth, sizeof truth, oracle_ref), 0);
    struct clerk_arg arg = {.oracle = *oracle_ref, .tape = tape};
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(system, &clerk, NULL, &arg, sizeof arg, &who), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(system), 0);
    rim_system_send(system, who, ADD, "abc", 3);
    rim_system_send(system, who, ASK, NULL, 0);
    CU_ASSERT(has_come(truth, 3));
    rim_system_send(system, who, CHANGE, NULL, 0);
    rim_system_send(system, who, ADD, "z", 1);
    rim_system_send(system, who, ASK, NULL, 0);
    CU_ASSERT(has_come(truth, 6));
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(60), NULL), 0);
    rim_system_destroy(system);
}

static void check_sums(rim_kit *kit, const struct truth *truth, rim_ref oracle_ref) {
    for (int i = 0; i < 6; i++) {
        const rim_kit_message *message = rim_kit_expect(kit, SUM, RIM_SECONDS(10));
        CU_ASSERT_FATAL(message != NULL && message->size == sizeof(int64_t));
        CU_ASSERT_EQUAL(*(const int64_t *)message->body, truth->sums[i]);
        /* A shard that the kit does not have keeps the whole reference. */
        CU_ASSERT_EQUAL(message->to, oracle_ref);
    }
}

static void recorded_life_is_played_back(void) {
    struct tape tape = {0};
    struct truth truth = {0};
    rim_ref oracle_ref;
    live(&tape, &truth, &oracle_ref);
    for (uint64_t seed = 1; seed < 20; seed++) {
        rim_kit *kit;
        struct clerk_arg arg = {.oracle = oracle_ref};
        CU_ASSERT_EQUAL_FATAL(rim_kit_open(&(rim_kit_options){.seed = seed}, &kit), 0);
        rim_ref who = rim_kit_spawn(kit, &clerk, NULL, &arg, sizeof arg);
        CU_ASSERT(rim_kit_replay(kit, who, tape.bytes, tape.size) >= 4 + 6);
        check_sums(kit, &truth, oracle_ref);
        rim_kit_ask(kit, who, GET, NULL, 0, RIM_SECONDS(1));
        const rim_kit_message *sum = rim_kit_expect(kit, SUM, RIM_SECONDS(1));
        CU_ASSERT(sum != NULL && *(const int64_t *)sum->body == truth.sums[5]);
        CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
    }
    free(tape.bytes);
}

static void recording_is_read_record_by_record(void) {
    struct tape tape = {0};
    struct truth truth = {0};
    rim_ref oracle_ref;
    live(&tape, &truth, &oracle_ref);
    unsigned kinds[RIM_RECORD_OUTCOME + 1] = {0}, refusals = 0;
    size_t offset = 0;
    uint64_t last_ns = 0;
    const void *body;
    for (const rim_record *record; (record = rim_record_next(tape.bytes, tape.size, &offset, &body)) != NULL;) {
        kinds[record->kind]++;
        refusals += record->error == -ENOENT;
        CU_ASSERT(record->time_ns >= last_ns);
        last_ns = record->time_ns;
    }
    CU_ASSERT_EQUAL(offset, tape.size);
    CU_ASSERT_EQUAL(kinds[RIM_RECORD_TELL], 5);
    CU_ASSERT_EQUAL(kinds[RIM_RECORD_OUTCOME], 6);
    CU_ASSERT_EQUAL(refusals, 2);
    free(tape.bytes);
}

static void what_is_no_recording_is_refused(void) {
    rim_kit *kit;
    struct clerk_arg arg = {0};
    size_t offset = 0;
    const void *body;
    CU_ASSERT_EQUAL_FATAL(rim_kit_open(NULL, &kit), 0);
    rim_ref who = rim_kit_spawn(kit, &clerk, NULL, &arg, sizeof arg);
    CU_ASSERT_EQUAL(rim_kit_replay(kit, who, "nonsense", 8), -EBADMSG);
    CU_ASSERT_EQUAL(rim_kit_replay(kit, who, RIM_RECORD_MAGIC "\0\0\0\0\0", 12), -EBADMSG);
    CU_ASSERT_EQUAL(rim_kit_replay(kit, who, RIM_RECORD_MAGIC, 8), 0);
    CU_ASSERT_PTR_NULL(rim_record_next("short", 5, &offset, &body));
    rim_kit_stop(kit, who);
    rim_kit_run(kit, RIM_MS(1));
    CU_ASSERT_EQUAL(rim_kit_replay(kit, who, RIM_RECORD_MAGIC, 8), -RIM_EDOWN);
    CU_ASSERT_EQUAL(rim_kit_close(kit), 0);
}

#define TESTS(X)                                                                                                       \
    X(recorded_life_is_played_back)                                                                                    \
    X(recording_is_read_record_by_record)                                                                              \
    X(what_is_no_recording_is_refused)
UNIT_SUITE(record, TESTS)
