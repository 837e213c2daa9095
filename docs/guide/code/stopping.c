/* SPDX-License-Identifier: MIT */
/*
 * stopping.c - an actor that fails, a letter that nobody takes, and a stop that reports.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { BAKE = RIM_USER };

static sem_t noticed;

/* ---- the one who fails ---- */

static rim_verdict on_bake(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    return rim_fail(ctx, RIM_EXIT_USER + 1, "no %s left", "flour");
}

static void baker_exit(rim_ctx *ctx UNUSED, void *state UNUSED, rim_exit why) {
    printf("the baker ended: %u, %s\n", why.code, why.text);
}

static const rim_handler baker_on[] = {[BAKE] = on_bake};
static const rim_behaviour baker = {
    .name = "baker",
    .on = baker_on,
    .on_count = RIM_COUNT(baker_on),
    .exit = baker_exit,
};

/* ---- the one who watches ---- */

static rim_verdict watcher_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    return rim_watch_dead_letters(ctx, true) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_dead_letter(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_dead_letter *letter = body;
    printf("dead letter: tag %u, %s\n", letter->tag, rim_error_name(letter->reason));
    sem_post(&noticed);
    return RIM_DONE;
}

static rim_verdict on_closing(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    printf("the watcher hears that the system is closing\n");
    return RIM_DONE;
}

static void watcher_exit(rim_ctx *ctx UNUSED, void *state UNUSED, rim_exit why) {
    printf("the watcher ended: %u, %s\n", why.code, why.text);
}

static const rim_handler watcher_on[] = {[RIM_DEAD_LETTER] = on_dead_letter, [RIM_CLOSING] = on_closing};
static const rim_behaviour watcher = {
    .name = "watcher",
    .on = watcher_on,
    .on_count = RIM_COUNT(watcher_on),
    .init = watcher_init,
    .exit = watcher_exit,
};

int main(void) {
    rim_config config = {.shards = 1};
    rim_system *system;
    rim_ref watching, baking;
    rim_stop_report report;
    sem_init(&noticed, 0, 0);
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &watcher, NULL, NULL, 0, &watching);
    }
    if (error == 0) {
        error = rim_system_spawn(system, &baker, NULL, NULL, 0, &baking);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    rim_system_send(system, baking, BAKE, NULL, 0);
    rim_system_send(system, baking, BAKE, NULL, 0); /* the baker fails at the first: this one is a dead letter */
    sem_wait(&noticed);
    error = rim_system_stop(system, RIM_SECONDS(5), &report);
    printf("stopped: %s; adds up: %s; leaks: %s\n", error == 0 ? "in time" : rim_strerror(error),
           report.adds_up ? "yes" : "no", report.leaks ? "yes" : "no");
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
the baker ended: 257, no flour left
dead letter: tag 64, RIM_EDOWN
the watcher hears that the system is closing
the watcher ended: 1, the system stops
stopped: in time; adds up: yes; leaks: no
*/
