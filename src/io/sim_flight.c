/* SPDX-License-Identifier: MIT */
#include "io/sim_flight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/driver_sim.h"
#include "io/sim_stream.h"
#include "io/sim_world.h"

#define RUN_MAX          128       /* completions in one poll */
#define HELD_NS_MAX      2000000u  /* a late completion's delay */
#define NOTICE_NS_MAX    50000000u /* a late notice's; else it comes as an answer of the peer would */
#define CLOSE_ROUNDS_MAX 10000     /* done() that submits again for ever is a bug of the layer above */

/* ---- the table ---- */

static void grow(struct rim__sim_flights *flights) {
    uint32_t size = flights->table_size == 0 ? 64 : 2 * flights->table_size;
    flights->table = realloc(flights->table, size * sizeof(struct rim__sim_flight *));
    flights->ready = realloc(flights->ready, size * sizeof(struct rim__sim_flight *));
    rim__assert(flights->table != NULL);
    rim__assert(flights->ready != NULL);
    flights->table_size = size;
}

static struct rim__sim_flight *take_unused(struct rim__sim_flights *flights) {
    struct rim__sim_flight *flight = flights->unused;
    if (flight != NULL) {
        flights->unused = flight->next;
        uint32_t id = flight->id;
        *flight = (struct rim__sim_flight){.id = id};
        return flight;
    }
    if (flights->table_count == flights->table_size) {
        grow(flights);
    }
    flight = rim__sim_event_alloc(sizeof *flight);
    flight->id = flights->table_count;
    flights->table[flights->table_count++] = flight;
    return flight;
}

static void unready(struct rim__sim_flight *flight) {
    struct rim__sim_flights *flights = &flight->owner->flights;
    if (flight->ready_at != 0) {
        struct rim__sim_flight *last = flights->ready[--flights->ready_count];
        flights->ready[flight->ready_at - 1] = last;
        last->ready_at = flight->ready_at;
        flight->ready_at = 0;
    }
}

/* What is in the news yet is put away by arm. */
static void put_unused(struct rim__sim_flight *flight) {
    struct rim__sim_flights *flights = &flight->owner->flights;
    if (!flight->in_news) {
        flight->next = flights->unused;
        flights->unused = flight;
    }
}

static void announce(struct rim__sim_flight *flight) {
    if (!flight->in_news) {
        flight->in_news = true;
        flight->next_news = flight->owner->flights.news;
        flight->owner->flights.news = flight;
    }
}

/* ---- the ledger ---- */

static uint64_t sum_bytes(uint64_t sum, const char *bytes, size_t size) {
    uint64_t word = 0;
    for (; size >= sizeof word; size -= sizeof word, bytes += sizeof word) {
        memcpy(&word, bytes, sizeof word);
        sum = (sum ^ word) * 0x9e3779b97f4a7c15u;
        sum ^= sum >> 32;
    }
    word = 0;
    memcpy(&word, bytes, size);
    return rim__mix(sum ^ word);
}

/* Of what a send names, as far as it can possibly take. */
static uint64_t sum_of(const struct rim__op *op) {
    if (op->kind != RIM_OP_SEND) {
        return 0;
    }
    uint64_t sum = op->send.iov_count;
    size_t left = RIM_SIM_WINDOW;
    rim__assert(op->send.iov_count > 0);
    rim__assert(op->send.iov_count <= RIM_OP_IOV_MAX);
    for (uint32_t i = 0; i < op->send.iov_count && left > 0; i++) {
        size_t size = op->send.iov[i].iov_len < left ? op->send.iov[i].iov_len : left;
        sum = sum_bytes(sum + size, op->send.iov[i].iov_base, size);
        left -= size;
    }
    return sum;
}

static void check(const struct rim__sim_flight *flight) {
    const struct rim__op *op = flight->op;
    rim__assert(op->in_flight);
    rim__assert(op->id == flight->id);
    rim__assert(op->kind == flight->kind);
    rim__assert(op->fd == flight->fd);
    rim__assert(op->done != NULL);
    rim__assert(flight->lent || flight->socket->flights[flight->kind] == flight);
}

/* ---- submit and cancel ---- */

void rim__sim_flight_submit(struct rim__sim_shard *self, struct rim__sim_socket *socket, struct rim__op *op) {
    rim__assert(!op->in_flight);
    rim__assert(op->done != NULL);
    rim__assert(!self->closed);
    rim__assert(socket->flights[op->kind] == NULL);
    struct rim__sim_flight *flight = take_unused(&self->flights);
    flight->owner = self;
    flight->socket = socket;
    flight->op = op;
    flight->kind = op->kind;
    flight->fd = op->fd;
    flight->sum = sum_of(op);
    flight->next = self->flights.all;
    flight->link = &self->flights.all;
    if (flight->next != NULL) {
        flight->next->link = &flight->next;
    }
    self->flights.all = flight;
    socket->flights[op->kind] = flight;
    op->in_flight = true;
    op->cancelling = false;
    op->id = flight->id;
    self->io.operations_open++;
    announce(flight);
}

void rim__sim_flight_cancel(struct rim__sim_shard *self, struct rim__op *op) {
    rim__assert(op->in_flight);
    rim__assert(op->id < self->flights.table_count);
    struct rim__sim_flight *flight = self->flights.table[op->id];
    rim__assert(flight->op == op);
    op->cancelling = true;
    announce(flight);
}

void rim__sim_flight_arm(struct rim__sim_shard *self) {
    struct rim__sim_flight *flight;
    while ((flight = self->flights.news) != NULL) {
        self->flights.news = flight->next_news;
        flight->in_news = false;
        if (flight->op == NULL) {
            put_unused(flight);
            continue;
        }
        if (!flight->armed) {
            flight->armed = true;
            bool takes_buffers = flight->kind == RIM_OP_RECV || flight->kind == RIM_OP_RECV_MSG;
            flight->starved = takes_buffers && rim__sim_pool_is_empty(&self->pool);
            self->flights.starving = self->flights.starving || flight->starved;
            rim__sim_io_begin(flight);
        }
        flight->cancelled = flight->op->cancelling;
        rim__sim_flight_kick(flight);
    }
}

/* ---- completing ---- */

void rim__sim_flight_kick(struct rim__sim_flight *flight) {
    if (flight == NULL || !flight->armed || flight->ready_at != 0) {
        return;
    }
    if (flight->holding && flight->held_ns > flight->owner->sim->now_ns) {
        return;
    }
    struct rim__sim_flights *flights = &flight->owner->flights;
    flights->ready[flights->ready_count++] = flight;
    flight->ready_at = flights->ready_count;
    rim__sim_rouse(flight->owner);
}

void rim__sim_flight_feed(struct rim__sim_flights *flights) {
    if (!flights->starving) {
        return;
    }
    flights->starving = false;
    for (struct rim__sim_flight *flight = flights->all; flight != NULL; flight = flight->next) {
        if (flight->starved) {
            flights->starving = true;
            rim__sim_flight_kick(flight);
        }
    }
}

static void count(struct rim__io *io, const struct rim__sim_flight *flight, int32_t result) {
    io->operations++;
    if (result > 0 && (flight->kind == RIM_OP_RECV || flight->kind == RIM_OP_RECV_MSG)) {
        io->bytes_in += (uint64_t)result;
    } else if (result > 0 && flight->kind == RIM_OP_SEND && !flight->lent) {
        io->bytes_out += (uint64_t)result;
    }
    if (flight->lent) {
        io->zero_copies++;
        io->zero_copies_copied += (uint32_t)result;
    }
}

static void hold(struct rim__sim_flight *flight, const struct rim__completion *completion, uint64_t ns);

/* Its first completion is about to be told: the next send may begin. */
static void lend(struct rim__sim_flight *flight) {
    struct rim__sim *sim = flight->owner->sim;
    const struct rim__completion notice = {.result = (int32_t)rim__random_below(&sim->random, 2)};
    bool is_late = rim__sim_strikes(sim, RIM_FAULT_late_completion);
    flight->socket->flights[flight->kind] = NULL;
    flight->socket = NULL;
    flight->lent = true;
    hold(flight, &notice, rim__sim_between(sim, 1, is_late ? NOTICE_NS_MAX : 2 * sim->latency_ns));
}

static void end(struct rim__sim_flight *flight) {
    struct rim__sim_shard *self = flight->owner;
    struct rim__op *op = flight->op;
    rim__assert(flight->sum == sum_of(op));
    unready(flight);
    *flight->link = flight->next;
    if (flight->next != NULL) {
        flight->next->link = flight->link;
    }
    if (!flight->lent) {
        flight->socket->flights[flight->kind] = NULL;
    }
    flight->op = NULL;
    self->io.operations_open--;
    op->in_flight = false;
    op->cancelling = false;
    put_unused(flight);
}

static void complete(struct rim__sim_flight *flight, const struct rim__completion *completion) {
    struct rim__sim_shard *self = flight->owner;
    struct rim__op *op = flight->op;
    check(flight);
    count(&self->io, flight, completion->result);
    rim__sim_note(self->sim, RIM_NOTE_DONE,
                  ((uint64_t)self->shard->index << 40) + ((uint64_t)flight->fd << 8) + flight->kind,
                  ((uint64_t)(uint32_t)completion->result << 1) + completion->more);
    if (!completion->more) {
        end(flight);
    } else if (flight->kind == RIM_OP_SEND) {
        lend(flight);
    }
    op->done(op, completion);
}

static void complete_cancelled(struct rim__sim_flight *flight) {
    rim__sim_io_abandon(flight);
    complete(flight, &(struct rim__completion){.result = -ECANCELED});
}

static void fire_held(const struct rim__sim_event *event) {
    struct rim__sim_shard *self = event->subject;
    for (struct rim__sim_flight *flight = self->flights.all; flight != NULL; flight = flight->next) {
        if (flight->holding) {
            rim__sim_flight_kick(flight);
        }
    }
}

static void hold(struct rim__sim_flight *flight, const struct rim__completion *completion, uint64_t ns) {
    struct rim__sim *sim = flight->owner->sim;
    unready(flight);
    flight->holding = true;
    flight->held = *completion;
    flight->held_ns = sim->now_ns + ns;
    rim__sim_event_push(&sim->events, (struct rim__sim_event){
                                          .due_ns = flight->held_ns,
                                          .fire = fire_held,
                                          .subject = flight->owner,
                                      });
}

static void complete_held(struct rim__sim_flight *flight) {
    struct rim__completion held = flight->held;
    flight->holding = false;
    flight->held = (struct rim__completion){0};
    complete(flight, &held);
}

/* Tries a ready operation. False: nothing was completed, and it is not ready any more. */
static bool attempt(struct rim__sim_flight *flight) {
    struct rim__sim *sim = flight->owner->sim;
    if (flight->holding) {
        complete_held(flight);
        return true;
    }
    bool may_perform = !flight->cancelled || (!flight->spared && rim__random_below(&sim->random, 2) == 0);
    flight->spared = flight->cancelled;
    struct rim__completion completion = {0};
    if (may_perform && rim__sim_io_perform(flight, &completion)) {
        if (rim__sim_strikes(sim, RIM_FAULT_late_completion)) {
            hold(flight, &completion, rim__sim_between(sim, 1, HELD_NS_MAX));
            return false;
        }
        complete(flight, &completion);
        return true;
    }
    if (flight->cancelled) {
        complete_cancelled(flight);
        return true;
    }
    unready(flight);
    return false;
}

bool rim__sim_flight_run(struct rim__sim_shard *self) {
    bool any = false;
    for (int i = 0; i < RUN_MAX && self->flights.ready_count > 0; i++) {
        uint64_t at = rim__random_below(&self->sim->random, self->flights.ready_count);
        any = attempt(self->flights.ready[at]) || any;
    }
    return any;
}

/* ---- the end ---- */

void rim__sim_flight_cancel_all(struct rim__sim_shard *self) {
    for (int round = 0; self->flights.all != NULL; round++) {
        rim__assert(round < CLOSE_ROUNDS_MAX);
        struct rim__sim_flight *flight = self->flights.all;
        flight->op->cancelling = true;
        if (flight->holding) {
            complete_held(flight);
        } else {
            complete_cancelled(flight);
        }
    }
    rim__sim_flight_arm(self);
}

void rim__sim_flight_finish(struct rim__sim_flights *flights) {
    for (uint32_t i = 0; i < flights->table_count; i++) {
        free(flights->table[i]);
    }
    free(flights->table);
    free(flights->ready);
    *flights = (struct rim__sim_flights){0};
}
