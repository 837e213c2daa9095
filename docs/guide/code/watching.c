/* SPDX-License-Identifier: MIT */
/*
 * watching.c - an actor watches a folder, and makes and moves something there.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static sem_t over;
static char root[64], one[96], two[96];

static rim_path_ask ask_of(const char *path, rim_outcome on_outcome) {
    return (rim_path_ask){.path = path, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_outcome};
}

static rim_verdict on_done(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                           rim_msg *msg UNUSED) {
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
}

static rim_verdict on_renamed(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error,
                              const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_path_ask ask = ask_of(root, on_done);
    return error == 0 && rim_path_remove_all(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_made(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                           rim_msg *msg UNUSED) {
    rim_path_ask ask = ask_of(one, on_renamed);
    return error == 0 && rim_path_rename(ctx, &ask, two, RIM_PATH_REPLACE, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

/* From here on changes are told. */
static rim_verdict on_added(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error,
                            const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_path_ask ask = ask_of(one, on_made);
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    return rim_path_make_folder(ctx, &ask, 0, false, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_root_made(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error,
                                const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_watch_ask ask = {.path = root, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_added};
    if (error != 0 || rim_watch_open(ctx, &ask.watch) != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    return rim_watch_add(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_change(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_change_event *event = body;
    switch (event->what) {
    case RIM_CHANGE_CREATED:
        printf("created: %s\n", event->names);
        break;
    case RIM_CHANGE_MOVED:
        printf("moved: %s, now %s\n", rim_change_old_name(event), event->names);
        break;
    case RIM_CHANGE_DELETED:
        printf("deleted: %s\n", event->names);
        break;
    case RIM_CHANGE_GONE:
        printf("the folder is gone\n");
        sem_post(&over);
        return RIM_STOP;
    default: /* RIM_CHANGE_LOST: look at it all again */
        break;
    }
    return RIM_DONE;
}

static rim_verdict watcher_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_path_ask ask = ask_of(root, on_root_made);
    return rim_path_make_folder(ctx, &ask, 0, false, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler on[] = {[RIM_CHANGE] = on_change};

static const rim_behaviour watcher = {.name = "watcher", .on = on, .on_count = RIM_COUNT(on), .init = watcher_init};

int main(void) {
    rim_system *system;
    rim_ref ref;
    sem_init(&over, 0, 0);
    snprintf(root, sizeof root, "/tmp/ringmail-guide-%ld", (long)getpid());
    snprintf(one, sizeof one, "%s/one", root);
    snprintf(two, sizeof two, "%s/two", root);
    int error = rim_system_create(&(rim_config){.shards = 1}, &system);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    error = rim_system_spawn(system, &watcher, NULL, NULL, 0, &ref);
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        sem_wait(&over);
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
created: one
moved: one, now two
deleted: two
the folder is gone
*/
