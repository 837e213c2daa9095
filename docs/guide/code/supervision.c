/* SPDX-License-Identifier: MIT */
/*
 * supervision.c - an oven, a baker who needs it, and the kitchen that starts them in order, restarts the baker, and
 * stops them in reverse.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { BAKE = RIM_USER };

static sem_t closed;

/* ---- the children: ordinary actors that know of no supervisor ---- */

static rim_verdict oven_init(rim_ctx *ctx UNUSED, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    printf("the oven is hot\n");
    return RIM_DONE;
}

static void oven_exit(rim_ctx *ctx UNUSED, void *state UNUSED, rim_exit why UNUSED) {
    printf("the oven is cold\n");
}

static const rim_behaviour oven = {.name = "oven", .init = oven_init, .exit = oven_exit};

static rim_verdict baker_init(rim_ctx *ctx UNUSED, void *state UNUSED, const void *arg, size_t size UNUSED) {
    printf("the baker comes, with %d bags of flour\n", *(const int *)arg);
    return RIM_DONE;
}

static rim_verdict on_bake(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return rim_fail(ctx, RIM_EXIT_USER, "burnt");
}

static void baker_exit(rim_ctx *ctx UNUSED, void *state UNUSED, rim_exit why) {
    printf("the baker goes: %s\n", why.text);
}

static const rim_handler baker_on[] = {[BAKE] = on_bake};
static const rim_behaviour baker = {
    .name = "baker", .init = baker_init, .exit = baker_exit, .on = baker_on, .on_count = RIM_COUNT(baker_on)};

/* ---- the kitchen ---- */

static const int flour = 3;
static const rim_child children[] = {
    {.id = "oven", .behaviour = &oven},
    {.id = "baker", .behaviour = &baker, .arg = &flour, .size = sizeof flour, .stop_ns = RIM_SECONDS(1)},
};
static const rim_supervisor_spec kitchen = {
    .strategy = RIM_REST_FOR_ONE,
    .intensity = 3,
    .period_ns = RIM_SECONDS(10),
    .children = children,
    .child_count = RIM_COUNT(children),
};

/* ---- the owner ---- */

struct owner {
    rim_ref kitchen;
};

static rim_supervisor_call call_to(struct owner *self, rim_outcome on_outcome) {
    return (rim_supervisor_call){.supervisor = self->kitchen, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_outcome};
}

static rim_verdict owner_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct owner *self = state;
    if (rim_supervise(ctx, &kitchen, &self->kitchen) != 0) {
        return rim_fail(ctx, RIM_EXIT_INIT, "%s", rim_error_text(ctx));
    }
    return RIM_DONE;
}

static rim_verdict on_list(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg UNUSED) {
    const rim_child_list *list = body;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
    }
    for (uint32_t i = 0; i < list->count; i++) {
        printf("- %s: %s, restarted %d times\n", list->children[i].id,
               list->children[i].state == RIM_CHILD_RUNNING ? "running" : "not running",
               (int)list->children[i].restarts);
    }
    rim_exit_send(ctx, ((struct owner *)state)->kitchen, RIM_EXIT_SHUTDOWN, "closing time");
    return RIM_DONE;
}

/* The kitchen hears of the baker's end before it gets this question, and answers when the restart is done. */
static rim_verdict on_again(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error UNUSED,
                            const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_supervisor_call call = call_to(state, on_list);
    return rim_supervisor_which_children(ctx, &call) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_down(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_supervisor_call call = call_to(state, on_again);
    return rim_supervisor_get_child(ctx, &call, "baker") == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_baker(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body,
                            rim_msg *msg UNUSED) {
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
    }
    rim_ref who = ((const rim_child_info *)body)->ref;
    rim_monitor(ctx, who, 0);
    rim_send(ctx, who, BAKE, NULL, 0);
    return RIM_DONE;
}

/* All children have started. */
static rim_verdict on_started(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    printf("the kitchen is open\n");
    rim_supervisor_call call = call_to(state, on_baker);
    return rim_supervisor_get_child(ctx, &call, "baker") == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_ended(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    printf("the kitchen is closed: %s\n", ((const rim_exit_event *)body)->text);
    sem_post(&closed);
    return RIM_DONE;
}

static const rim_handler owner_on[] = {
    [RIM_STARTED] = on_started,
    [RIM_DOWN] = on_down,
    [RIM_EXIT_SIGNAL] = on_ended,
};
static const rim_behaviour owner = {
    .name = "owner",
    .state_size = sizeof(struct owner),
    .init = owner_init,
    .on = owner_on,
    .on_count = RIM_COUNT(owner_on),
};

int main(void) {
    rim_config config = {.shards = 1};
    rim_spawn_options options = {.trap_exit = true};
    rim_system *system;
    rim_ref ref;
    sem_init(&closed, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &owner, &options, NULL, 0, &ref);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&closed);
    rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return 0;
}

/* output:
the oven is hot
the baker comes, with 3 bags of flour
the kitchen is open
the baker goes: burnt
the baker comes, with 3 bags of flour
- oven: running, restarted 0 times
- baker: running, restarted 1 times
the baker goes: its supervisor stops it
the oven is cold
the kitchen is closed: closing time
*/
