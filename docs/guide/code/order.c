/* SPDX-License-Identifier: MIT */
/*
 * order.c - A sends to B, and then to C; B, when it hears from A, sends to C. From whom does C hear first?
 *
 * In simulation, a hundred seeds, so that the answer does not depend on this machine's mood.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))
#define SEEDS  100u

enum { WORD = RIM_USER, SECOND_WORD };

struct others {
    rim_ref b, c;
};

static uint32_t b_was_first, a_was_first, out_of_order;

/* ---- C notes who comes first, and whether A's two words come in order ---- */

struct c_state {
    rim_ref first;
    bool second_word;
};

static rim_verdict c_word(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct c_state *self = state;
    bool from_b = rim_shard_of(rim_sender(ctx)) == 0;
    if (self->first == RIM_NIL) {
        self->first = rim_sender(ctx);
        *(from_b ? &b_was_first : &a_was_first) += 1;
    }
    if (!from_b) {
        out_of_order += rim_tag(msg) == WORD && self->second_word;
        self->second_word = rim_tag(msg) == SECOND_WORD;
    }
    return RIM_DONE;
}

static const rim_handler c_on[] = {[WORD] = c_word, [SECOND_WORD] = c_word};
static const rim_behaviour c_behaviour = {.name = "C",
                                          .state_size = sizeof(struct c_state),
                                          .on = c_on,
                                          .on_count = RIM_COUNT(c_on)};

/* ---- B passes the word on ---- */

static rim_verdict b_word(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const struct others *others = body;
    return rim_send(ctx, others->c, WORD, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler b_on[] = {[WORD] = b_word};
static const rim_behaviour b_behaviour = {.name = "B", .on = b_on, .on_count = RIM_COUNT(b_on)};

/* ---- A: on shard 2; B is on shard 0, and C on shard 1 ---- */

static rim_verdict a_init(rim_ctx *ctx, void *state UNUSED, const void *arg, size_t size UNUSED) {
    struct others others;
    memcpy(&others, arg, sizeof others);
    bool ok = rim_send(ctx, others.b, WORD, &others, sizeof others) == 0 && /* first to B, */
              rim_send(ctx, others.c, WORD, NULL, 0) == 0 &&                /* then to C */
              rim_send(ctx, others.c, SECOND_WORD, NULL, 0) == 0;
    return ok ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour a_behaviour = {.name = "A", .init = a_init};

static int run(uint64_t seed) {
    rim_sim_options faults = {.skip_turn = 400};
    rim_config config = {.shards = 3, .driver = RIM_DRIVER_SIM, .seed = seed, .sim = &faults};
    rim_spawn_options second = {.place = RIM_ON_SHARD, .shard = 1}, third = {.place = RIM_ON_SHARD, .shard = 2};
    struct others others;
    rim_system *system;
    rim_ref a;
    int error = rim_system_create(&config, &system);
    if (error != 0) {
        return error;
    }
    error = rim_system_spawn(system, &b_behaviour, NULL, NULL, 0, &others.b);
    if (error == 0) {
        error = rim_system_spawn(system, &c_behaviour, &second, NULL, 0, &others.c);
    }
    if (error == 0) {
        error = rim_system_spawn(system, &a_behaviour, &third, &others, sizeof others, &a);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    return error;
}

int main(void) {
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        if (run(seed) != 0) {
            return 1;
        }
    }
    printf("C heard from A first in some runs: %s\n", a_was_first > 0 ? "yes" : "no");
    printf("C heard from B first in some runs: %s\n", b_was_first > 0 ? "yes" : "no");
    printf("A's own words to C out of order: %u times in %u runs\n", out_of_order, a_was_first + b_was_first);
    return 0;
}

/* output:
C heard from A first in some runs: yes
C heard from B first in some runs: yes
A's own words to C out of order: 0 times in 100 runs
*/
