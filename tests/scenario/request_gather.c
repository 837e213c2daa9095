/* SPDX-License-Identifier: MIT */
/* Many requests with one outcome: all of them, a quorum, the deadline, a cancel. */
#include <stdlib.h>

#include "answerer.h"
#include "ringmail/request.h"

#define MOST 10u

struct gather_plan {
    uint32_t tags[MOST]; /* of the asks; 0 ends */
    uint32_t quorum;
    uint64_t timeout_ns;
    int returned; /* by rim_gather */
    int error;    /* of the outcome */
    int errors[MOST];
    bool cancel, stop;
};

struct gathering {
    struct gather_plan plan;
    rim_ref answerers[2], gone;
    unsigned outcomes, released;
    rim_token token;
};

static uint32_t count_of(const struct gather_plan *plan) {
    uint32_t count = 0;
    while (count < MOST && plan->tags[count] != 0) {
        count++;
    }
    return count;
}

static rim_verdict gathered(rim_ctx *ctx, void *self, uint64_t cookie, int error, const rim_answer *answers,
                            uint32_t count) {
    struct gathering *world = role_world(self);
    const struct gather_plan *plan = &world->plan;
    CHECK(cookie == 99);
    CHECK(error == plan->error);
    CHECK(count == count_of(plan));
    CHECK(!rim_cancel(ctx, world->token)); /* it is over */
    for (uint32_t i = 0; i < count; i++) {
        CHECK(answers[i].error == plan->errors[i]);
        CHECK((answers[i].error == 0) == (answers[i].msg != NULL));
        if (answers[i].error == 0) {
            CHECK(rim_tag(answers[i].msg) == ADD);
            CHECK(rim_size(answers[i].msg) == (i % 3 == 2 ? 3000 : 8));
            CHECK(role_number(answers[i].body) == i);
        }
    }
    world->outcomes++;
    scenario_done(ctx);
    return RIM_DONE;
}

static void release(void *bytes, void *arg) {
    ((struct gathering *)arg)->released++;
    free(bytes);
}

/* Every third is an owned message of 3,000 bytes. */
static rim_ask make_ask(rim_ctx *ctx, struct gathering *world, uint64_t *number, uint32_t i) {
    uint32_t tag = world->plan.tags[i];
    rim_ask ask = {.to = tag == NOBODY ? world->gone : world->answerers[i % 2],
                   .tag = tag,
                   .body = number,
                   .size = sizeof *number};
    if (i % 3 == 2) {
        ask.msg = rim_msg_wrap(ctx, tag, calloc(1, 3000), 3000, release, world);
        CHECK(ask.msg != NULL);
        memcpy(rim_body(ask.msg), number, sizeof *number);
    }
    return ask;
}

ROLE_ON(gather_go) {
    struct gathering *world = role_world(self);
    const struct gather_plan *plan = &world->plan;
    rim_ask asks[MOST];
    uint64_t numbers[MOST];
    uint32_t count = count_of(plan);
    for (uint32_t i = 0; i < count; i++) {
        numbers[i] = i;
        asks[i] = make_ask(ctx, world, &numbers[i], i);
    }
    rim_gathering gathering = {.asks = asks,
                               .count = count,
                               .quorum = plan->quorum,
                               .timeout_ns = plan->timeout_ns,
                               .on_gathered = gathered,
                               .cookie = 99};
    CHECK(rim_gather(ctx, &gathering, &world->token) == plan->returned);
    if (plan->returned != 0) {
        scenario_done(ctx);
    } else if (plan->cancel) {
        CHECK(rim_cancel(ctx, world->token));
        CHECK(!rim_cancel(ctx, world->token));
        scenario_done(ctx);
    } else if (plan->stop) {
        CHECK(rim_after(ctx, RIM_MS(5), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

/* Some have answered by now. */
ROLE_ON(gather_timer) {
    scenario_done(ctx);
    return RIM_STOP;
}
static const rim_handler gather_on[] = {[GO] = gather_go, [RIM_TIMER] = gather_timer};
ROLE(gather_asker, gather_on);

static void gather(struct scenario *s, struct gather_plan plan) {
    static struct gathering world;
    world = (struct gathering){.plan = plan};
    world.plan.timeout_ns = plan.timeout_ns != 0 ? plan.timeout_ns : RIM_SECONDS(60);
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    for (uint32_t i = 0; i < 2; i++) {
        world.answerers[i] = answerer_spawn(s, i);
    }
    world.gone = answerer_spawn(s, 0);
    CHECK(rim_system_send(scenario_system(s), world.gone, FALL, NULL, 0) == 0);
    rim_ref asker = role_spawn(s, &gather_asker, 0, (struct role_cast){.world = &world});
    role_rest(s);
    role_go(s, asker);
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(world.outcomes == (plan.returned != 0 || plan.cancel || plan.stop ? 0 : 1));
    CHECK(stats.requests_open == 0);
    CHECK(scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    CHECK(world.released == count_of(&plan) / 3);
}

void contract_05_gathering_has_one_outcome_with_all_answers(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {ECHO, ECHO, ECHO, ECHO, ECHO, ECHO, ECHO, ECHO, ECHO, ECHO}});
    gather(s, (struct gather_plan){.tags = {ECHO}});
}

void contract_05_gathering_waits_for_all_when_some_fail(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {ECHO, REFUSE, ECHO, NOBODY, ECHO, ECHO},
                                   .error = -RIM_EDOWN, /* known when it is sent */
                                   .errors = {0, -EDOM, 0, -RIM_EDOWN}});
}

void contract_05_gathering_ends_with_its_quorum(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {NEVER, ECHO, NEVER, ECHO, NEVER},
                                   .quorum = 2,
                                   .errors = {-ECANCELED, 0, -ECANCELED, 0, -ECANCELED}});
}

void contract_05_gathering_ends_when_its_quorum_is_out_of_reach(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {NEVER, REFUSE, NEVER, REFUSE},
                                   .quorum = 3,
                                   .error = -EDOM,
                                   .errors = {-ECANCELED, -EDOM, -ECANCELED, -EDOM}});
}

void contract_05_gathering_ends_at_its_deadline(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {ECHO, NEVER, ECHO},
                                   .timeout_ns = scenario_is_sim(s) ? RIM_MS(100) : RIM_SECONDS(1), /* for two */
                                   .error = -ETIMEDOUT,
                                   .errors = {0, -ETIMEDOUT, 0}});
}

void contract_05_gathering_that_is_cancelled_has_no_outcome(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {ECHO, NEVER, ECHO, ECHO}, .cancel = true});
}

void contract_05_gathering_ends_with_its_actor(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {ECHO, NEVER, ECHO, ECHO}, .stop = true});
}

void contract_05_gathering_that_cannot_be_sent_has_no_outcome(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {NOBODY, NOBODY, NOBODY}, .returned = -RIM_EDOWN});
    gather(s, (struct gather_plan){.tags = {ECHO, ECHO, ECHO, NOBODY}, .quorum = 4, .returned = -RIM_EDOWN});
}

void request_gathering_refuses_what_is_wrong(struct scenario *s) {
    gather(s, (struct gather_plan){.tags = {ECHO, ECHO, ECHO}, .quorum = 4, .returned = -EINVAL});
    gather(s, (struct gather_plan){.returned = -EINVAL});
}
