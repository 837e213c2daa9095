/* SPDX-License-Identifier: MIT */
/* Requests one after the other: every way from step to step, and every way to the end. */
#include "ringmail/sequence.h"
#include "answerer.h"

#define STEPS     4u
#define TRACE_MAX 64u
#define FOREVER   RIM_SECONDS(600)

/* A job tells what its steps are to ask, and where they go on; what happens is written down as letters. */
struct job {
    struct sequencing *world;
    uint32_t index;
    uint32_t tags[STEPS]; /* 0: the step asks nothing */
    int ask[STEPS];       /* what an ask that asks nothing returns */
    int then[STEPS];      /* where to go from there */
    int otherwise[STEPS];
    uint32_t retries; /* otherwise returns RIM_GOTO(itself) so many times before */
    uint64_t sum;
};

struct sequencing {
    rim_ref answerers[2], gone;
    rim_token tokens[8];
    char trace[TRACE_MAX];
    unsigned ended, released;
    int error;
    bool cancels, fails_actor;
};

static void note(struct sequencing *world, char letter) {
    size_t length = strlen(world->trace);
    CHECK(length + 1 < TRACE_MAX);
    world->trace[length % (TRACE_MAX - 1)] = letter;
}

static int ask_step(rim_ctx *ctx, void *self, struct job *job, uint32_t step) {
    (void)self;
    note(job->world, (char)('a' + step));
    if (job->tags[step] == 0) {
        return job->ask[step];
    }
    uint64_t number = step + 1;
    rim_ask ask = {.to = job->tags[step] == NOBODY ? job->world->gone : job->world->answerers[step % 2],
                   .tag = job->tags[step],
                   .body = &number,
                   .size = sizeof number};
    int error = rim_step_ask(ctx, job, &ask);
    CHECK(error != 0 || rim_step_ask(ctx, job, &ask) == -EALREADY);
    CHECK(rim_step_ask(ctx, NULL, &ask) == -EINVAL && rim_step_ask(ctx, job, NULL) == -EINVAL);
    return error;
}

static int after_step(rim_ctx *ctx, struct job *job, uint32_t step, const void *body) {
    note(job->world, (char)('A' + step));
    job->sum += role_number(body);
    CHECK(rim_step_ask(ctx, job, &(rim_ask){.to = job->world->answerers[0], .tag = ECHO}) == -RIM_ECONTEXT);
    if (job->world->cancels) {
        CHECK(rim_cancel(ctx, job->world->tokens[job->index]));
        CHECK(!rim_cancel(ctx, job->world->tokens[job->index]));
        scenario_done(ctx);
    }
    return job->then[step];
}

static int without_step(struct job *job, uint32_t step, int error) {
    CHECK(error < 0);
    note(job->world, (char)('0' + step));
    if (job->retries > 0) {
        job->retries--;
        return RIM_GOTO(step);
    }
    return job->otherwise[step];
}

#define STEP(n)                                                                                                        \
    static int ask_##n(rim_ctx *ctx, void *self, void *job) {                                                          \
        return ask_step(ctx, self, job, n);                                                                            \
    }                                                                                                                  \
    static int then_##n(rim_ctx *ctx, void *self, void *job, const void *body, rim_msg *msg) {                         \
        (void)self, (void)msg;                                                                                         \
        return after_step(ctx, job, n, body);                                                                          \
    }                                                                                                                  \
    ROLE_UNUSED static int otherwise_##n(rim_ctx *ctx, void *self, void *job, int error) {                             \
        (void)ctx, (void)self;                                                                                         \
        return without_step(job, n, error);                                                                            \
    }
STEP(0)
STEP(1)
STEP(2)
STEP(3)

static const rim_step steps[] = {
    {.ask = ask_0, .then = then_0, .otherwise = otherwise_0},
    {.ask = ask_1, .then = then_1, .otherwise = otherwise_1},
    {.ask = ask_2, .then = then_2, .otherwise = otherwise_2},
    {.ask = ask_3, .then = then_3},
};

static rim_verdict ended(rim_ctx *ctx, void *self, void *job, int error) {
    struct job *mine = job;
    struct sequencing *world = role_world(self);
    CHECK(!rim_cancel(ctx, world->tokens[mine->index]));
    note(world, '.');
    world->error = error;
    world->ended++;
    ((struct role *)self)->value += mine->sum;
    scenario_done(ctx);
    return world->fails_actor ? rim_fail(ctx, RIM_EXIT_USER, "as the plan says") : RIM_DONE;
}

static void released(rim_ctx *ctx, void *job) {
    (void)ctx;
    struct sequencing *world = ((struct job *)job)->world;
    note(world, '!');
    world->released++;
}
static const rim_plan plan = {
    .steps = steps, .count = RIM_COUNT(steps), .job_size = sizeof(struct job), .end = ended, .release = released};

/* ---- one sequence, played by an actor ---- */

struct play {
    struct sequencing world;
    struct job job;
    uint64_t timeout_ns;
    uint32_t copies;  /* sequences at once; 0: one */
    int returned;     /* by the start */
    bool cancel, end; /* after the start: cancel it, end the actor */
};
static struct play play;

ROLE_ON(player_go) {
    uint32_t copies = play.copies != 0 ? play.copies : 1;
    for (uint32_t i = 0; i < copies; i++) {
        play.job.index = i;
        rim_sequence sequence = {.plan = &plan, .job = &play.job, .timeout_ns = play.timeout_ns};
        CHECK(rim_sequence_start(ctx, &sequence, &play.world.tokens[i]) == play.returned);
    }
    if (play.cancel) {
        CHECK(rim_cancel(ctx, play.world.tokens[0]));
    }
    if (play.cancel || play.returned != 0) {
        scenario_done(ctx);
    }
    if (play.end) {
        CHECK(rim_after(ctx, RIM_MS(5), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

/* In the second step, which has no end of its own. */
ROLE_ON(player_timer) {
    if (strchr(play.world.trace, 'b') == NULL) {
        CHECK(rim_after(ctx, RIM_MS(5), 0) != RIM_NIL);
        return RIM_DONE;
    }
    scenario_done(ctx);
    return RIM_STOP;
}
static const rim_handler player_on[] = {[GO] = player_go, [RIM_TIMER] = player_timer};
ROLE(player, player_on);

/* The trace: a..d a step asks, A..D its reply has come, 0..2 it has failed, . the end, ! the job is released. */
static void act(struct scenario *s, struct play what, const char *trace) {
    play = what;
    play.job.world = &play.world;
    play.timeout_ns = what.timeout_ns != 0 ? what.timeout_ns : FOREVER;
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    for (uint32_t i = 0; i < 2; i++) {
        play.world.answerers[i] = answerer_spawn(s, i);
    }
    play.world.gone = answerer_spawn(s, 0);
    CHECK(rim_system_send(scenario_system(s), play.world.gone, FALL, NULL, 0) == 0);
    rim_ref ref = role_spawn(s, &player, 0, (struct role_cast){.world = &play.world});
    role_rest(s);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    CHECK(trace == NULL || strcmp(play.world.trace, trace) == 0);
    CHECK(play.world.released == (what.copies != 0 ? what.copies : 1));
}

#define ALL_ECHO                                                                                                       \
    { ECHO, ECHO, ECHO, ECHO }

void sequence_runs_its_steps_one_after_the_other(struct scenario *s) {
    act(s, (struct play){.job = {.tags = ALL_ECHO}}, "aAbBcCdD.!");
    CHECK(play.world.error == 0);
}

void sequence_goes_where_its_steps_say(struct scenario *s) {
    act(s, (struct play){.job = {.tags = ALL_ECHO, .then = {RIM_GOTO(2), 0, RIM_END}}}, "aAcC.!");
    CHECK(play.world.error == 0);
    act(s, (struct play){.job = {.tags = {ECHO, 0, 0, ECHO}, .ask = {0, RIM_NEXT, RIM_GOTO(3)}}}, "aAbcdD.!");
    CHECK(play.world.error == 0);
    act(s, (struct play){.job = {.tags = {ECHO, 0}, .ask = {0, RIM_END}}}, "aAb.!");
    CHECK(play.world.error == 0);
    act(s, (struct play){.job = {.tags = ALL_ECHO, .then = {0, RIM_GOTO(9)}}}, "aAbB.!");
    CHECK(play.world.error == -EINVAL);
    act(s, (struct play){.job = {.tags = ALL_ECHO, .then = {0, -ENOENT}}}, "aAbB.!");
    CHECK(play.world.error == -ENOENT);
}

void sequence_takes_the_error_branch(struct scenario *s) {
    act(s, (struct play){.job = {.tags = {ECHO, REFUSE, ECHO, ECHO}, .otherwise = {0, RIM_GOTO(3)}}}, "aAb1dD.!");
    CHECK(play.world.error == 0);
    act(s, (struct play){.job = {.tags = {ECHO, REFUSE}, .otherwise = {0, -EPERM}, .retries = 2}}, "aAb1b1b1.!");
    CHECK(play.world.error == -EPERM);
    act(s, (struct play){.job = {.tags = {ECHO, NOBODY, ECHO, ECHO}, .otherwise = {0, RIM_NEXT}}}, "aAb1cCdD.!");
    CHECK(play.world.error == 0);
    act(s, (struct play){.job = {.tags = {ECHO, ECHO, ECHO, REFUSE}}}, "aAbBcCd.!"); /* it has none */
    CHECK(play.world.error == -EDOM);
}

void sequence_ends_at_the_deadline_of_the_whole(struct scenario *s) {
    uint64_t timeout_ns = scenario_is_sim(s) ? RIM_MS(50) : RIM_SECONDS(1); /* enough for the first step */
    act(s, (struct play){.job = {.tags = {ECHO, NEVER}, .otherwise = {0, RIM_NEXT}}, .timeout_ns = timeout_ns},
        "aAb.!");
    CHECK(play.world.error == -ETIMEDOUT);
}

void sequence_that_fails_at_once_has_no_end(struct scenario *s) {
    act(s, (struct play){.job = {.tags = {NOBODY}, .otherwise = {-EPERM}}, .returned = -EPERM}, "a0!");
    act(s, (struct play){.job = {.ask = {-EBADF}, .otherwise = {-EPERM}}, .returned = -EPERM}, "a0!");
    act(s, (struct play){.returned = 1}, "abcd!"); /* nothing to ask */
}

void contract_08_sequence_that_is_cancelled_has_no_end(struct scenario *s) {
    act(s, (struct play){.job = {.tags = ALL_ECHO}, .cancel = true}, "a!");
    CHECK(play.world.ended == 0);
    act(s, (struct play){.job = {.tags = ALL_ECHO}, .world.cancels = true}, "aA!");
    CHECK(play.world.ended == 0);
}

void sequence_ends_with_its_actor(struct scenario *s) {
    act(s, (struct play){.job = {.tags = {ECHO, NEVER}}, .end = true}, "aAb!");
    CHECK(play.world.ended == 0);
    act(s, (struct play){.job = {.tags = ALL_ECHO}, .world.fails_actor = true}, "aAbBcCdD.!");
    CHECK(play.world.error == 0);
}

void sequence_runs_beside_others_of_its_actor(struct scenario *s) {
    act(s, (struct play){.job = {.tags = {ECHO, NEVER}, .otherwise = {0}}, .copies = 8, .timeout_ns = RIM_MS(50)},
        NULL);
    CHECK(play.world.ended == 8);
    CHECK(play.world.error == -ETIMEDOUT);
}

/* ---- what is wrong ---- */

static int ask_loop(rim_ctx *ctx, void *self, void *job) {
    (void)ctx, (void)self, (void)job;
    return RIM_GOTO(0);
}

static rim_verdict never_ended(rim_ctx *ctx, void *self, void *job, int error) {
    (void)ctx, (void)self, (void)job, (void)error;
    CHECK(!"it was never under way");
    return RIM_DONE;
}

ROLE_ON(wrong_go) {
    static const rim_step loop[] = {{.ask = ask_loop}};
    static const rim_plan good = {.steps = loop, .count = 1, .end = never_ended};
    static const rim_plan no_end = {.steps = loop, .count = 1};
    static const rim_plan no_steps = {.end = never_ended};
    static const rim_plan large = {.steps = loop, .count = 1, .end = never_ended, .job_size = 65537};
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &good}, NULL) == -EINVAL);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.timeout_ns = 1}, NULL) == -EINVAL);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &no_end, .timeout_ns = 1}, NULL) == -EINVAL);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &no_steps, .timeout_ns = 1}, NULL) == -EINVAL);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &large, .timeout_ns = 1}, NULL) == -EINVAL);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &good, .timeout_ns = 1, .on_behalf = 5}, NULL) ==
          -RIM_EBADREF);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &good, .timeout_ns = 1}, NULL) == -ELOOP);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler wrong_on[] = {[GO] = wrong_go};
ROLE(wrong_starter, wrong_on);

void sequence_refuses_what_is_wrong(struct scenario *s) {
    role_go(s, role_spawn(s, &wrong_starter, 0, (struct role_cast){0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- the deadline of the request that it works for ---- */

struct served {
    rim_ref server, answerer;
    uint64_t deadline_ns;
    rim_token token;
    int outcome;
};

static int ask_when(rim_ctx *ctx, void *self, void *job) {
    struct served *world = role_world(self);
    return rim_step_ask(ctx, job, &(rim_ask){.to = world->answerer, .tag = WHEN});
}

static int check_when(rim_ctx *ctx, void *self, void *job, const void *body, rim_msg *msg) {
    (void)ctx, (void)job, (void)msg;
    CHECK(role_number(body) == ((struct served *)role_world(self))->deadline_ns);
    return RIM_NEXT;
}

static rim_verdict answer(rim_ctx *ctx, void *self, void *job, int error) {
    (void)job;
    CHECK(error == 0);
    CHECK(rim_reply(ctx, ((struct served *)role_world(self))->token, ADD, NULL, 0) == 0);
    return RIM_DONE;
}
static const rim_step when_steps[] = {{.ask = ask_when, .then = check_when}, {.ask = ask_when, .then = check_when}};
static const rim_plan when_plan = {.steps = when_steps, .count = 2, .end = answer};

ROLE_ON(server_ask) {
    struct served *world = role_world(self);
    world->token = rim_defer(ctx);
    CHECK(rim_sequence_start(ctx, &(rim_sequence){.plan = &when_plan, .timeout_ns = FOREVER}, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler server_on[] = {[ASK] = server_ask};
ROLE(sequence_server, server_on);

ROLE_OUTCOME(served_outcome) {
    CHECK(error == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(served_go) {
    struct served *world = role_world(self);
    rim_ask ask = {.to = world->server, .tag = ASK, .timeout_ns = RIM_SECONDS(60), .on_outcome = served_outcome};
    world->deadline_ns = rim_now(ctx) + ask.timeout_ns;
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler served_on[] = {[GO] = served_go};
ROLE(served_asker, served_on);

void contract_05_deadline_travels_along_a_sequence(struct scenario *s) {
    static struct served world;
    world = (struct served){0};
    scenario_open_lanes(s);
    world.answerer = answerer_spawn(s, 1);
    world.server = role_spawn(s, &sequence_server, 0, (struct role_cast){.world = &world});
    role_go(s, role_spawn(s, &served_asker, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}
