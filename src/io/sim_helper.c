/* SPDX-License-Identifier: MIT */
#include "io/sim_helper.h"

#include "io/sim_world.h"
#include "shard/offload.h"

#define BEGIN_NS_MAX 200000u
#define WORK_NS_MIN  10000u
#define WORK_NS_MAX  3000000u

static struct rim__sim *sim_of(const struct rim__offload_job *job) {
    return rim__container_of(job->home->driver, struct rim__sim_shard, driver)->sim;
}

/* As on a thread that is no shard. */
static void run(struct rim__offload_job *job) {
    struct rim__shard *current = rim__shard_current();
    rim__shard_set_current(NULL);
    job->run(job);
    rim__shard_set_current(current);
}

static void finish(const struct rim__sim_event *event) {
    struct rim__offload_job *job = event->subject;
    struct rim__sim *sim = sim_of(job);
    rim__sim_note(sim, RIM_NOTE_HELPED, job->home->index, sim->now_ns);
    run(job);
    rim__offload_end(sim->offload, job);
    rim__sim_helper_later(sim); /* a helper is free */
}

static void begin(const struct rim__sim_event *event) {
    struct rim__sim *sim = event->subject;
    struct rim__offload_job *job = rim__offload_begin(sim->offload);
    if (job != NULL) {
        rim__sim_event_push(&sim->events, (struct rim__sim_event){
                                              .due_ns = sim->now_ns + rim__sim_between(sim, WORK_NS_MIN, WORK_NS_MAX),
                                              .fire = finish,
                                              .subject = job,
                                          });
    }
}

void rim__sim_helper_later(void *arg) {
    struct rim__sim *sim = arg;
    rim__sim_event_push(&sim->events, (struct rim__sim_event){
                                          .due_ns = sim->now_ns + rim__sim_between(sim, 1, BEGIN_NS_MAX),
                                          .fire = begin,
                                          .subject = sim,
                                      });
}
