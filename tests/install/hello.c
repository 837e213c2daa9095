/* SPDX-License-Identifier: MIT */
/* The least program that uses the installed library: one actor, in the simulated world, which no kernel can refuse. */
#include <ringmail.h>

#include <stdio.h>
#include <string.h>

enum { GREET = RIM_USER };

static int greeted;

static rim_verdict on_greet(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    greeted += rim_size(msg) == 6 && memcmp(body, "hello", 6) == 0;
    return RIM_STOP;
}

static const rim_handler hello_on[] = {[GREET] = on_greet};
static const rim_behaviour hello = {.name = "hello", .on = hello_on, .on_count = RIM_COUNT(hello_on)};

int main(void) {
    const rim_config config = {.shards = 2, .driver = RIM_DRIVER_SIM};
    rim_system *system = NULL;
    rim_ref actor = RIM_NIL;
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &hello, NULL, NULL, 0, &actor);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = rim_system_send(system, actor, GREET, "hello", 6);
    }
    if (error == 0) {
        error = rim_system_stop(system, RIM_SECONDS(1), NULL);
    }
    rim_system_destroy(system);
    if (error != 0) {
        fprintf(stderr, "hello: %s\n", rim_strerror(error));
    }
    return error == 0 && greeted == 1 ? 0 : 1;
}
