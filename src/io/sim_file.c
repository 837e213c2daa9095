/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/sim_file.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "io/sim_disk.h"
#include "io/sim_map.h"
#include "io/sim_world.h"

#define WORK_NS_MIN 2000u
#define WORK_NS_MAX 150000u
#define LATE_NS_MAX 5000000u

struct rim__sim_file_flight {
    struct rim__sim_file_flight *next, **link; /* in a list of its shard */
    struct rim__sim_shard *owner;
    struct rim__op *op;
    int32_t result;
    uint64_t sum;
};

/* Of what a write names. */
static uint64_t sum_of(const struct rim__op *op) {
    if (op->kind != RIM_OP_FILE) {
        return 0;
    }
    const unsigned char *bytes = op->file.bytes;
    uint64_t sum = op->file.size;
    for (uint32_t i = 0;
         (op->file.what == RIM_FILE_OP_WRITE || op->file.what == RIM_FILE_OP_REPLACE) && i < op->file.size; i++) {
        sum = sum * 31 + bytes[i];
    }
    return sum;
}

static void unlink_flight(struct rim__sim_file_flight *flight) {
    *flight->link = flight->next;
    if (flight->next != NULL) {
        flight->next->link = flight->link;
    }
}

static void make_ready(struct rim__sim_file_flight *flight) {
    struct rim__sim_file_flights *flights = &flight->owner->files;
    struct rim__sim_file_flight **end = &flights->ready;
    unlink_flight(flight);
    while (*end != NULL) {
        end = &(*end)->next;
    }
    flight->next = NULL;
    flight->link = end;
    *end = flight;
    rim__sim_rouse(flight->owner);
}

static void fire(const struct rim__sim_event *event) {
    struct rim__sim_file_flight *flight = event->subject;
    rim__assert(flight->sum == sum_of(flight->op));
    bool is_map = flight->op->kind == RIM_OP_MAP;
    struct rim__sim *sim = flight->owner->sim;
    if (is_map) {
        flight->result = rim__sim_map_perform(sim, flight->op);
    } else if (rim__sim_strikes(sim, RIM_FAULT_interrupted)) {
        flight->result = -EINTR;
    } else {
        flight->result = rim__sim_disk_perform(sim, flight->op);
    }
    make_ready(flight);
}

void rim__sim_file_submit(struct rim__sim_shard *self, struct rim__op *op) {
    struct rim__sim *sim = self->sim;
    rim__assert(!op->in_flight);
    rim__assert(op->done != NULL);
    rim__assert(!self->closed);
    struct rim__sim_file_flight *flight = rim__sim_event_alloc(sizeof *flight);
    flight->owner = self;
    flight->op = op;
    flight->sum = sum_of(op);
    flight->next = self->files.pending;
    flight->link = &self->files.pending;
    if (flight->next != NULL) {
        flight->next->link = &flight->next;
    }
    self->files.pending = flight;
    op->in_flight = true;
    op->cancelling = false;
    self->io.operations_open++;
    uint64_t most_ns = rim__sim_strikes(sim, RIM_FAULT_late_completion) ? LATE_NS_MAX : WORK_NS_MAX;
    rim__sim_event_push(&sim->events, (struct rim__sim_event){
                                          .due_ns = sim->now_ns + rim__sim_between(sim, WORK_NS_MIN, most_ns),
                                          .fire = fire,
                                          .subject = flight,
                                      });
}

static uint64_t what_of(const struct rim__op *op) {
    return op->kind == RIM_OP_MAP ? (uint64_t)op->map.what : (uint64_t)op->file.what;
}

static void complete(struct rim__sim_file_flight *flight) {
    struct rim__sim_shard *self = flight->owner;
    struct rim__op *op = flight->op;
    struct rim__completion completion = {.result = flight->result};
    unlink_flight(flight);
    free(flight);
    rim__sim_note(self->sim, RIM_NOTE_DONE, ((uint64_t)self->shard->index << 40) + (what_of(op) << 8) + op->kind,
                  (uint64_t)(uint32_t)completion.result);
    op->in_flight = false;
    op->cancelling = false;
    self->io.operations_open--;
    self->io.operations++;
    op->done(op, &completion);
}

bool rim__sim_file_run(struct rim__sim_shard *self) {
    bool any = self->files.ready != NULL;
    while (self->files.ready != NULL) {
        complete(self->files.ready);
    }
    return any;
}

void rim__sim_file_cancel_all(struct rim__sim_shard *self) {
    (void)rim__sim_file_run(self);
    while (self->files.pending != NULL) {
        self->files.pending->result = -ECANCELED;
        complete(self->files.pending);
    }
}
