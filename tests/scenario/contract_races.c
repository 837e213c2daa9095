/* SPDX-License-Identifier: MIT */
/* Point 6 of the contract under races: many actors on three shards link, watch, cancel, fail and are killed at random.
   At the end the account of each survivor must agree with who has died. */
#include <stdatomic.h>

#include "role.h"

#define ACTORS   24u
#define MONITORS 40u /* of one actor */
#define STEPS    120u

struct account {
    rim_mon mon;
    uint32_t peer;
    enum { UNUSED, ARMED, CANCELLED, FIRED } state;
};

/* For a pair, only the one with the lower number links and unlinks if the sum is even; else both do, at will. */
struct mortal {
    struct role_cast cast;
    uint64_t steps;
    uint32_t count;
    struct account accounts[MONITORS];
    bool linked[ACTORS];                   /* and no signal since */
    uint32_t links[ACTORS], exits[ACTORS]; /* calls and signals, since it was last unlinked */
};

static struct races {
    rim_ref who[ACTORS];
    atomic_uint born, over;
    atomic_bool dead[ACTORS], stopping;
} races;

static uint32_t number_of(rim_ref ref) {
    uint32_t number = 0;
    while (number < ACTORS && races.who[number] != ref) {
        number++;
    }
    return number;
}

static bool is_mine(const struct mortal *mortal, uint32_t peer) {
    return (mortal->cast.index + peer) % 2 == 1 || mortal->cast.index < peer;
}

/* ---- one step ---- */

static void watch(rim_ctx *ctx, struct mortal *mortal, uint32_t peer) {
    if (mortal->count == MONITORS) {
        return;
    }
    struct account *account = &mortal->accounts[mortal->count];
    *account = (struct account){.mon = rim_monitor(ctx, races.who[peer], mortal->count), .peer = peer, .state = ARMED};
    CHECK(account->mon != RIM_NIL);
    mortal->count++;
}

static void cancel_some(rim_ctx *ctx, struct mortal *mortal) {
    if (mortal->count == 0) {
        return;
    }
    struct account *account = &mortal->accounts[rim_random(ctx) % mortal->count];
    CHECK(rim_cancel(ctx, account->mon) == (account->state == ARMED));
    account->state = account->state == ARMED ? CANCELLED : account->state;
}

static void link_some(rim_ctx *ctx, struct mortal *mortal, uint32_t peer) {
    if (is_mine(mortal, peer) && peer != mortal->cast.index) {
        CHECK(rim_link(ctx, races.who[peer]) == 0);
        mortal->linked[peer] = true;
        mortal->links[peer]++;
    }
}

static void unlink_some(rim_ctx *ctx, struct mortal *mortal, uint32_t peer) {
    if (is_mine(mortal, peer)) {
        CHECK(rim_unlink(ctx, races.who[peer]) == 0);
        mortal->linked[peer] = false;
        mortal->links[peer] = mortal->exits[peer] = 0;
    }
}

static rim_verdict step(rim_ctx *ctx, struct mortal *mortal) {
    uint64_t dice = rim_random(ctx) % 1000;
    uint32_t peer = (uint32_t)(rim_random(ctx) % ACTORS);
    if (dice < 250) {
        watch(ctx, mortal, peer);
    } else if (dice < 400) {
        cancel_some(ctx, mortal);
    } else if (dice < 650) {
        link_some(ctx, mortal, peer);
    } else if (dice < 850) {
        unlink_some(ctx, mortal, peer);
    } else if (dice < 851) {
        return rim_fail(ctx, RIM_EXIT_USER + 1, "bad luck");
    } else if (dice < 852) {
        CHECK(rim_kill(ctx, races.who[peer]) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(mortal_go) {
    struct mortal *mortal = self;
    for (int i = 0; i < 3; i++) {
        rim_verdict verdict = step(ctx, mortal);
        if (verdict != RIM_DONE) {
            return verdict;
        }
    }
    if (++mortal->steps == STEPS) {
        atomic_fetch_add(&races.over, 1);
        return RIM_DONE;
    }
    CHECK(rim_send(ctx, rim_self(ctx), GO, NULL, 0) == 0);
    return RIM_DONE;
}

/* ---- what comes ---- */

ROLE_ON(mortal_down) {
    struct mortal *mortal = self;
    const rim_down_event *down = body;
    struct account *account = &mortal->accounts[down->cookie];
    CHECK(down->cookie < mortal->count && account->mon == down->monitor);
    CHECK(account->state == ARMED); /* once, and not when cancelled */
    CHECK(races.who[account->peer] == down->who);
    CHECK(down->code >= RIM_EXIT_KILLED);
    account->state = FIRED;
    return RIM_DONE;
}

ROLE_ON(mortal_exit_signal) {
    struct mortal *mortal = self;
    const rim_exit_event *event = body;
    uint32_t peer = number_of(event->from);
    CHECK(peer < ACTORS && event->linked);
    bool alone = is_mine(mortal, peer) && (mortal->cast.index + peer) % 2 == 0; /* the peer never links */
    mortal->exits[peer]++;
    CHECK(!alone || mortal->exits[peer] <= mortal->links[peer]);
    mortal->linked[peer] = false;
    return RIM_DONE;
}

/* ---- the account ---- */

static void settle_account(const struct mortal *mortal) {
    for (uint32_t i = 0; i < mortal->count; i++) {
        const struct account *account = &mortal->accounts[i];
        bool dead = atomic_load(&races.dead[account->peer]);
        CHECK(account->state != ARMED || !dead);
        CHECK(account->state != FIRED || dead);
    }
    for (uint32_t i = 0; i < ACTORS; i++) {
        bool alone = is_mine(mortal, i) && (mortal->cast.index + i) % 2 == 0;
        CHECK(!alone || !mortal->linked[i] || !atomic_load(&races.dead[i]));
    }
}

static void mortal_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct mortal *mortal = self;
    (void)ctx;
    if (atomic_load(&races.stopping)) {
        CHECK(why.code == RIM_EXIT_SHUTDOWN);
        settle_account(mortal);
        return;
    }
    atomic_store(&races.dead[mortal->cast.index], true);
    if (mortal->steps < STEPS) {
        atomic_fetch_add(&races.over, 1);
    }
}

static rim_verdict mortal_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    CHECK(size == sizeof(struct role_cast));
    memcpy(&((struct mortal *)self)->cast, arg, size);
    atomic_fetch_add(&races.born, 1);
    return RIM_DONE;
}

static const rim_handler mortal_on[] = {
    [GO] = mortal_go, [RIM_DOWN] = mortal_down, [RIM_EXIT_SIGNAL] = mortal_exit_signal};
static const rim_behaviour mortal = {.name = "mortal",
                                     .state_size = sizeof(struct mortal),
                                     .init = mortal_init,
                                     .exit = mortal_exit,
                                     .on = mortal_on,
                                     .on_count = RIM_COUNT(mortal_on)};

void contract_06_every_monitor_and_link_comes_out_right_under_races(struct scenario *s) {
    rim_stats stats;
    memset(&races, 0, sizeof races);
    scenario_system_with(s, &(rim_config){.shards = 3});
    for (uint32_t i = 0; i < ACTORS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i / 2 % 3, .trap_exit = true, .budget = 4};
        races.who[i] = role_spawn_with(s, &mortal, options, (struct role_cast){.index = i});
    }
    while (atomic_load(&races.born) < ACTORS) {
        scenario_pass_time(s, RIM_MS(1));
    }
    for (uint32_t i = 0; i < ACTORS; i++) {
        rim_system_send(scenario_system(s), races.who[i], GO, NULL, 0);
    }
    while (atomic_load(&races.over) < ACTORS) {
        scenario_pass_time(s, RIM_MS(1));
    }
    role_settle(s, &stats);
    CHECK(stats.actors > 0);
    CHECK(stats.exited > 0);
    atomic_store(&races.stopping, true);
}
