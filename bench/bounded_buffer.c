/* SPDX-License-Identifier: MIT */
/*
 * Savina's bounded buffer: 40 producers make 1,000 items each, 40 consumers take them, and a buffer of 50 is between
 * them. A producer makes its next item when the buffer has told it to, and a consumer gets one when it has said that it
 * is free. Items cost 25 rounds of arithmetic to make and to take.
 */
#include <math.h>

#include "harness.h"
#include "whole.h"

enum { PRODUCE = WHOLE_USER, ITEM, FREE };
enum { PRODUCERS = 40, CONSUMERS = 40, ITEMS = 1000, ROOM = 50, ROUNDS = 25, HERE = CONSUMERS + PRODUCERS + ROOM };

static double work(double item) {
    for (int i = 0; i < ROUNDS; i++) {
        item += log(fabs(item) + 0.01 + i);
    }
    return item;
}

/* A list of what waits; as long as all of it together. */
struct queue {
    uint32_t head, count;
    union {
        rim_ref ref;
        double item;
    } slots[HERE];
};

static rim_ref take_ref(struct queue *queue) {
    queue->count--;
    return queue->slots[queue->head++ % HERE].ref;
}

static double take_item(struct queue *queue) {
    queue->count--;
    return queue->slots[queue->head++ % HERE].item;
}

static void add_ref(struct queue *queue, rim_ref ref) {
    queue->slots[(queue->head + queue->count++) % HERE].ref = ref;
}

static void add_item(struct queue *queue, double item) {
    queue->slots[(queue->head + queue->count++) % HERE].item = item;
}

/* ---- producers and consumers ---- */

struct producer {
    struct whole *whole;
    double last;
    uint32_t made;
};

static rim_verdict on_produce(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct producer *self = state;
    (void)body;
    (void)msg;
    self->last = work(self->last);
    int error = rim_send(ctx, rim_sender(ctx), ITEM, &self->last, sizeof self->last);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return ++self->made == ITEMS ? RIM_STOP : RIM_DONE;
}

static const rim_handler producer_on[] = {[PRODUCE] = on_produce};
static const rim_behaviour producer = {
    .name = "producer",
    .state_size = sizeof(struct producer),
    .on = producer_on,
    .on_count = RIM_COUNT(producer_on),
    .init = whole_init,
};

struct consumer {
    struct whole *whole;
    double sum;
};

static rim_verdict on_item(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct consumer *self = state;
    (void)msg;
    self->sum += work(*(const double *)body);
    int error = rim_send(ctx, rim_sender(ctx), FREE, NULL, 0);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static const rim_handler consumer_on[] = {[ITEM] = on_item};
static const rim_behaviour consumer = {
    .name = "consumer",
    .state_size = sizeof(struct consumer),
    .on = consumer_on,
    .on_count = RIM_COUNT(consumer_on),
    .init = whole_init,
};

/* ---- the buffer ---- */

struct buffer {
    struct whole *whole;
    struct queue items, free, held; /* held: producers that have not been told to go on */
    uint32_t on_order, taken;
};

static int order(rim_ctx *ctx, struct buffer *self, rim_ref producer_ref) {
    if (self->items.count + self->on_order >= ROOM) {
        add_ref(&self->held, producer_ref);
        return 0;
    }
    self->on_order++;
    int error = rim_send(ctx, producer_ref, PRODUCE, NULL, 0);
    return error == -RIM_EDOWN ? (self->on_order--, 0) : error; /* it has made all of its items */
}

static int hand_out(rim_ctx *ctx, struct buffer *self) {
    int error = 0;
    while (self->items.count > 0 && self->free.count > 0 && error == 0) {
        double item = take_item(&self->items);
        error = rim_send(ctx, take_ref(&self->free), ITEM, &item, sizeof item);
    }
    while (self->held.count > 0 && self->items.count + self->on_order < ROOM && error == 0) {
        error = order(ctx, self, take_ref(&self->held));
    }
    return error;
}

static rim_verdict on_go(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct buffer *self = state;
    int error = 0;
    rim_ref ref;
    (void)body;
    (void)msg;
    for (uint32_t i = 0; i < CONSUMERS && error == 0; i++) {
        error = whole_spawn(ctx, &consumer, i, self->whole, &ref);
        add_ref(&self->free, ref);
    }
    for (uint32_t i = 0; i < PRODUCERS && error == 0; i++) {
        error = whole_spawn(ctx, &producer, i, self->whole, &ref);
        error = error != 0 ? error : order(ctx, self, ref);
    }
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_made(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct buffer *self = state;
    (void)msg;
    self->on_order--;
    add_item(&self->items, *(const double *)body);
    int error = order(ctx, self, rim_sender(ctx));
    error = error != 0 ? error : hand_out(ctx, self);
    if (error != 0) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static rim_verdict on_free(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct buffer *self = state;
    (void)body;
    (void)msg;
    add_ref(&self->free, rim_sender(ctx));
    int error = hand_out(ctx, self);
    if (error != 0 || ++self->taken == PRODUCERS * ITEMS) {
        whole_over(self->whole, error);
    }
    return RIM_DONE;
}

static const rim_handler buffer_on[] = {[WHOLE_GO] = on_go, [ITEM] = on_made, [FREE] = on_free};
static const rim_behaviour buffer = {
    .name = "buffer",
    .state_size = sizeof(struct buffer),
    .on = buffer_on,
    .on_count = RIM_COUNT(buffer_on),
    .init = whole_init,
};

static int play(uint32_t shards, struct sample *out) {
    struct whole whole = {.ns = 0};
    int error = whole_play(&whole, &buffer, shards);
    return whole_rate(&whole, error, (uint64_t)PRODUCERS * ITEMS, out);
}

static const struct figure figures[] = {
    WHOLE("40,000 items, one shard", "M/s", true, play, 1),
    WHOLE("40,000 items, two shards", "M/s", true, play, 2),
};

const struct benchmark bench_bounded_buffer =
    BENCHMARK("bounded-buffer", "Savina: a buffer of 50 for 40 and 40", figures);
