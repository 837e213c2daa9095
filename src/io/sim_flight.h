/* SPDX-License-Identifier: MIT */
/*
 * sim_flight.h - the simulated operations in flight, one record for each, and the ledger that watches them. Called by
 * sim_io.c (submit, cancel), driver_sim.c (arm, run, cancel_all) and by the network, which kicks.
 *
 *     submit --> news --arm--> armed --kick--> ready --run: attempt--> completion: done(), now or held back
 *                                ^---------------------- nothing to do yet
 *
 * An operation submitted or cancelled in a poll takes effect at the next one, as with a ring's queue. Which of the
 * ready ones is next is chosen by the seed; the completions of one operation keep their order. A cancelled operation
 * that could have completed does so at times, by the seed.
 *
 * A send with zero_copy leaves its socket with its first completion, and is over when its notice is: some time later,
 * whatever has become of the connection, and the sooner of two sends not always before the later. It cannot be
 * cancelled any more.
 *
 *     Ledger   asserted: an operation is not submitted twice, not changed while in flight, and what a send names has
 *              the same bytes at its completion as at its submit; a descriptor has one operation of a kind
 *     Threads  the one that steps
 */
#ifndef RINGMAIL_IO_SIM_FLIGHT_H
#define RINGMAIL_IO_SIM_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "io/op.h"

struct rim__sim_shard;
struct rim__sim_socket;

struct rim__sim_flight {
    struct rim__sim_flight *next, **link; /* among all of the shard; in the list of free ones by next */
    struct rim__sim_flight *next_news;
    struct rim__sim_shard *owner;
    struct rim__sim_socket *socket;
    struct rim__op *op;     /* NULL: over */
    uint32_t id;            /* place in the table */
    enum rim__op_kind kind; /* this and the next two: for the ledger */
    int fd;
    uint64_t sum;
    uint32_t ready_at; /* place among the ready, plus 1; 0: not there */
    bool in_news;
    bool armed;
    bool cancelled;              /* and in effect */
    bool spared;                 /* cancelled, but had its chance to complete */
    bool starved;                /* a receive that waits for a buffer */
    bool holding;                /* a completion is held back */
    bool lent;                   /* a send that is over but for its notice; `socket` is NULL */
    uint64_t held_ns;            /* until then */
    struct rim__receipt receipt; /* of the completion, with RECV_MSG */
    struct rim__completion held;
};

struct rim__sim_flights {
    struct rim__sim_flight *all;
    struct rim__sim_flight *unused;
    struct rim__sim_flight *news;
    struct rim__sim_flight **table; /* by id */
    struct rim__sim_flight **ready; /* as large as the table */
    bool starving;                  /* there may be receives that wait for a buffer */
    uint32_t table_count, table_size, ready_count;
};

void rim__sim_flight_submit(struct rim__sim_shard *self, struct rim__sim_socket *socket, struct rim__op *op);
void rim__sim_flight_cancel(struct rim__sim_shard *self, struct rim__op *op);
/* Makes what was submitted and cancelled take effect. */
void rim__sim_flight_arm(struct rim__sim_shard *self);
/* Completes what can be, a bounded number. Whether anything was completed. */
bool rim__sim_flight_run(struct rim__sim_shard *self);
/* It may be able to go on: its shard is to try. NULL is allowed. */
void rim__sim_flight_kick(struct rim__sim_flight *flight);
/* A buffer has come home. Receives that wait for one find out. */
void rim__sim_flight_feed(struct rim__sim_flights *flights);
/* Completes everything, also what done() submits meanwhile, as cancelled. */
void rim__sim_flight_cancel_all(struct rim__sim_shard *self);
void rim__sim_flight_finish(struct rim__sim_flights *flights);

#endif
