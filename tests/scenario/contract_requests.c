/* SPDX-License-Identifier: MIT */
/* Point 5 of the contract: a request has exactly one outcome. Each is tried on one shard and across two. */
#include <stdatomic.h>

#include "role.h"

#define COOKIE 0xc0ffee00ull

/* What the answerer is told to do, by tag. */
enum {
    ECHO = RIM_USER + 20,
    SILENT,
    REFUSE,
    REFUSE_OWN,
    ANSWER_LATER,
    KEEP,
    STOP_WITHOUT,
    KEEP_AND_STOP,
    KEEP_FOR_TOO_LONG,
    ANSWER_TWICE,
    UNKNOWN,
};

struct trial {
    uint32_t tag;
    int want;     /* the outcome, or what rim_request returns */
    bool at_once; /* on one shard rim_request itself may say so */
    bool cancel;
    uint64_t timeout_ns; /* 0: a minute */
    uint32_t before;     /* messages with this tag are sent ahead: count */
    uint32_t before_tag;
    uint32_t mailbox; /* of the answerer */
    rim_ref answerers[2];
    atomic_uint over;
};

/* ---- the answerer ---- */

ROLE_ON(answer_echo) {
    CHECK(rim_is_request(ctx));
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    CHECK(!rim_is_request(ctx));
    return RIM_DONE;
}

ROLE_ON(answer_silent) {
    return RIM_DONE;
}

ROLE_ON(answer_refuse) {
    CHECK(rim_refuse(ctx, RIM_NIL, -RIM_EREFUSED) == 0);
    return RIM_DONE;
}

ROLE_ON(answer_refuse_own) {
    CHECK(rim_refuse(ctx, RIM_NIL, -EPERM) == 0);
    return RIM_DONE;
}

ROLE_ON(answer_keep) {
    struct role *role = self;
    role->handle = rim_defer(ctx);
    CHECK(role->handle != RIM_NIL);
    CHECK(!rim_is_request(ctx));
    CHECK(rim_defer(ctx) == RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(answer_later) {
    answer_keep(ctx, self, body, msg);
    rim_after(ctx, RIM_MS(2), 0);
    return RIM_DONE;
}

/* The asker has given up, maybe before the request was handled. */
ROLE_ON(answer_too_late) {
    struct role *role = self;
    if (role->handle != RIM_NIL) {
        CHECK(rim_reply(ctx, role->handle, ADD, NULL, 0) == 0);
        CHECK(rim_reply(ctx, role->handle, ADD, NULL, 0) == -RIM_EBADREF);
    }
    return RIM_DONE;
}

ROLE_ON(answer_timer) {
    struct role *role = self;
    uint64_t number = 7;
    CHECK(rim_reply(ctx, role->handle, ADD, &number, sizeof number) == 0);
    CHECK(rim_reply(ctx, role->handle, ADD, &number, sizeof number) == -RIM_EBADREF);
    return RIM_DONE;
}

ROLE_ON(answer_stop) {
    return RIM_STOP;
}

ROLE_ON(answer_keep_and_stop) {
    answer_keep(ctx, self, body, msg);
    return RIM_STOP;
}

ROLE_ON(answer_twice) {
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == -RIM_EBADREF);
    CHECK(rim_refuse(ctx, RIM_NIL, -EPERM) == -RIM_EBADREF);
    return RIM_DONE;
}

static const rim_handler answerer_on[] = {
    [END] = answer_stop,
    [WORD] = answer_silent,
    [ECHO] = answer_echo,
    [SILENT] = answer_silent,
    [REFUSE] = answer_refuse,
    [REFUSE_OWN] = answer_refuse_own,
    [ANSWER_LATER] = answer_later,
    [KEEP] = answer_keep,
    [STOP_WITHOUT] = answer_stop,
    [KEEP_AND_STOP] = answer_keep_and_stop,
    [KEEP_FOR_TOO_LONG] = answer_keep,
    [MORE] = answer_too_late,
    [ANSWER_TWICE] = answer_twice,
    [RIM_TIMER] = answer_timer,
};
ROLE(answerer, answerer_on);

/* ---- the asker ---- */

ROLE_OUTCOME(ask_outcome) {
    struct role *role = self;
    const struct trial *trial = role_world(self);
    CHECK(cookie == COOKIE + role->cast.index);
    CHECK(!trial->cancel);
    CHECK(error == trial->want);
    CHECK((body == NULL) == (error != 0));
    CHECK((msg == NULL) == (error != 0));
    CHECK(msg == NULL || (rim_tag(msg) == ADD && rim_from(msg) == trial->answerers[role->cast.index]));
    CHECK(body == NULL || role_number(body) == 7);
    CHECK(++role->count == 1);
    if (trial->tag == KEEP_FOR_TOO_LONG) {
        role_say(ctx, trial->answerers[role->cast.index], MORE, 0);
    }
    return RIM_DONE;
}

ROLE_ON(ask_go) {
    struct role *role = self;
    const struct trial *trial = role_world(self);
    rim_ref to = trial->answerers[role->cast.index];
    uint64_t number = 7, timeout_ns = trial->timeout_ns != 0 ? trial->timeout_ns : RIM_SECONDS(60);
    for (uint32_t i = 0; i < trial->before; i++) {
        role_tell(ctx, to, trial->before_tag, 0);
    }
    rim_ask ask = {.to = to,
                   .tag = trial->tag,
                   .body = &number,
                   .size = sizeof number,
                   .timeout_ns = timeout_ns,
                   .on_outcome = ask_outcome,
                   .cookie = COOKIE + role->cast.index};
    int error = rim_request(ctx, &ask, &role->handle);
    if (error != 0) {
        CHECK(trial->at_once);
        CHECK(role->cast.index == 0);
        CHECK(error == trial->want);
        role->count = 1;
    } else if (trial->cancel) {
        CHECK(rim_cancel(ctx, role->handle));
        CHECK(!rim_cancel(ctx, role->handle));
        role->count = 1;
    }
    rim_after(ctx, RIM_MS(30), 0);
    return RIM_DONE;
}

/* There was one outcome, and a second would have been noticed by now. */
ROLE_ON(ask_timer) {
    struct role *role = self;
    struct trial *trial = role_world(self);
    if (role->count == 0) { /* the machine is busy */
        rim_after(ctx, RIM_MS(30), 0);
        return RIM_DONE;
    }
    CHECK(role->count == 1);
    CHECK(!rim_cancel(ctx, role->handle));
    if (atomic_fetch_add(&trial->over, 1) == 1) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler asker_on[] = {[GO] = ask_go, [RIM_TIMER] = ask_timer};
ROLE(asker, asker_on);

static void try_it(struct scenario *s, const struct trial *plan) {
    static struct trial kept;
    struct trial *trial = &kept;
    kept = *plan;
    scenario_open_lanes(s);
    for (uint32_t i = 0; i < 2; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i, .mailbox_count = trial->mailbox};
        trial->answerers[i] = role_spawn_with(s, &answerer, options, (struct role_cast){.world = trial});
    }
    role_rest(s); /* the births are out of the mailboxes */
    for (uint32_t i = 0; i < 2; i++) {
        role_go(s, role_spawn(s, &asker, 0, (struct role_cast){.world = trial, .index = i}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}

void contract_05_outcome_is_the_reply(struct scenario *s) {
    try_it(s, &(struct trial){.tag = ECHO});
}

void contract_05_outcome_is_the_reply_of_a_deferred_request(struct scenario *s) {
    try_it(s, &(struct trial){.tag = ANSWER_LATER});
}

void contract_05_second_reply_is_refused_to_its_sender(struct scenario *s) {
    try_it(s, &(struct trial){.tag = ANSWER_TWICE});
}

void contract_05_outcome_is_a_refusal(struct scenario *s) {
    try_it(s, &(struct trial){.tag = REFUSE, .want = -RIM_EREFUSED});
}

void contract_05_outcome_is_the_receivers_own_code(struct scenario *s) {
    try_it(s, &(struct trial){.tag = REFUSE_OWN, .want = -EPERM});
}

void contract_05_outcome_is_no_reply(struct scenario *s) {
    try_it(s, &(struct trial){.tag = SILENT, .want = -RIM_ENOREPLY});
}

void contract_05_outcome_is_no_handler(struct scenario *s) {
    try_it(s, &(struct trial){.tag = UNKNOWN, .want = -RIM_ENOHANDLER});
}

void contract_05_outcome_is_a_timeout(struct scenario *s) {
    try_it(s, &(struct trial){.tag = KEEP, .want = -ETIMEDOUT, .timeout_ns = RIM_MS(3)});
}

void contract_05_late_reply_is_dropped(struct scenario *s) {
    try_it(s, &(struct trial){.tag = KEEP_FOR_TOO_LONG, .want = -ETIMEDOUT, .timeout_ns = RIM_MS(2)});
}

void contract_05_receiver_stops_at_the_request(struct scenario *s) {
    try_it(s, &(struct trial){.tag = STOP_WITHOUT, .want = -RIM_ENOREPLY});
}

void contract_05_receiver_ends_after_it_deferred(struct scenario *s) {
    try_it(s, &(struct trial){.tag = KEEP_AND_STOP, .want = -RIM_EDOWN});
}

void contract_05_receiver_ends_while_the_request_is_queued(struct scenario *s) {
    try_it(s, &(struct trial){.tag = ECHO, .want = -RIM_EDOWN, .before = 1, .before_tag = END});
}

void contract_05_receiver_is_full(struct scenario *s) {
    try_it(s, &(struct trial){
                  .tag = ECHO, .want = -RIM_EFULL, .at_once = true, .before = 9, .before_tag = WORD, .mailbox = 4});
}

void contract_05_cancelled_request_has_no_outcome(struct scenario *s) {
    try_it(s, &(struct trial){.tag = ANSWER_LATER, .cancel = true});
}

void contract_05_receiver_was_down_before(struct scenario *s) {
    static struct trial trial;
    trial = (struct trial){.tag = ECHO, .want = -RIM_EDOWN, .at_once = true};
    scenario_open_lanes(s);
    for (uint32_t i = 0; i < 2; i++) {
        trial.answerers[i] = role_spawn(s, &answerer, i, (struct role_cast){.world = &trial});
        CHECK(rim_system_send(scenario_system(s), trial.answerers[i], END, NULL, 0) == 0);
    }
    role_rest(s);
    for (uint32_t i = 0; i < 2; i++) {
        role_go(s, role_spawn(s, &asker, 0, (struct role_cast){.world = &trial, .index = i}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
}
