/* SPDX-License-Identifier: MIT */
/*
 * messages.c - a cook and a waiter: a message is taken, changed, and sent on without a copy of its own.
 */
#include <ringmail.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { COOK = RIM_USER, SERVE };

struct dish {
    int table;
    char name[28];
};

/* ---- the waiter: no state, one row ---- */

static rim_verdict on_serve(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const struct dish *dish = body;
    printf("table %d: %s\n", dish->table, dish->name);
    return RIM_DONE;
}

/* What no row takes: messages of others, and events of the runtime, whose tags are below RIM_USER. */
static rim_verdict on_other(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg) {
    if (rim_tag(msg) >= RIM_USER) {
        printf("nobody ordered this: tag %u, %zu bytes\n", rim_tag(msg), rim_size(msg));
    }
    return RIM_DONE;
}

static const rim_handler waiter_on[] = {[SERVE] = on_serve};
static const rim_behaviour waiter = {
    .name = "waiter",
    .on = waiter_on,
    .on_count = RIM_COUNT(waiter_on),
    .other = on_other,
};

/* ---- the cook ---- */

struct cook {
    rim_ref waiter;
};

static rim_verdict cook_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct cook *self = state;
    rim_spawn_options options = {.place = RIM_LEAST_LOADED};
    return rim_spawn(ctx, &waiter, &options, NULL, 0, &self->waiter) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_cook(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct cook *self = state;
    rim_msg *taken = rim_take(ctx, msg);
    if (taken == NULL) {
        return RIM_FAIL;
    }
    struct dish *dish = rim_body(taken); /* ours now; it may lie elsewhere than `body` */
    dish->name[0] = (char)(dish->name[0] - 'a' + 'A');
    rim_msg_retag(taken, SERVE);
    int error = rim_send_msg(ctx, self->waiter, taken);
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "cannot serve: %s", rim_strerror(error));
}

static const rim_handler cook_on[] = {[COOK] = on_cook};
static const rim_behaviour cook = {
    .name = "cook",
    .state_size = sizeof(struct cook),
    .on = cook_on,
    .on_count = RIM_COUNT(cook_on),
    .init = cook_init,
};

int main(void) {
    static const struct dish dishes[] = {{.table = 3, .name = "soup"}, {.table = 4, .name = "pie"}};
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &cook, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    for (size_t i = 0; i < RIM_COUNT(dishes); i++) {
        rim_system_send(system, someone, COOK, &dishes[i], sizeof dishes[i]);
    }
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
table 3: Soup
table 4: Pie
*/
