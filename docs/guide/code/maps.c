/* SPDX-License-Identifier: MIT */
/*
 * maps.c - a file is mapped, and a view of it goes to an actor on another shard, where it outlives the map; then the
 * file is cut short, and small files are staged.
 */
#define _POSIX_C_SOURCE 200809L
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))
#define SIZE   100000

enum { READ = RIM_USER, GONE };

static char path[] = "/tmp/ringmail-guide-XXXXXX";
static sem_t over;

/* ---- the reader, on another shard ---- */

struct reader {
    rim_msg *view;
};

/* Touching the view is reading the file. It is kept, and keeps the region mapped. */
static rim_verdict on_read(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct reader *self = state;
    const char *bytes = body;
    printf("%zu bytes, from \"%.4s\" to \"%.4s\"\n", rim_size(msg), bytes, bytes + rim_size(msg) - 5);
    self->view = rim_take(ctx, msg);
    return self->view != NULL ? RIM_DONE : RIM_FAIL;
}

static int count_lines(const void *bytes, size_t size, void *arg) {
    int *lines = arg;
    for (size_t i = 0; i < size; i++) {
        *lines += ((const char *)bytes)[i] == '\n';
    }
    return 0;
}

/* The map has ended, and now somebody makes the file shorter: to touch the view would be the process's end. */
static rim_verdict on_gone(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    const struct reader *self = state;
    char begin[6] = "", end[6] = "";
    int lines = 0;
    if (truncate(path, 10) != 0) {
        return RIM_FAIL;
    }
    int first = rim_map_copy(self->view, 0, begin, 5), last = rim_map_copy(self->view, SIZE - 5, end, 5);
    printf("copied: %d \"%s\", %s \"%s\"\n", first, begin, rim_error_name(last), end);
    printf("guarded: %s\n", rim_error_name(rim_map_guarded(self->view, count_lines, &lines)));
    rim_msg_free(ctx, self->view);
    return RIM_STOP;
}

static const rim_handler reader_on[] = {[READ] = on_read, [GONE] = on_gone};
static const rim_behaviour reader = {.name = "reader",
                                     .state_size = sizeof(struct reader),
                                     .on = reader_on,
                                     .on_count = RIM_COUNT(reader_on)};

/* ---- the owner ---- */

struct owner {
    rim_ref map, reader;
    rim_mon watch;
    uint32_t staged;
};

static rim_verdict owner_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct owner *self = state;
    /* A view weighs in a mailbox as much as it shows: the default of 1 MiB is enough here. */
    rim_spawn_options other = {.place = RIM_ON_SHARD, .shard = 1, .monitor = true, .monitor_out = &self->watch};
    rim_map_options options = {.path = path, .load = RIM_MAP_LOAD_READ};
    if (rim_spawn(ctx, &reader, &other, NULL, 0, &self->reader) != 0 || rim_map_open(ctx, &options, &self->map) != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    return RIM_DONE;
}

/* All of it is in memory: nobody who reads it now waits for the disk. */
static rim_verdict on_ready(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    const struct owner *self = state;
    const rim_map_event *event = body;
    rim_msg *view;
    printf("ready: %d bytes\n", (int)event->loaded);
    if (rim_map_view(ctx, self->map, READ, 0, 0, &view) != 0 || rim_send_msg(ctx, self->reader, view) != 0) {
        return RIM_FAIL;
    }
    (void)rim_map_close(ctx, self->map);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    const struct owner *self = state;
    const rim_map_closed_event *event = body;
    if (event->error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", event->text);
    }
    return rim_send(ctx, self->reader, GONE, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static const char *const paths[] = {path, "/no/such/file"};

/* Called once for each path, in any order; the cookie says for which. */
static rim_verdict on_file(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct owner *self = state;
    if (cookie == 0) {
        printf("staged: %.*s\n", (int)rim_size(msg) - 1, (const char *)body);
    } else {
        printf("staged: %s (%s)\n", rim_error_name(error), rim_error_text(ctx));
    }
    if (++self->staged < RIM_COUNT(paths)) {
        return RIM_DONE;
    }
    sem_post(&over);
    return RIM_STOP;
}

static rim_verdict on_down(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_stage_options options = {.paths = paths,
                                 .count = RIM_COUNT(paths),
                                 .files_max = 1, /* so that the first is the first */
                                 .timeout_ns = RIM_SECONDS(5),
                                 .on_file = on_file};
    return rim_stage(ctx, &options) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler owner_on[] = {[RIM_MAP_READY] = on_ready, [RIM_MAP_CLOSED] = on_closed, [RIM_DOWN] = on_down};
static const rim_behaviour owner = {.name = "owner",
                                    .state_size = sizeof(struct owner),
                                    .init = owner_init,
                                    .on = owner_on,
                                    .on_count = RIM_COUNT(owner_on)};

static int make_file(void) {
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (file == NULL) {
        return -1;
    }
    for (int i = 0; i < SIZE / 10; i++) {
        fprintf(file, "line %04d\n", i);
    }
    return fclose(file);
}

int main(void) {
    rim_system *system = NULL;
    rim_ref ref;
    sem_init(&over, 0, 0);
    if (make_file() != 0 || rim_map_guard() != 0 ||
        rim_system_create(&(rim_config){.shards = 2, .no_pin = true}, &system) != 0 ||
        rim_system_spawn(system, &owner, NULL, NULL, 0, &ref) != 0 || rim_system_start(system) != 0) {
        return 1;
    }
    while (sem_wait(&over) != 0) {
    }
    int error = rim_system_stop(system, RIM_SECONDS(10), NULL);
    rim_system_destroy(system);
    unlink(path);
    return error == 0 ? 0 : 1;
}
/* output:
ready: 100000 bytes
100000 bytes, from "line" to "9999"
copied: 0 "line ", EFAULT ""
guarded: EFAULT
staged: line 0000
staged: ENOENT (stage /no/such/file: no such file or directory)
*/
