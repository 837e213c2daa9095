/* SPDX-License-Identifier: MIT */
/*
 * pressure.c - a fast producer and a consumer with a small mailbox, on two shards.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))
#define PIECES 100000u

enum { PIECE = RIM_USER };

static sem_t over;

/* ---- the consumer ---- */

struct consumer {
    uint32_t done;
};

static rim_verdict on_piece(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct consumer *self = state;
    if (++self->done == PIECES) {
        printf("%u pieces done\n", self->done);
        sem_post(&over);
    }
    return RIM_DONE;
}

static const rim_handler consumer_on[] = {[PIECE] = on_piece};
static const rim_behaviour consumer = {
    .name = "consumer",
    .state_size = sizeof(struct consumer),
    .on = consumer_on,
    .on_count = RIM_COUNT(consumer_on),
};

/* ---- the producer ---- */

struct producer {
    rim_ref consumer;
    uint32_t left;
};

static rim_verdict produce(rim_ctx *ctx, struct producer *self) {
    for (; self->left > 0; self->left--) {
        int error = rim_send(ctx, self->consumer, PIECE, NULL, 0);
        if (error == -RIM_EFULL) {
            return rim_want_room(ctx, self->consumer) == 0 ? RIM_DONE : RIM_FAIL;
        }
        if (error != 0) {
            return RIM_FAIL;
        }
    }
    return RIM_DONE;
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    return produce(ctx, state);
}

/* They were under way when the mailbox filled: as many again are to be made, when there is room. */
static rim_verdict on_refused(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct producer *self = state;
    const rim_refused_event *event = body;
    self->left += (uint32_t)event->count;
    return rim_want_room(ctx, self->consumer) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict producer_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct producer *self = state;
    rim_spawn_options options = {
        .place = RIM_ON_SHARD,
        .shard = rim_shard_count(ctx) - 1,
        .mailbox_count = 64,
    };
    self->left = PIECES;
    if (rim_spawn(ctx, &consumer, &options, NULL, 0, &self->consumer) != 0) {
        return RIM_FAIL;
    }
    return produce(ctx, self);
}

static const rim_handler producer_on[] = {[RIM_ROOM] = on_room, [RIM_REFUSED] = on_refused};
static const rim_behaviour producer = {
    .name = "producer",
    .state_size = sizeof(struct producer),
    .on = producer_on,
    .on_count = RIM_COUNT(producer_on),
    .init = producer_init,
};

int main(void) {
    rim_config config = {.shards = 2};
    rim_system *system;
    rim_ref someone;
    rim_stop_report report;
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &producer, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), &report);
    printf("the counters add up: %s\n", report.adds_up ? "yes" : "no");
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
100000 pieces done
the counters add up: yes
*/
