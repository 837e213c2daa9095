/* SPDX-License-Identifier: MIT */
/*
 * Mailboxes and requests when memory runs out: stash, pressure, urgent messages, forwarding, gatherings and sequences
 * in a small simulated system, each of whose first allocations fails once. What was begun ends once, nothing is lost
 * from the books, and nothing leaks.
 */
#include <errno.h>

#include <stdlib.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

enum { TELL = RIM_USER, QUESTION, PASS };

#define SHARDS     2u
#define FAIL_UNTIL 600u

static uint32_t wrapped, released, gathers, gathered, sequences, ended, jobs_made, jobs_released;

/* ---- the servers: they put by what they are told, and pass on what they are asked ---- */

struct server {
    rim_ref next;
};

static rim_verdict server_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)ctx;
    memcpy(state, arg, size);
    return RIM_DONE;
}

static rim_verdict on_tell(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body;
    int error = rim_pressure(ctx, true);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    if (rim_stashed(ctx) == 0) {
        error = rim_stash(ctx, msg);
        CU_ASSERT(error == 0 || error == -ENOMEM);
    }
    CU_ASSERT_EQUAL(rim_pressure(ctx, false), 0);
    return RIM_DONE;
}

static rim_verdict on_question(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    rim_unstash(ctx, 1);
    int error = rim_reply(ctx, RIM_NIL, QUESTION, "answer", 7);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    return RIM_DONE;
}

static rim_verdict on_pass(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct server *self = state;
    size_t size = rim_size(msg);
    CU_ASSERT(((const char *)body)[size - 1] == 'x');
    int error = self->next != RIM_NIL ? rim_forward(ctx, self->next, msg) : -RIM_EBADREF;
    if (error == -ENOMEM || error == -RIM_EFULL || error == -RIM_EBADREF) { /* still in hand, as it was */
        CU_ASSERT_EQUAL(rim_size(msg), size);
        CU_ASSERT(((const char *)rim_body(msg))[size - 1] == 'x');
        CU_ASSERT_EQUAL(rim_refuse(ctx, RIM_NIL, -EBUSY), 0);
    }
    return RIM_DONE;
}

static rim_verdict on_closing(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state, (void)body, (void)msg;
    return rim_stashed(ctx) > 0 ? RIM_STOP : RIM_DONE; /* what is put by would hold up the stop */
}

static const rim_handler server_on[] = {
    [TELL] = on_tell, [QUESTION] = on_question, [PASS] = on_pass, [RIM_CLOSING] = on_closing};
static const rim_behaviour server = {.name = "server",
                                     .state_size = sizeof(struct server),
                                     .init = server_init,
                                     .on = server_on,
                                     .on_count = RIM_COUNT(server_on)};

/* ---- the client ---- */

static void release_bytes(void *bytes, void *arg) {
    (void)arg;
    free(bytes);
    released++;
}

static rim_msg *wrap(rim_ctx *ctx, uint32_t tag) {
    char *bytes = calloc(1, 5000);
    bytes[4999] = 'x';
    rim_msg *msg = rim_msg_wrap(ctx, tag, bytes, 5000, release_bytes, NULL);
    if (msg == NULL) {
        free(bytes);
    } else {
        wrapped++;
    }
    return msg;
}

static rim_verdict on_gathered(rim_ctx *ctx, void *state, uint64_t cookie, int error, const rim_answer *answers,
                               uint32_t count) {
    (void)ctx, (void)state, (void)cookie;
    CU_ASSERT_EQUAL(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        CU_ASSERT(answers[i].error <= 0);
        CU_ASSERT(error != 0 || answers[i].error == 0);
    }
    gathered++;
    return RIM_DONE;
}

static void gather(rim_ctx *ctx, rim_ref whom) {
    char large[3000] = {0};
    large[2999] = 'x';
    rim_ask asks[4] = {
        {.to = whom, .tag = QUESTION},
        {.to = whom, .tag = PASS, .body = "x", .size = 1},
        {.to = whom, .tag = PASS, .body = large, .size = sizeof large},
        {.to = whom, .tag = PASS, .msg = wrap(ctx, PASS)},
    };
    if (asks[3].msg == NULL) {
        asks[3].tag = QUESTION;
    }
    rim_gathering all = {.asks = asks, .count = 4, .timeout_ns = RIM_MS(5), .on_gathered = on_gathered};
    int error = rim_gather(ctx, &all, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM || error == -RIM_EFULL);
    gathers += error == 0;
}

static int ask_question(rim_ctx *ctx, void *state, void *job) {
    (void)state;
    return rim_step_ask(ctx, job, &(rim_ask){.to = *(rim_ref *)job, .tag = QUESTION});
}

static int ask_pass(rim_ctx *ctx, void *state, void *job) {
    (void)state;
    rim_msg *msg = wrap(ctx, PASS);
    return msg == NULL ? -ENOMEM : rim_step_ask(ctx, job, &(rim_ask){.to = *(rim_ref *)job, .msg = msg});
}

static rim_verdict on_end(rim_ctx *ctx, void *state, void *job, int error) {
    (void)ctx, (void)state, (void)job;
    CU_ASSERT(error <= 0);
    ended++;
    return RIM_DONE;
}

static void release_job(rim_ctx *ctx, void *job) {
    (void)ctx, (void)job;
    jobs_released++;
}

static const rim_step steps[] = {{.ask = ask_question}, {.ask = ask_pass}, {.ask = ask_question}};
static const rim_plan plan = {
    .steps = steps, .count = RIM_COUNT(steps), .job_size = sizeof(rim_ref), .end = on_end, .release = release_job};

static void start_sequence(rim_ctx *ctx, rim_ref whom) {
    rim_token token = RIM_NIL;
    rim_sequence sequence = {.plan = &plan, .job = &whom, .timeout_ns = RIM_MS(5)};
    int error = rim_sequence_start(ctx, &sequence, &token);
    CU_ASSERT(error == 0 || error == -ENOMEM || error == -RIM_EFULL);
    sequences += error == 0;
    jobs_made += token != RIM_NIL;
}

static void work_with(rim_ctx *ctx, rim_ref whom) {
    (void)rim_send(ctx, whom, TELL, "tell", 5);
    (void)rim_send(ctx, whom, TELL, "tell", 5);
    gather(ctx, whom);
    start_sequence(ctx, whom);
    (void)rim_send_urgent(ctx, whom, TELL, "now", 4);
}

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    struct server role = {.next = RIM_NIL};
    for (uint32_t i = 0; i < 2 * SHARDS; i++) { /* the last answers, the others pass on to the one before */
        rim_ref whom;
        rim_spawn_options options = {.place = RIM_ON_SHARD,
                                     .shard = i % SHARDS,
                                     .overflow = i == 2 ? RIM_OVERFLOW_DROP_OLD : RIM_OVERFLOW_REFUSE,
                                     .mailbox_count = i == 2 ? 2 : 0,
                                     .stash_count = 2};
        int error = rim_spawn(ctx, &server, &options, &role, sizeof role, &whom);
        CU_ASSERT(error == 0 || error == -ENOMEM || error == -RIM_EFULL);
        if (error == 0) {
            work_with(ctx, whom);
            role.next = whom;
        }
    }
    return RIM_DONE;
}

static const rim_behaviour client = {.name = "client", .init = client_init};

/* ---- the runs ---- */

/* Returns whether the allocation with this number was reached. */
static bool run_failing(uint32_t shard, uint64_t fail_at) {
    rim_config config = {.shards = SHARDS, .driver = RIM_DRIVER_SIM, .seed = unit_seed()};
    rim_system *system;
    rim_stop_report report;
    rim_ref ref;
    wrapped = released = gathers = gathered = sequences = ended = jobs_made = jobs_released = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &system), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(system, &client, NULL, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(system), 0);
    struct rim__memory *memory = &system->shards[shard]->memory;
    rim__memory_fail(memory, fail_at, false);
    (void)rim_sim_run(system, RIM_MS(20));
    uint64_t allocations = memory->allocations;
    rim__memory_fail(memory, 0, false); /* the word of the stop needs memory, too */
    bool reached = allocations >= fail_at;
    CU_ASSERT_EQUAL(gathers, gathered);
    CU_ASSERT_EQUAL(sequences, ended);
    CU_ASSERT_EQUAL(jobs_made, jobs_released);
    CU_ASSERT_EQUAL(rim_system_stop(system, RIM_SECONDS(1), &report), 0);
    CU_ASSERT(report.adds_up);
    CU_ASSERT(!report.leaks);
    CU_ASSERT_EQUAL(wrapped, released);
    rim_system_destroy(system);
    return reached;
}

static void check_every_failure(uint32_t shard) {
    uint64_t fail_at = 1;
    while (fail_at < FAIL_UNTIL && run_failing(shard, fail_at)) {
        fail_at++;
    }
    CU_ASSERT(fail_at > 3 && fail_at < FAIL_UNTIL); /* and the last run had none */
}

static void scarce_memory_of_the_asker_ends_every_request_once(void) {
    check_every_failure(0);
}

static void scarce_memory_of_the_other_shard_ends_every_request_once(void) {
    check_every_failure(1);
}

static void scarce_memory_is_not_needed_for_the_rest(void) {
    CU_ASSERT(!run_failing(0, FAIL_UNTIL * 100));
    CU_ASSERT_EQUAL(gathers, 2 * SHARDS);
    CU_ASSERT_EQUAL(sequences, 2 * SHARDS);
}

#define TESTS(X)                                                                                                       \
    X(scarce_memory_is_not_needed_for_the_rest)                                                                        \
    X(scarce_memory_of_the_asker_ends_every_request_once)                                                              \
    X(scarce_memory_of_the_other_shard_ends_every_request_once)
UNIT_SUITE(scarce, TESTS)
