/* SPDX-License-Identifier: MIT */
/*
 * All actors of a behaviour change, on all shards. The asker's shard sends each shard an order and adds up the answers;
 * the sum is the outcome of the asker's request.
 *
 * An order is a block of malloc's that all shards read; only its home writes the sums. In it each shard has a link for
 * its list of what has been overtaken: by that list a spawn of the old table makes an actor of the new one. Old tables
 * may have been unloaded, and their addresses used again: the lists hold versions, and never look into a table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/become.h"
#include "actor/record.h"
#include "actor/spawn.h"
#include "actor/upgrade.h"
#include "actor/world.h"

/* On a shard's list: who spawns `from` gets `to`. */
struct rim__overtaken {
    struct rim__overtaken *next;
    const rim_behaviour *from, *to;
    uint32_t from_version, to_version;
};

struct rim__upgrade {
    struct rim__upgrade *next; /* of those that the home keeps to its end, since lists link into them */
    struct rim__change change; /* constant, as are home and token */
    uint32_t home;
    rim_token token;
    uint32_t awaited; /* by the home: answers to come */
    bool is_linked;   /* by the home: some shard uses its link */
    rim_upgrade_report report;
    struct rim_msg *outcome;
    struct rim__overtaken overtaken[]; /* by shard: each its own */
};

/* What travels: an order, and back with the shard's part of the report. */
struct notice {
    struct rim__upgrade *upgrade;
    bool is_answer, has_linked;
    rim_upgrade_report report;
};

/* ---- what is spawned ---- */

static const struct rim__overtaken *find(const rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t version) {
    const struct rim__overtaken *at = ctx->overtaken;
    while (at != NULL && (at->from != behaviour || at->from_version != version)) {
        at = at->next;
    }
    return at;
}

const rim_behaviour *rim__upgrade_newest_of(const rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t version) {
    for (const struct rim__overtaken *at; (at = find(ctx, behaviour, version)) != NULL;) {
        behaviour = at->to; /* of a higher version: this ends */
        version = at->to_version;
    }
    return behaviour;
}

const rim_behaviour *rim_upgrade_newest(const rim_ctx *ctx, const rim_behaviour *behaviour, uint32_t version) {
    return rim__upgrade_newest(ctx, behaviour, version);
}

/* True: the link is on the list now. */
static bool link_overtaken(rim_ctx *ctx, struct rim__upgrade *upgrade) {
    const struct rim__change *change = &upgrade->change;
    struct rim__overtaken *link = &upgrade->overtaken[ctx->shard->index];
    const struct rim__overtaken *known = find(ctx, change->from, link->from_version);
    if (known != NULL && known->to == change->to && known->to_version == link->to_version) {
        return false;
    }
    link->next = ctx->overtaken;
    ctx->overtaken = link;
    return true;
}

/* ---- a shard's part ---- */

static void upgrade_actor(rim_ctx *ctx, struct rim__actor *actor, const struct rim__change *change,
                          rim_upgrade_report *report) {
    if (actor->belongings != NULL && actor->belongings->requests != NULL) {
        int error = rim__become_later(ctx, actor, change);
        rim__assert(error == 0); /* it has its belongings */
        report->waiting++;
        return;
    }
    int error = rim__become_change(ctx, actor, change);
    if (error == 0) {
        report->upgraded++;
        return;
    }
    if (report->failed++ == 0) {
        report->error = error;
        report->who = actor->ref;
    }
}

static void upgrade_shard(rim_ctx *ctx, struct rim__upgrade *upgrade, struct notice *notice) {
    *notice = (struct notice){.upgrade = upgrade, .is_answer = true};
    notice->has_linked = link_overtaken(ctx, upgrade);
    for (struct rim__actor *actor = ctx->oldest; actor != NULL; actor = actor->newer) {
        if (rim__record_table(actor) == upgrade->change.from) {
            upgrade_actor(ctx, actor, &upgrade->change, &notice->report);
        }
    }
}

static int send_notice(rim_ctx *ctx, uint32_t shard, const struct notice *notice) {
    struct rim_msg *msg = rim__mesh_reserve(ctx->shard, shard, (uint32_t)rim__msg_span(0, sizeof *notice), true);
    if (msg == NULL) {
        return -ENOMEM;
    }
    msg->from = ctx->here;
    msg->to = 0;
    msg->kind = RIM_KIND_UPGRADE;
    msg->flags |= RIM_MSG_RESERVED;
    msg->tag = 0;
    msg->size = sizeof *notice;
    *(struct notice *)rim__msg_body(msg) = *notice;
    return 0;
}

/* ---- the sum ---- */

static void add_report(rim_upgrade_report *sum, const rim_upgrade_report *part) {
    if (sum->failed == 0) {
        sum->error = part->error;
        sum->who = part->who;
    }
    sum->upgraded += part->upgraded;
    sum->failed += part->failed;
    sum->waiting += part->waiting;
}

/* The last answer: the outcome goes out. The block stays where a list needs it. */
static void conclude(rim_ctx *ctx, struct rim__upgrade *upgrade) {
    struct rim_msg *outcome = upgrade->outcome;
    *(rim_upgrade_report *)rim__msg_body(outcome) = upgrade->report;
    upgrade->outcome = NULL;
    ctx->stats.sent++;
    rim__request_deliver(ctx, outcome);
    if (upgrade->is_linked) {
        upgrade->next = ctx->upgrades;
        ctx->upgrades = upgrade;
    } else {
        free(upgrade);
    }
}

static void count_answer(rim_ctx *ctx, const struct notice *notice) {
    struct rim__upgrade *upgrade = notice->upgrade;
    add_report(&upgrade->report, &notice->report);
    upgrade->is_linked = upgrade->is_linked || notice->has_linked;
    if (--upgrade->awaited == 0) {
        conclude(ctx, upgrade);
    }
}

void rim__upgrade_notice(rim_ctx *ctx, struct rim_msg *msg) {
    struct notice notice = *(const struct notice *)rim__msg_body(msg), answer;
    rim__msg_release(ctx->shard, msg);
    if (notice.is_answer) {
        count_answer(ctx, &notice);
        return;
    }
    upgrade_shard(ctx, notice.upgrade, &answer);
    if (send_notice(ctx, notice.upgrade->home, &answer) != 0) {
        rim__log_write(&ctx->shard->log, RIM_LOG_ERROR, "out of memory: an upgrade will time out");
    }
}

/* ---- asking ---- */

static const char *misfit(const rim_upgrading *upgrading) {
    const rim_behaviour *from = upgrading->from, *to = upgrading->to;
    if (strcmp(from->name, to->name) != 0 || from == to) {
        return "another table of the same name is wanted";
    }
    if (to->version <= from->version) {
        return "the new version is not above the old one";
    }
    if (to->protocol != from->protocol) {
        return "the protocols differ";
    }
    if (from->protocol >= RIM_PROTOCOL_OWN) {
        return "it is the library's own";
    }
    return upgrading->migrate == NULL && to->state_size != from->state_size
               ? "the states differ in size, and there is no migrate"
               : NULL;
}

static int check(rim_ctx *ctx, const rim_upgrading *upgrading) {
    if (ctx->migrating) {
        return -RIM_ECONTEXT;
    }
    if (rim__spawn_check(upgrading->from, NULL, 0) != 0 || rim__spawn_check(upgrading->to, NULL, 0) != 0) {
        return -EINVAL;
    }
    const char *why = misfit(upgrading);
    if (why == NULL) {
        return 0;
    }
    return rim__ctx_error(ctx, -EINVAL, "upgrade of %s from version %u to %u refused: %s", upgrading->from->name,
                          upgrading->from->version, upgrading->to->version, why);
}

static struct rim_msg *make_outcome(rim_ctx *ctx, rim_token token) {
    struct rim_msg *msg =
        rim__msg_create(ctx->shard, RIM_KIND_REPLY, RIM_MSG_TOKEN | RIM_MSG_RESERVED, 0, sizeof(rim_upgrade_report));
    if (msg != NULL) {
        msg->from = RIM_NIL;
        msg->to = 0;
        *rim__msg_token(msg) = (struct rim__msg_token){.token = token};
    }
    return msg;
}

static struct rim__upgrade *make(rim_ctx *ctx, const rim_upgrading *wanted, rim_token token) {
    uint32_t count = ctx->shard->count;
    struct rim__upgrade *upgrade = calloc(1, sizeof *upgrade + count * sizeof upgrade->overtaken[0]);
    struct rim_msg *outcome = upgrade != NULL ? make_outcome(ctx, token) : NULL;
    if (outcome == NULL) {
        free(upgrade);
        return NULL;
    }
    upgrade->change =
        (struct rim__change){.from = wanted->from, .to = wanted->to, .migrate = wanted->migrate, .arg = wanted->arg};
    upgrade->home = ctx->shard->index;
    upgrade->token = token;
    upgrade->outcome = outcome;
    for (uint32_t i = 0; i < count; i++) {
        upgrade->overtaken[i] = (struct rim__overtaken){.from = wanted->from,
                                                        .to = wanted->to,
                                                        .from_version = wanted->from->version,
                                                        .to_version = wanted->to->version};
    }
    return upgrade;
}

/* To the others first: its own answer may be the last that is awaited. */
static void spread(rim_ctx *ctx, struct rim__upgrade *upgrade) {
    struct notice order = {.upgrade = upgrade}, own;
    upgrade->awaited = 1;
    for (uint32_t i = 0; i < ctx->shard->count; i++) {
        if (i == ctx->shard->index) {
            continue;
        }
        bool reached = send_notice(ctx, i, &order) == 0;
        upgrade->awaited += reached;
        upgrade->report.unreached += !reached;
    }
    upgrade_shard(ctx, upgrade, &own);
    count_answer(ctx, &own);
}

int rim_upgrade(rim_ctx *ctx, const rim_upgrading *wanted, rim_token *out) {
    rim_ask ask = {.timeout_ns = wanted->timeout_ns, .on_outcome = wanted->on_outcome, .cookie = wanted->cookie};
    rim_token token = RIM_NIL;
    int error = check(ctx, wanted);
    error = error != 0 ? error : rim__request_open(ctx, &ask, NULL, &token);
    if (error != 0) {
        return error;
    }
    struct rim__upgrade *upgrade = make(ctx, wanted, token);
    if (upgrade == NULL) {
        rim__request_undo(ctx, token);
        return -ENOMEM;
    }
    if (out != NULL) {
        *out = token;
    }
    spread(ctx, upgrade);
    return 0;
}

void rim__upgrade_finish(rim_ctx *ctx) {
    for (struct rim__upgrade *upgrade; (upgrade = ctx->upgrades) != NULL;) {
        ctx->upgrades = upgrade->next;
        free(upgrade);
    }
}
