/* SPDX-License-Identifier: MIT */
/*
 * names.c - a printer that is found by its name, and an heir who takes the name when the printer is gone.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { PRINT = RIM_USER };

static sem_t over;

/* ---- the printer: spawned with its name, on shard 1 ---- */

static rim_verdict on_print(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    printf("printer: %s\n", (const char *)body);
    return RIM_STOP; /* one page, and it is worn out */
}

static const rim_handler printer_on[] = {[PRINT] = on_print};
static const rim_behaviour printer = {.name = "printer", .on = printer_on, .on_count = RIM_COUNT(printer_on)};

/* ---- the heir: on shard 0 ---- */

static rim_verdict on_claimed(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error,
                              const void *body UNUSED, rim_msg *msg UNUSED) {
    printf("heir: the name is mine: %s\n", error == 0 && rim_find(ctx, "printer") == rim_self(ctx) ? "yes" : "no");
    return rim_send_name(ctx, "printer", PRINT, "second page", 12) == 0 ? RIM_DONE : RIM_FAIL;
}

/* Who knows that the printer has ended does not find it, and can have its name. */
static rim_verdict on_down(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_claim claim = {.name = "printer", .timeout_ns = RIM_SECONDS(1), .on_outcome = on_claimed};
    printf("heir: the printer is gone, its name too: %s\n", rim_find(ctx, "printer") == RIM_NIL ? "yes" : "no");
    return rim_name(ctx, &claim, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_found(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body,
                            rim_msg *msg UNUSED) {
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "no printer: %s", rim_strerror(error));
    }
    const rim_ref *found = body;
    rim_monitor(ctx, *found, 0);
    return rim_send(ctx, *found, PRINT, "first page", 11) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict heir_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_finding finding = {.name = "printer", .timeout_ns = RIM_SECONDS(1), .on_outcome = on_found};
    return rim_find_later(ctx, &finding, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict heir_prints(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    printf("heir: %s\n", (const char *)body);
    sem_post(&over);
    return RIM_DONE;
}

static const rim_handler heir_on[] = {[RIM_DOWN] = on_down, [PRINT] = heir_prints};
static const rim_behaviour heir = {
    .name = "heir",
    .on = heir_on,
    .on_count = RIM_COUNT(heir_on),
    .init = heir_init,
};

int main(void) {
    rim_config config = {.shards = 2};
    rim_spawn_options named = {.place = RIM_ON_SHARD, .shard = 1, .name = "printer"};
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(&config, &system);
    error = error != 0 ? error : rim_system_spawn(system, &heir, NULL, NULL, 0, &someone);
    error = error != 0 ? error : rim_system_spawn(system, &printer, &named, NULL, 0, &someone);
    error = error != 0 ? error : rim_system_start(system);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
printer: first page
heir: the printer is gone, its name too: yes
heir: the name is mine: yes
heir: second page
*/
