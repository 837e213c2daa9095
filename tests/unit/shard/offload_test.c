/* SPDX-License-Identifier: MIT */
#include "shard/offload.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "rig.h"
#include "ringmail/error.h"
#include "unit.h"

struct piece {
    struct rim__offload_job job;
    sem_t begun, go;
    bool blocks, is_done, is_orphaned, ran;
    int order;
};

static struct rig rig;
static struct rim__offload *pool;
static int order;

static struct piece *piece_of(struct rim__offload_job *job) {
    return rim__container_of(job, struct piece, job);
}

static void run(struct rim__offload_job *job) {
    struct piece *piece = piece_of(job);
    piece->ran = true;
    sem_post(&piece->begun);
    if (piece->blocks) {
        sem_wait(&piece->go);
    }
}

static void done(struct rim__shard *home, struct rim__offload_job *job) {
    CU_ASSERT(home == rig.shards[0]);
    piece_of(job)->is_done = true;
    piece_of(job)->order = ++order;
}

static void orphaned(struct rim__offload_job *job) {
    piece_of(job)->is_orphaned = true;
    sem_post(&piece_of(job)->begun);
}

static void make_piece(struct piece *piece, bool blocks) {
    *piece = (struct piece){.blocks = blocks, .job = {.run = run, .done = done, .orphaned = orphaned, .name = "piece"}};
    sem_init(&piece->begun, 0, 0);
    sem_init(&piece->go, 0, 0);
}

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    CU_ASSERT(msg->kind == RIM_KIND_HELPED);
    rim__offload_deliver(shard, msg);
}

static void open_pool(uint32_t helpers, uint32_t queue_max) {
    rig_init(&rig, 1, 4);
    struct rim__offload_options options = {.helpers = helpers, .queue_max = queue_max};
    CU_ASSERT_FATAL(rim__offload_create(&options, &pool) == 0);
    rig.shards[0]->offload = pool;
    rig.shards[0]->deliver = deliver;
    rig_member_of(rig.shards[0])->is_real = true;
    order = 0;
}

static void close_pool(void) {
    rim__offload_close(pool);
    rim__offload_release(pool);
    rig_finish(&rig);
}

static int submit(struct piece *piece) {
    return rim__offload_submit(rig.shards[0], &piece->job);
}

static void tick_until_done(const struct piece *piece) {
    rim__shard_set_current(rig.shards[0]);
    for (int i = 0; i < 100000 && !piece->is_done; i++) {
        rim__shard_tick(rig.shards[0], true);
    }
    rim__shard_set_current(NULL);
    CU_ASSERT(piece->is_done);
}

static void a_job_runs_and_comes_home(void) {
    struct piece piece;
    open_pool(1, 8);
    CU_ASSERT(rim__offload_helpers(pool) == 0);
    make_piece(&piece, false);
    CU_ASSERT(submit(&piece) == 0);
    CU_ASSERT(rim__offload_helpers(pool) == 1);
    tick_until_done(&piece);
    CU_ASSERT(piece.ran);
    CU_ASSERT(!rim__offload_withdraw(rig.shards[0], &piece.job));
    close_pool();
}

static void a_job_that_waits_can_be_withdrawn_and_one_that_runs_cannot(void) {
    struct piece first, second;
    char text[64];
    open_pool(1, 8);
    make_piece(&first, true);
    make_piece(&second, false);
    CU_ASSERT(!rim__offload_describe(rig.shards[0], text, sizeof text));
    CU_ASSERT(submit(&first) == 0);
    sem_wait(&first.begun);
    CU_ASSERT(submit(&second) == 0);
    CU_ASSERT(rim__offload_describe(rig.shards[0], text, sizeof text));
    CU_ASSERT_STRING_EQUAL(text, "job piece runs in a helper");
    CU_ASSERT(!rim__offload_withdraw(rig.shards[0], &first.job));
    CU_ASSERT(rim__offload_withdraw(rig.shards[0], &second.job));
    CU_ASSERT(submit(&second) == 0);
    sem_post(&first.go);
    tick_until_done(&second);
    CU_ASSERT(first.is_done && first.order == 1 && second.order == 2);
    close_pool();
}

static void helpers_and_queue_are_bounded(void) {
    struct piece pieces[6];
    open_pool(2, 3);
    for (int i = 0; i < 6; i++) {
        make_piece(&pieces[i], true);
        CU_ASSERT(submit(&pieces[i]) == (i < 5 ? 0 : -RIM_EFULL));
        if (i < 2) {
            sem_wait(&pieces[i].begun);
        }
    }
    CU_ASSERT(rim__offload_helpers(pool) == 2);
    for (int i = 0; i < 5; i++) {
        sem_post(&pieces[i].go);
    }
    for (int i = 0; i < 5; i++) {
        tick_until_done(&pieces[i]);
    }
    CU_ASSERT(!pieces[5].ran);
    close_pool();
}

static void jobs_that_outlive_the_pool_are_orphaned(void) {
    struct piece running, waiting;
    open_pool(1, 8);
    make_piece(&running, true);
    make_piece(&waiting, false);
    CU_ASSERT(submit(&running) == 0);
    sem_wait(&running.begun);
    CU_ASSERT(submit(&waiting) == 0);
    rim__offload_close(pool);
    CU_ASSERT(waiting.is_orphaned && !waiting.ran);
    CU_ASSERT(submit(&waiting) == -RIM_ESTOPPING);
    rim__offload_release(pool);
    rig_finish(&rig);
    sem_post(&running.go);
    sem_wait(&running.begun); /* orphaned says so */
    CU_ASSERT(running.is_orphaned && !running.is_done);
}

static unsigned looks;

static void count_looks(void *arg) {
    (void)arg;
    looks++;
}

static void a_simulated_pool_has_no_threads(void) {
    struct piece pieces[2];
    rig_init(&rig, 1, 4);
    struct rim__offload_options options = {.helpers = 1, .queue_max = 8, .later = count_looks};
    CU_ASSERT_FATAL(rim__offload_create(&options, &pool) == 0);
    rig.shards[0]->offload = pool;
    rig.shards[0]->deliver = deliver;
    looks = 0;
    CU_ASSERT(rim__offload_begin(pool) == NULL);
    for (int i = 0; i < 2; i++) {
        make_piece(&pieces[i], false);
        CU_ASSERT(submit(&pieces[i]) == 0);
    }
    CU_ASSERT(looks == 2 && rim__offload_helpers(pool) == 0);
    CU_ASSERT(rim__offload_begin(pool) == &pieces[0].job);
    CU_ASSERT(rim__offload_begin(pool) == NULL); /* one helper */
    rim__offload_end(pool, &pieces[0].job);
    tick_until_done(&pieces[0]);
    CU_ASSERT(rim__offload_begin(pool) == &pieces[1].job);
    close_pool();
    CU_ASSERT(pieces[1].is_orphaned);
}

#define TESTS(X)                                                                                                       \
    X(a_job_runs_and_comes_home)                                                                                       \
    X(a_job_that_waits_can_be_withdrawn_and_one_that_runs_cannot)                                                      \
    X(helpers_and_queue_are_bounded)                                                                                   \
    X(jobs_that_outlive_the_pool_are_orphaned)                                                                         \
    X(a_simulated_pool_has_no_threads)
UNIT_SUITE(offload, TESTS)
