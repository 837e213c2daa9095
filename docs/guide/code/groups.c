/* SPDX-License-Identifier: MIT */
/*
 * groups.c - news for all workers, and jobs for one of them at a time.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { NEWS = RIM_USER, HEARD, JOB };
enum { WORKERS = 4, JOBS = 12 };

static sem_t over;

/* ---- a worker: a member from its birth on ---- */

struct worker {
    uint32_t jobs;
};

static rim_verdict on_news(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return rim_send(ctx, rim_sender(ctx), HEARD, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_job(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct worker *self = state;
    self->jobs++;
    return rim_reply(ctx, RIM_NIL, JOB, &self->jobs, sizeof self->jobs) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler worker_on[] = {[NEWS] = on_news, [JOB] = on_job};
static const rim_behaviour worker = {
    .name = "worker",
    .state_size = sizeof(struct worker),
    .on = worker_on,
    .on_count = RIM_COUNT(worker_on),
};

/* ---- the office ---- */

struct office {
    uint32_t heard, done, most;
};

static rim_verdict on_done(rim_ctx *ctx UNUSED, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg UNUSED) {
    struct office *self = state;
    if (error != 0) {
        return RIM_FAIL;
    }
    uint32_t jobs = *(const uint32_t *)body;
    self->most = jobs > self->most ? jobs : self->most;
    if (++self->done == JOBS) {
        printf("%u jobs are done, and no worker did more than %u\n", self->done, self->most);
        sem_post(&over);
    }
    return RIM_DONE;
}

static rim_verdict on_heard(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct office *self = state;
    if (++self->heard < WORKERS) {
        return RIM_DONE;
    }
    printf("%u workers have heard the news\n", self->heard);
    rim_ref pool = rim_pool(rim_group(ctx, "workers"), RIM_POOL_ROUND);
    rim_ask ask = {.tag = JOB, .timeout_ns = RIM_SECONDS(1), .on_outcome = on_done};
    for (uint64_t i = 0; i < JOBS; i++) {
        if (rim_pool_request(ctx, pool, i, &ask, NULL) != 0) {
            return RIM_FAIL;
        }
    }
    return RIM_DONE;
}

/* Somebody has joined. When all are there, the news. */
static rim_verdict on_group(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_group_event *event = body;
    if (event->joined && event->count == WORKERS) {
        int reached = rim_publish(ctx, event->group, NEWS, "all is well", 12);
        printf("published to %d members\n", reached);
    }
    return RIM_DONE;
}

static rim_verdict office_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_ref group = rim_group(ctx, "workers"), someone;
    int error = rim_group_watch(ctx, group, true);
    for (uint32_t i = 0; i < WORKERS && error == 0; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx), .group = group};
        error = rim_spawn(ctx, &worker, &options, NULL, 0, &someone);
    }
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler office_on[] = {[RIM_GROUP] = on_group, [HEARD] = on_heard};
static const rim_behaviour office = {
    .name = "office",
    .state_size = sizeof(struct office),
    .on = office_on,
    .on_count = RIM_COUNT(office_on),
    .init = office_init,
};

int main(void) {
    rim_config config = {.shards = 2};
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    error = error != 0 ? error : rim_system_spawn(system, &office, NULL, NULL, 0, &someone);
    error = error != 0 ? error : rim_system_start(system);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
published to 4 members
4 workers have heard the news
12 jobs are done, and no worker did more than 3
*/
