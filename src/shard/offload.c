/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "shard/offload.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "ringmail/error.h"
#include "shard/shard.h"

#define IDLE_SECONDS 5

struct rim__offload {
    struct rim__offload_options options; /* constant */
    cpu_set_t cpus;                      /* constant: those of the process, for helpers made by pinned threads */

    pthread_mutex_t lock; /* the rest is under it */
    pthread_cond_t work;  /* there is some, or the pool is closed */
    pthread_cond_t gone;  /* a helper has ended, or a job was orphaned */
    struct rim__offload_job *first, **last;
    struct rim__offload_job *running;
    uint32_t queued, running_count;
    uint32_t helpers; /* threads, idle and busy */
    uint32_t idle;
    bool closed;
    bool released; /* the last helper frees */
};

/* ---- the lists ---- */

static void link_job(struct rim__offload_job **at, struct rim__offload_job *job) {
    job->next = *at;
    job->link = at;
    if (job->next != NULL) {
        job->next->link = &job->next;
    }
    *at = job;
}

static void unlink_job(struct rim__offload *pool, struct rim__offload_job *job) {
    if (pool->last == &job->next) {
        pool->last = job->link;
    }
    *job->link = job->next;
    if (job->next != NULL) {
        job->next->link = job->link;
    }
}

static void enqueue(struct rim__offload *pool, struct rim__offload_job *job) {
    link_job(pool->last, job);
    pool->last = &job->next;
    job->state = RIM_OFFLOAD_QUEUED;
    pool->queued++;
}

/* ---- making and ending ---- */

int rim__offload_create(const struct rim__offload_options *options, struct rim__offload **out) {
    struct rim__offload *pool = calloc(1, sizeof *pool);
    if (pool == NULL) {
        return -ENOMEM;
    }
    pool->options = *options;
    pool->last = &pool->first;
    if (sched_getaffinity(0, sizeof pool->cpus, &pool->cpus) != 0) {
        CPU_ZERO(&pool->cpus); /* then helpers stay where their makers are */
    }
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, &attr);
    pthread_cond_init(&pool->gone, NULL);
    pthread_condattr_destroy(&attr);
    *out = pool;
    return 0;
}

static void destroy(struct rim__offload *pool) {
    pthread_cond_destroy(&pool->work);
    pthread_cond_destroy(&pool->gone);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* In simulation nobody else ends what has begun. */
static void orphan_all(struct rim__offload *pool) {
    for (struct rim__offload_job *job; (job = pool->running) != NULL;) {
        unlink_job(pool, job);
        pool->running_count--;
        job->orphaned(job);
    }
}

/* A job that a shard's last message has not taken back. */
static void orphan_queued(struct rim__offload *pool) {
    for (struct rim__offload_job *job; (job = pool->first) != NULL;) {
        unlink_job(pool, job);
        pool->queued--;
        job->orphaned(job);
    }
}

void rim__offload_close(struct rim__offload *pool) {
    pthread_mutex_lock(&pool->lock);
    pool->closed = true;
    orphan_queued(pool);
    if (pool->options.later != NULL) {
        orphan_all(pool);
    }
    pthread_cond_broadcast(&pool->work);
    while (pool->helpers > pool->running_count) { /* the idle ones are quick */
        pthread_cond_wait(&pool->gone, &pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

void rim__offload_release(struct rim__offload *pool) {
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->released = true;
    bool last = pool->helpers == 0;
    pthread_mutex_unlock(&pool->lock);
    if (last) {
        destroy(pool);
    }
}

/* ---- a helper ---- */

static struct rim__offload_job *take(struct rim__offload *pool) {
    struct rim__offload_job *job = pool->running_count < pool->options.helpers ? pool->first : NULL;
    if (job != NULL) {
        unlink_job(pool, job);
        pool->queued--;
        job->state = RIM_OFFLOAD_RUNNING;
        link_job(&pool->running, job);
        pool->running_count++;
    }
    return job;
}

static void hand_home(struct rim__offload_job *job) {
    job->state = RIM_OFFLOAD_DONE;
    job->completion = (struct rim_msg){.kind = RIM_KIND_HELPED, .flags = RIM_MSG_EMBEDDED | RIM_MSG_RESERVED};
    int error = rim__inlet_push(job->home, &job->completion, true);
    rim__assert(error == 0);
}

/* The push is under the lock: see the head of offload.h. */
static void finish(struct rim__offload *pool, struct rim__offload_job *job) {
    unlink_job(pool, job);
    pool->running_count--;
    if (!pool->closed) {
        hand_home(job);
    }
}

struct rim__offload_job *rim__offload_begin(struct rim__offload *pool) {
    pthread_mutex_lock(&pool->lock);
    struct rim__offload_job *job = take(pool);
    pthread_mutex_unlock(&pool->lock);
    return job;
}

void rim__offload_end(struct rim__offload *pool, struct rim__offload_job *job) {
    pthread_mutex_lock(&pool->lock);
    bool closed = pool->closed;
    finish(pool, job);
    pthread_mutex_unlock(&pool->lock);
    if (closed) {
        job->orphaned(job);
    }
}

/* False: there is no work and was none for a while, or never will be. Under the lock. */
static bool await_work(struct rim__offload *pool) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    int error = 0;
    pool->idle++;
    while (pool->first == NULL && !pool->closed && error == 0) {
        error = pthread_cond_timedwait(&pool->work, &pool->lock, &until);
    }
    pool->idle--;
    return pool->first != NULL;
}

static void *helper_main(void *arg) {
    struct rim__offload *pool = arg;
    pthread_setname_np(pthread_self(), "rim-helper");
    if (CPU_COUNT(&pool->cpus) > 0) {
        sched_setaffinity(0, sizeof pool->cpus, &pool->cpus);
    }
    pthread_mutex_lock(&pool->lock);
    while (await_work(pool)) {
        struct rim__offload_job *job = take(pool);
        pthread_mutex_unlock(&pool->lock);
        job->run(job);
        rim__offload_end(pool, job);
        pthread_mutex_lock(&pool->lock);
    }
    pool->helpers--;
    bool last = pool->released && pool->helpers == 0;
    pthread_cond_signal(&pool->gone);
    pthread_mutex_unlock(&pool->lock);
    if (last) {
        destroy(pool);
    }
    return NULL;
}

/* Detached: one that a job holds must not hold up anybody. Signals are for the program's own threads. */
static int make_helper(struct rim__offload *pool) {
    pthread_attr_t attr;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = -pthread_create(&thread, &attr, helper_main, pool);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

/* ---- the shard's side ---- */

/* Sees to it that somebody will take what is queued. */
static int find_hands(struct rim__offload *pool) {
    if (pool->idle >= pool->queued) {
        pthread_cond_signal(&pool->work);
        return 0;
    }
    if (pool->helpers >= pool->options.helpers) {
        return 0;
    }
    int error = make_helper(pool);
    pool->helpers += error == 0;
    return pool->helpers > 0 ? 0 : error;
}

int rim__offload_submit(struct rim__shard *home, struct rim__offload_job *job) {
    struct rim__offload *pool = home->offload;
    job->home = home;
    pthread_mutex_lock(&pool->lock);
    bool full = pool->queued >= pool->options.queue_max;
    int error = pool->closed ? -RIM_ESTOPPING : full ? -RIM_EFULL : 0;
    if (error == 0) {
        enqueue(pool, job);
        error = pool->options.later == NULL ? find_hands(pool) : 0;
        if (error != 0) {
            unlink_job(pool, job);
            pool->queued--;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    if (error == 0 && pool->options.later != NULL) {
        pool->options.later(pool->options.arg);
    }
    return error;
}

bool rim__offload_withdraw(struct rim__shard *home, struct rim__offload_job *job) {
    struct rim__offload *pool = home->offload;
    pthread_mutex_lock(&pool->lock);
    bool queued = job->state == RIM_OFFLOAD_QUEUED;
    if (queued) {
        unlink_job(pool, job);
        pool->queued--;
        job->state = RIM_OFFLOAD_IDLE;
    }
    pthread_mutex_unlock(&pool->lock);
    return queued;
}

void rim__offload_deliver(struct rim__shard *home, struct rim_msg *msg) {
    struct rim__offload_job *job = rim__container_of(msg, struct rim__offload_job, completion);
    rim__assert(job->home == home);
    job->state = RIM_OFFLOAD_IDLE;
    job->done(home, job);
}

static const struct rim__offload_job *find_of(const struct rim__offload_job *list, const struct rim__shard *home) {
    while (list != NULL && list->home != home) {
        list = list->next;
    }
    return list;
}

bool rim__offload_describe(struct rim__shard *home, char *text, size_t size) {
    struct rim__offload *pool = home->offload;
    if (pool == NULL) {
        return false;
    }
    pthread_mutex_lock(&pool->lock);
    const struct rim__offload_job *running = find_of(pool->running, home), *queued = find_of(pool->first, home);
    const struct rim__offload_job *job = running != NULL ? running : queued;
    if (job != NULL) {
        snprintf(text, size, "job %s %s", job->name, running != NULL ? "runs in a helper" : "waits for a helper");
    }
    pthread_mutex_unlock(&pool->lock);
    return job != NULL;
}

uint32_t rim__offload_helpers(struct rim__offload *pool) {
    pthread_mutex_lock(&pool->lock);
    uint32_t helpers = pool->helpers;
    pthread_mutex_unlock(&pool->lock);
    return helpers;
}
