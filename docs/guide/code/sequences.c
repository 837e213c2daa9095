/* SPDX-License-Identifier: MIT */
/*
 * sequences.c - a shop: each order reserves an item, charges the customer and ships, one after the other. Three orders
 * run side by side.
 */
#include <errno.h>
#include <ringmail.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { TAKE = RIM_USER, GIVE_BACK, CHARGE, SHIP, DONE };

/* ---- the plan ---- */

enum { RESERVE_IT, CHARGE_IT, SHIP_IT };

/* One order: the job of a sequence. */
struct order {
    int number, price, tries;
    bool reserved;
};

struct shop {
    rim_ref stock, bank, depot;
    unsigned open;
};

static int reserve(rim_ctx *ctx, void *state, void *job) {
    struct shop *self = state;
    return rim_step_ask(ctx, job, &(rim_ask){.to = self->stock, .tag = TAKE});
}

static int on_reserved(rim_ctx *ctx UNUSED, void *state UNUSED, void *job, const void *body UNUSED,
                       rim_msg *msg UNUSED) {
    struct order *order = job;
    order->reserved = true;
    return RIM_NEXT;
}

static int charge(rim_ctx *ctx, void *state, void *job) {
    struct shop *self = state;
    struct order *order = job;
    rim_ask ask = {
        .to = self->bank,
        .tag = CHARGE,
        .body = &order->price,
        .size = sizeof order->price,
        .timeout_ns = RIM_SECONDS(1), /* of this step; the whole may take longer */
    };
    return rim_step_ask(ctx, job, &ask);
}

/* The bank asks us to come again: twice we do. Whatever else it says, goes. */
static int on_declined(rim_ctx *ctx UNUSED, void *state UNUSED, void *job, int error) {
    struct order *order = job;
    return error == -EAGAIN && ++order->tries < 3 ? RIM_GOTO(CHARGE_IT) : error;
}

static int ship(rim_ctx *ctx, void *state, void *job) {
    struct shop *self = state;
    return rim_step_ask(ctx, job, &(rim_ask){.to = self->depot, .tag = SHIP});
}

/* However it went: exactly once for each order. */
static rim_verdict order_end(rim_ctx *ctx, void *state, void *job, int error) {
    struct shop *self = state;
    const struct order *order = job;
    if (error == 0) {
        printf("order %d: shipped, charged at try %d\n", order->number, order->tries + 1);
    } else {
        printf("order %d: %s\n", order->number, rim_error_name(error));
    }
    if (error != 0 && order->reserved) {
        rim_send(ctx, self->stock, GIVE_BACK, NULL, 0); /* what was done is undone */
    }
    return --self->open > 0 ? RIM_DONE : RIM_STOP;
}

static const rim_step order_steps[] = {
    [RESERVE_IT] = {.ask = reserve, .then = on_reserved},
    [CHARGE_IT] = {.ask = charge, .otherwise = on_declined},
    [SHIP_IT] = {.ask = ship},
};
static const rim_plan order_plan = {
    .steps = order_steps,
    .count = RIM_COUNT(order_steps),
    .job_size = sizeof(struct order),
    .end = order_end,
};

/* ---- the shop ---- */

static int take_order(rim_ctx *ctx, struct shop *self, struct order order) {
    rim_sequence sequence = {.plan = &order_plan, .job = &order, .timeout_ns = RIM_SECONDS(10)};
    self->open++;
    return rim_sequence_start(ctx, &sequence, NULL);
}

static rim_verdict shop_init(rim_ctx *ctx, void *state, const void *arg, size_t size UNUSED) {
    struct shop *self = state;
    const rim_ref *others = arg;
    self->stock = others[0];
    self->bank = others[1];
    self->depot = others[2];
    int error = take_order(ctx, self, (struct order){.number = 1, .price = 30});
    error = error != 0 ? error : take_order(ctx, self, (struct order){.number = 2, .price = 500});
    error = error != 0 ? error : take_order(ctx, self, (struct order){.number = 3, .price = 20});
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour shop = {.name = "shop", .state_size = sizeof(struct shop), .init = shop_init};

/* ---- the others ---- */

struct stock {
    int sold;
};

static rim_verdict on_take(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct stock *self = state;
    if (self->sold == 2) {
        rim_refuse(ctx, RIM_NIL, -ENOENT); /* there were two */
        return RIM_DONE;
    }
    self->sold++;
    rim_reply(ctx, RIM_NIL, DONE, NULL, 0);
    return RIM_DONE;
}

static rim_verdict on_give_back(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct stock *self = state;
    printf("%d sold\n", --self->sold);
    return RIM_DONE;
}

static const rim_handler stock_on[] = {[TAKE] = on_take, [GIVE_BACK] = on_give_back};
static const rim_behaviour stock = {.name = "stock",
                                    .state_size = sizeof(struct stock),
                                    .on = stock_on,
                                    .on_count = RIM_COUNT(stock_on)};

struct bank {
    int asked;
};

static rim_verdict on_charge(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct bank *self = state;
    int price = *(const int *)body;
    if (price > 100) {
        rim_refuse(ctx, RIM_NIL, -EDOM);
    } else if (++self->asked < 3) {
        rim_refuse(ctx, RIM_NIL, -EAGAIN);
    } else {
        rim_reply(ctx, RIM_NIL, DONE, NULL, 0);
    }
    return RIM_DONE;
}

static const rim_handler bank_on[] = {[CHARGE] = on_charge};
static const rim_behaviour bank = {.name = "bank",
                                   .state_size = sizeof(struct bank),
                                   .on = bank_on,
                                   .on_count = RIM_COUNT(bank_on)};

static rim_verdict on_ship(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_reply(ctx, RIM_NIL, DONE, NULL, 0);
    return RIM_DONE;
}

static const rim_handler depot_on[] = {[SHIP] = on_ship};
static const rim_behaviour depot = {.name = "depot", .on = depot_on, .on_count = RIM_COUNT(depot_on)};

int main(void) {
    rim_config config = {.shards = 1}; /* so that the lines come in one order */
    rim_system *system;
    rim_ref others[3], someone;
    int error = rim_system_create(&config, &system);
    if (error == 0 && (error = rim_system_spawn(system, &stock, NULL, NULL, 0, &others[0])) == 0 &&
        (error = rim_system_spawn(system, &bank, NULL, NULL, 0, &others[1])) == 0 &&
        (error = rim_system_spawn(system, &depot, NULL, NULL, 0, &others[2])) == 0) {
        error = rim_system_spawn(system, &shop, NULL, others, sizeof others, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    error = rim_system_stop(system, RIM_SECONDS(5), NULL); /* waits for what is under way */
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
order 3: ENOENT
order 2: EDOM
1 sold
order 1: shipped, charged at try 3
*/
