/* SPDX-License-Identifier: MIT */
/* Point 4 of the contract: ten thousand senders and one slow receiver. Each knows what became of what it sent. */
#include <stdatomic.h>

#include "role.h"

#define CROWD   10000u
#define EACH    5u
#define PARCELS 16u

struct account {
    rim_ref sink;
    uint64_t most_bytes, most_queued;    /* by the sink's shard, as far as it looks */
    atomic_uint heard, refused, full;    /* over all */
    uint32_t heard_of[CROWD];            /* by the sink */
    uint32_t sent[CROWD], undone[CROWD]; /* by each sender: sends that succeeded, those taken back by RIM_REFUSED */
};
static struct account account;

static void look(rim_ctx *ctx) {
    rim_stats stats;
    if (rim_system_stats(rim_system_of(ctx), RIM_ALL_SHARDS, &stats) == 0) {
        account.most_bytes = stats.memory_bytes > account.most_bytes ? stats.memory_bytes : account.most_bytes;
    }
    account.most_queued = rim_backlog(ctx) > account.most_queued ? rim_backlog(ctx) : account.most_queued;
}

ROLE_ON(slow_word) {
    account.heard_of[role_number(body)]++;
    unsigned heard = atomic_fetch_add(&account.heard, 1) + 1;
    if (heard % 64 == 0) {
        look(ctx);
    }
    if (heard == CROWD * EACH) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler slow_on[] = {[WORD] = slow_word};
ROLE(account_sink, slow_on);

/* role->count is what has been sent and, as far as is known, taken. */
static rim_verdict send_on(rim_ctx *ctx, struct role *role) {
    uint64_t body[25] = {role->cast.index}; /* 200 bytes */
    for (; role->count < EACH; role->count++) {
        if (rim_send(ctx, account.sink, WORD, body, sizeof body) != 0) {
            atomic_fetch_add(&account.full, 1);
            CHECK(rim_want_room(ctx, account.sink) == 0);
            break;
        }
        account.sent[role->cast.index]++;
    }
    return RIM_DONE;
}

ROLE_ON(one_go) {
    return send_on(ctx, self);
}

ROLE_ON(one_refused) {
    struct role *role = self;
    const rim_refused_event *event = body;
    CHECK(event->who == account.sink);
    CHECK(event->error == -RIM_EFULL);
    CHECK(event->count <= role->count);
    role->count -= event->count;
    account.undone[role->cast.index] += (uint32_t)event->count;
    atomic_fetch_add(&account.refused, (unsigned)event->count);
    CHECK(rim_want_room(ctx, account.sink) == 0);
    return RIM_DONE;
}
static const rim_handler one_on[] = {[GO] = one_go, [RIM_ROOM] = one_go, [RIM_REFUSED] = one_refused};
ROLE(one_of_the_crowd, one_on);

/* The crowd of a shard is spawned there: the way from outside is bounded. */
ROLE_ON(leader_go) {
    uint64_t first = ((struct role *)self)->cast.index;
    for (uint64_t i = first; i < first + CROWD / 2; i++) {
        rim_ref ref = role_add(ctx, &one_of_the_crowd, rim_shard_index(ctx), (struct role_cast){.index = i});
        CHECK(rim_send(ctx, ref, GO, NULL, 0) == 0);
    }
    return RIM_DONE;
}
static const rim_handler leader_on[] = {[GO] = leader_go};
ROLE(crowd_leader, leader_on);

void contract_04_ten_thousand_senders_know_what_was_taken(struct scenario *s) {
    memset(&account, 0, sizeof account);
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .mailbox_count = 256, .budget = 8};
    scenario_system_with(s, &(rim_config){.shards = 2, .parcels = PARCELS});
    account.sink = role_spawn_with(s, &account_sink, options, (struct role_cast){0});
    role_await_births(s, 1);
    for (uint32_t i = 0; i < 2; i++) {
        role_go(s, role_spawn(s, &crowd_leader, i, (struct role_cast){.index = i * (CROWD / 2)}));
    }
    scenario_run(s, 3 * ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    for (uint32_t i = 0; i < CROWD; i++) {
        CHECK(account.heard_of[i] == EACH);
        CHECK(account.sent[i] - account.undone[i] == EACH);
    }
    CHECK(atomic_load(&account.full) > 0);
    CHECK(stats.refused == atomic_load(&account.full) + atomic_load(&account.refused));
    CHECK(stats.dead == 0);
    CHECK(account.most_queued <= 256 + 16); /* a few that are reserved may be beyond */
    CHECK(account.most_bytes <= CROWD * 1024u + (1u << 20));
}
