/* SPDX-License-Identifier: MIT */
/*
 * hello.c - one actor, one message, and a clean end.
 */
#include <stdio.h>

#include <ringmail/runtime.h>

enum { HELLO = RIM_USER };

/* The state is the actor's alone: no lock, ever. */
struct greeter {
    int greeted;
};

static rim_verdict on_hello(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct greeter *self = state;
    self->greeted++;
    printf("hello, %.*s (number %d, on shard %u)\n", (int)rim_size(msg), (const char *)body, self->greeted,
           rim_shard_index(ctx));
    return RIM_DONE;
}

static const rim_handler greeter_on[] = {[HELLO] = on_hello};
static const rim_behaviour greeter = {
    .name = "greeter",
    .state_size = sizeof(struct greeter),
    .on = greeter_on,
    .on_count = RIM_COUNT(greeter_on),
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &greeter, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        rim_system_send(system, someone, HELLO, "world", 5);
        rim_system_send(system, someone, HELLO, "again", 5);
        /* What is under way is handled before the system ends; after a second it would be cut off, and reported. */
        error = rim_system_stop(system, RIM_SECONDS(1), NULL);
    }
    if (error != 0) {
        fprintf(stderr, "hello: %s\n", rim_strerror(error));
        return 1;
    }
    rim_system_destroy(system);
    return 0;
}
