/* SPDX-License-Identifier: MIT */
/*
 * role.h - what the scenarios of actors share: a state that fits most of them, its init, and shorthand for handlers.
 *
 *     ROLE_ON(on_go) { world_of(struct mine, self)->goes++; return RIM_DONE; }
 *     static const rim_handler mine_on[] = {[GO] = on_go};
 *     ROLE(mine, mine_on);
 *     ... role_spawn(s, &mine, 1, (struct role_cast){.world = &world}) ... role_go(s, ref) ...
 *
 * A world is a static struct of the scenario's that its actors share: they outlive its function. Where they live on
 * several shards, what they both touch in it is atomic.
 */
#ifndef ROLE_H
#define ROLE_H

#include <errno.h>
#include <string.h>

#include "ringmail.h"
#include "support/scenario.h"

#define ROLE_LIMIT_NS RIM_SECONDS(100)

/* What an actor is told at its birth. */
struct role_cast {
    void *world;
    uint64_t index;
    rim_ref who;
};

struct role {
    struct role_cast cast;
    uint64_t count, value;
    rim_ref ref;
    uint64_t handle; /* of a timer or a request */
};

/* The tags that scenarios use; what each means is theirs to say. */
enum { GO = RIM_USER, WORD, ADD, ASK, MORE, CANCEL, END, NOBODY, TAGS };

#define ROLE_UNUSED __attribute__((unused))
#define ROLE_ON(name)                                                                                                  \
    static rim_verdict name(rim_ctx *ctx ROLE_UNUSED, void *self ROLE_UNUSED, const void *body ROLE_UNUSED,            \
                            rim_msg *msg ROLE_UNUSED)
#define ROLE_OUTCOME(name)                                                                                             \
    static rim_verdict name(rim_ctx *ctx ROLE_UNUSED, void *self ROLE_UNUSED, uint64_t cookie ROLE_UNUSED,             \
                            int error ROLE_UNUSED, const void *body ROLE_UNUSED, rim_msg *msg ROLE_UNUSED)
#define ROLE(symbol, rows, ...)                                                                                        \
    static const rim_behaviour symbol = {.name = #symbol,                                                              \
                                         .state_size = sizeof(struct role),                                            \
                                         .init = role_init,                                                            \
                                         .on = rows,                                                                   \
                                         .on_count = RIM_COUNT(rows),                                                  \
                                         __VA_ARGS__}
#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

static inline void *role_world(void *self) {
    return ((struct role *)self)->cast.world;
}

rim_verdict role_init(rim_ctx *ctx, void *self, const void *arg, size_t size);
/* From outside, on this shard, with these options or the defaults; and the message that sets it going. */
rim_ref role_spawn(struct scenario *s, const rim_behaviour *behaviour, uint32_t shard, struct role_cast cast);
rim_ref role_spawn_with(struct scenario *s, const rim_behaviour *behaviour, rim_spawn_options options,
                        struct role_cast cast);
void role_go(struct scenario *s, rim_ref ref);
/* From inside. */
rim_ref role_add(rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t shard, struct role_cast cast);
/* Sends a number, or checks that it went. */
int role_tell(rim_ctx *ctx, rim_ref to, uint32_t tag, uint64_t number);
void role_say(rim_ctx *ctx, rim_ref to, uint32_t tag, uint64_t number);
static inline uint64_t role_number(const void *body) {
    uint64_t number;
    memcpy(&number, body, sizeof number);
    return number;
}
/* Lets time pass until something is so, for a while at most; the scenario checks what came of it. Where it is known
   what is to happen, wait for that; what happens by a timer is not waited for by role_settle. */
#define ROLE_AWAIT(s, condition)                                                                                       \
    for (int rounds_ = 0; rounds_ < 30000 && !(condition); rounds_++) {                                                \
        scenario_pass_time((s), RIM_MS(1));                                                                            \
    }
/* Waits until so many actors have been born, in all, and have had their first turn: before that a mailbox has the
   default bounds. */
void role_await_births(struct scenario *s, uint64_t count);
/* Lets time pass until nothing moves: all shards sleep, and the counters add up with nothing queued and no request
   open. Timers may be pending. */
void role_settle(struct scenario *s, rim_stats *stats);
/* The same, but requests may be open: what was sent before has been handled, what was spawned is born. */
void role_rest(struct scenario *s);

#endif
