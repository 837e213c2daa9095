/* SPDX-License-Identifier: MIT */
/*
 * failure.c - a chief who hears how his cooks end: by a monitor, by a link, and as the one who keeps them.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

enum { COOK = RIM_USER };

static sem_t closed;

/* ---- a cook: every third dish burns ---- */

struct cook {
    int dishes;
};

static rim_verdict on_cook(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct cook *cook = state;
    const char *dish = body;
    if (++cook->dishes == 3) {
        return rim_fail(ctx, RIM_EXIT_USER + 1, "the %s burnt", dish);
    }
    printf("cooked: %s\n", dish);
    return RIM_DONE;
}

static const rim_handler cook_on[] = {[COOK] = on_cook};
static const rim_behaviour cook = {
    .name = "cook",
    .state_size = sizeof(struct cook),
    .on = cook_on,
    .on_count = RIM_COUNT(cook_on),
};

/* ---- the chief ---- */

struct chief {
    rim_ref kept;
};

static void order(rim_ctx *ctx, rim_ref cook_ref, const char *dish) {
    rim_send(ctx, cook_ref, COOK, dish, strlen(dish) + 1);
}

static rim_verdict chief_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct chief *chief = state;
    rim_spawn_options options = {.keep = true}; /* kept when it fails; that implies a link */
    rim_trap_exit(ctx, true);                   /* what happens to those that it is linked to are events */
    if (rim_spawn(ctx, &cook, &options, NULL, 0, &chief->kept) != 0) {
        return RIM_FAIL;
    }
    if (rim_monitor(ctx, chief->kept, 42) == RIM_NIL) {
        return RIM_FAIL;
    }
    static const char *const dishes[] = {"soup", "rice", "roast", "fish", "tart"};
    for (uint32_t i = 0; i < RIM_COUNT(dishes); i++) {
        order(ctx, chief->kept, dishes[i]);
    }
    return RIM_DONE;
}

/* How it went, in the end. */
static rim_verdict ended(rim_ctx *ctx UNUSED, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body,
                         rim_msg *msg UNUSED) {
    const rim_end_report *report = body;
    printf("drained: error %d, lost %llu\n", error, (unsigned long long)report->lost);
    sem_post(&closed);
    return RIM_DONE;
}

/* The cook is suspended: a new life begins, with the orders that are left. Then it is to finish them and go. */
static rim_verdict on_failed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct chief *chief = state;
    const rim_failed_event *failed = body;
    printf("failed: %s\n", failed->text);
    if (rim_revive(ctx, chief->kept, NULL, 0) != 0) {
        return RIM_FAIL;
    }
    rim_ending ending = {.who = chief->kept, .word = RIM_WORD_DRAIN, .timeout_ns = RIM_SECONDS(5), .on_outcome = ended};
    return rim_end(ctx, &ending, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_down(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_down_event *down = body;
    printf("down: code %u, cookie %llu\n", down->code, (unsigned long long)down->cookie);
    return RIM_DONE;
}

static rim_verdict on_exit_signal(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_exit_event *signal = body;
    printf("exit signal: code %u, %s\n", signal->code, signal->linked ? "by a link" : "sent");
    return RIM_DONE;
}

static const rim_handler chief_on[] = {
    [RIM_DOWN] = on_down,
    [RIM_EXIT_SIGNAL] = on_exit_signal,
    [RIM_FAILED] = on_failed,
};
static const rim_behaviour chief = {
    .name = "chief",
    .state_size = sizeof(struct chief),
    .init = chief_init,
    .on = chief_on,
    .on_count = RIM_COUNT(chief_on),
};

int main(void) {
    rim_system *system;
    rim_ref ref;
    sem_init(&closed, 0, 0);
    if (rim_system_create(&(rim_config){.shards = 1}, &system) != 0 ||
        rim_system_spawn(system, &chief, NULL, NULL, 0, &ref) != 0 || rim_system_start(system) != 0) {
        return 1;
    }
    sem_wait(&closed);
    int error = rim_system_stop(system, RIM_SECONDS(2), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}
/* output:
cooked: soup
cooked: rice
failed: the roast burnt
cooked: fish
cooked: tart
drained: error 0, lost 0
exit signal: code 0, by a link
down: code 0, cookie 42
*/
