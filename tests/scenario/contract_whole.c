/* SPDX-License-Identifier: MIT */
/* Points 1 and 12 of the contract, once more: every callback runs on the shard's thread, and the process is left alone.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "role.h"

/* ---- 1: whatever is called for an actor is called by its shard ---- */

#define ACTORS_EACH 8u

struct callbacks {
    pthread_t threads[2];
    atomic_bool known[2];
    rim_ref answerers[2];
    atomic_uint ended, outcomes, migrations, cleanups, released;
};

static struct callbacks *callbacks;

static void check_thread(const rim_ctx *ctx) {
    uint32_t shard = rim_shard_index(ctx);
    CHECK(shard == rim_shard_of(rim_self(ctx)));
    if (!atomic_exchange(&callbacks->known[shard], true)) {
        callbacks->threads[shard] = pthread_self(); /* by that shard alone */
    }
    CHECK(pthread_equal(callbacks->threads[shard], pthread_self()) != 0);
}

ROLE_ON(whole_ask) {
    check_thread(ctx);
    CHECK(rim_reply(ctx, RIM_NIL, WORD, NULL, 0) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(whole_asked) {
    check_thread(ctx);
    CHECK(error == 0);
    atomic_fetch_add(&callbacks->outcomes, 1);
    return RIM_DONE;
}

static int work_elsewhere(void *arg) {
    *(uint64_t *)arg += 1;
    return 0;
}

static void note_cleanup(void *arg) {
    (void)arg;
    atomic_fetch_add(&callbacks->cleanups, 1);
}

ROLE_OUTCOME(whole_worked) {
    check_thread(ctx);
    CHECK(error == 0 && role_number(body) == 8);
    atomic_fetch_add(&callbacks->outcomes, 1);
    CHECK(rim_after(ctx, RIM_US(10), 0) != RIM_NIL);
    return RIM_DONE;
}

static void note_release(void *bytes, void *arg) {
    uint32_t shard = (uint32_t)(uintptr_t)arg;
    (void)bytes;
    CHECK(pthread_equal(callbacks->threads[shard], pthread_self()) != 0);
    atomic_fetch_add(&callbacks->released, 1);
}

static int whole_migrate(rim_ctx *ctx, const void *old, void *fresh, const void *arg) {
    (void)arg;
    check_thread(ctx);
    memcpy(fresh, old, sizeof(struct role));
    atomic_fetch_add(&callbacks->migrations, 1);
    return 0;
}

ROLE_ON(whole_tick) {
    check_thread(ctx);
    return RIM_STOP;
}

static void whole_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)self;
    check_thread(ctx);
    CHECK(why.code == RIM_EXIT_NORMAL);
    if (atomic_fetch_add(&callbacks->ended, 1) + 1 == 2 * ACTORS_EACH) {
        scenario_done(ctx);
    }
}

static const rim_handler whole_after_on[] = {[RIM_TIMER] = whole_tick};
ROLE(whole_after, whole_after_on, .exit = whole_exit);

/* A request to the other shard, a body of its own, a job for a helper; then it becomes another and ends by a timer. */
ROLE_ON(whole_go) {
    static char bytes[256];
    uint32_t shard = rim_shard_index(ctx);
    uint64_t seven = 7;
    check_thread(ctx);
    rim_ask ask = {.to = callbacks->answerers[1 - shard],
                   .tag = ASK,
                   .timeout_ns = ROLE_LIMIT_NS,
                   .on_outcome = whole_asked,
                   .msg = rim_msg_wrap(ctx, ASK, bytes, sizeof bytes, note_release, (void *)(uintptr_t)shard)};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    rim_job job = {.run = work_elsewhere,
                   .arg = &seven,
                   .size = sizeof seven,
                   .cleanup = note_cleanup,
                   .timeout_ns = ROLE_LIMIT_NS,
                   .on_outcome = whole_worked};
    CHECK(rim_offload(ctx, &job, NULL) == 0);
    CHECK(rim_become_with(ctx, &whole_after, whole_migrate, NULL) == 0);
    return RIM_DONE;
}

static rim_verdict whole_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    check_thread(ctx);
    return role_init(ctx, self, arg, size);
}

static const rim_handler whole_on[] = {[GO] = whole_go, [ASK] = whole_ask};
static const rim_behaviour whole = {.name = "whole",
                                    .state_size = sizeof(struct role),
                                    .init = whole_init,
                                    .on = whole_on,
                                    .on_count = RIM_COUNT(whole_on)};

void contract_01_every_callback_runs_on_the_shards_thread(struct scenario *s) {
    static struct callbacks world;
    memset(&world, 0, sizeof world);
    callbacks = &world;
    scenario_open_lanes(s);
    for (uint32_t shard = 0; shard < 2; shard++) {
        world.answerers[shard] = role_spawn(s, &whole, shard, (struct role_cast){.world = &world});
    }
    for (uint32_t i = 0; i < 2 * ACTORS_EACH; i++) {
        role_go(s, role_spawn(s, &whole, i % 2, (struct role_cast){.world = &world}));
    }
    scenario_run(s, ROLE_LIMIT_NS);
    ROLE_AWAIT(s, atomic_load(&world.released) == 2 * ACTORS_EACH && atomic_load(&world.cleanups) == 2 * ACTORS_EACH);
    CHECK(atomic_load(&world.migrations) == 2 * ACTORS_EACH);
    CHECK(atomic_load(&world.released) == 2 * ACTORS_EACH);
    CHECK(atomic_load(&world.cleanups) == 2 * ACTORS_EACH);
}

/* ---- 12: the process is as it was ---- */

#define SYSTEMS 5
#define SIGNALS 32 /* the signals of old; libc keeps some of the others to itself */

static uint32_t count_descriptors(void) {
    DIR *dir = opendir("/proc/self/fd");
    uint32_t count = 0;
    while (dir != NULL && readdir(dir) != NULL) {
        count++;
    }
    CHECK(dir != NULL && closedir(dir) == 0);
    return count;
}

struct process {
    sigset_t mask;
    void (*handlers[SIGNALS])(int);
    uint32_t descriptors;
};

static void look_at_process(struct process *process) {
    memset(process, 0, sizeof *process);
    CHECK(pthread_sigmask(SIG_SETMASK, NULL, &process->mask) == 0);
    for (int number = 1; number < SIGNALS; number++) {
        struct sigaction action;
        CHECK(sigaction(number, NULL, &action) == 0);
        process->handlers[number] = action.sa_handler;
    }
    process->descriptors = count_descriptors();
}

static void check_process(const struct process *before, bool at_end) {
    struct process now;
    look_at_process(&now);
    CHECK(memcmp(now.handlers, before->handlers, sizeof now.handlers) == 0);
    for (int number = 1; number < SIGNALS; number++) {
        CHECK(sigismember(&now.mask, number) == sigismember(&before->mask, number));
    }
    CHECK(!at_end || now.descriptors == before->descriptors);
}

static atomic_uint quiet_handled;

ROLE_ON(quiet_fails) {
    atomic_fetch_add(&quiet_handled, 1);
    rim_log(ctx, RIM_LOG_ERROR, "nobody is to see this");
    return rim_fail(ctx, RIM_EXIT_USER, "nor this");
}
static const rim_handler quiet_on[] = {[WORD] = quiet_fails};
ROLE(quiet, quiet_on);

/* Makes all, lets an actor of each fail, and ends them in another order than they were made in. */
static void run_systems(struct scenario *s, const struct process *before) {
    rim_system *systems[SYSTEMS];
    rim_ref ref;
    for (uint64_t i = 0; i < SYSTEMS; i++) {
        rim_config config = {.shards = 1 + (uint32_t)i % 2, .driver = scenario_driver(s), .seed = i + 1};
        struct role_cast cast = {.index = i};
        systems[i] = scenario_create(&config);
        CHECK(rim_system_start(systems[i]) == 0);
        CHECK(rim_system_spawn(systems[i], &quiet, NULL, &cast, sizeof cast, &ref) == 0);
        CHECK(rim_system_send(systems[i], ref, WORD, &i, sizeof i) == 0);
    }
    check_process(before, false);
    for (uint64_t i = 0; i < SYSTEMS; i++) {
        uint64_t which = i * 3 % SYSTEMS;
        rim_stop_report report;
        CHECK(rim_system_stop(systems[which], RIM_SECONDS(5), &report) == 0);
        CHECK(report.adds_up && !report.leaks);
        rim_system_destroy(systems[which]);
    }
}

/* Signals, descriptors and output of the process are as they were, whatever its systems do. */
void contract_12_process_is_left_as_it_was(struct scenario *s) {
    struct process before;
    int out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), paper = memfd_create("output", MFD_CLOEXEC);
    CHECK(out >= 0 && err >= 0 && paper >= 0);
    atomic_store(&quiet_handled, 0);
    look_at_process(&before);
    CHECK(dup2(paper, STDOUT_FILENO) >= 0 && dup2(paper, STDERR_FILENO) >= 0);
    run_systems(s, &before);
    CHECK(dup2(out, STDOUT_FILENO) >= 0 && dup2(err, STDERR_FILENO) >= 0);
    CHECK(lseek(paper, 0, SEEK_END) == 0);
    CHECK(atomic_load(&quiet_handled) == SYSTEMS);
    check_process(&before, true);
    close(out);
    close(err);
    close(paper);
}
