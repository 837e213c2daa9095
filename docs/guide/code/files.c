/* SPDX-License-Identifier: MIT */
/*
 * files.c - an actor writes a file, reads it back, and hears why another cannot be opened.
 */
#include <fcntl.h>
#include <ringmail.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static char path[64];

struct writer {
    rim_ref file, none;
    char why[252];
};

static rim_file_ask ask_of(rim_ref file, uint64_t offset, rim_outcome on_outcome) {
    return (rim_file_ask){.file = file, .offset = offset, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_outcome};
}

static rim_verdict on_read(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg) {
    const struct writer *self = state;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    printf("read: %.*s\n", (int)rim_size(msg), (const char *)body);
    (void)rim_file_close(ctx, self->file);
    return RIM_DONE;
}

/* All of it is on the disk now. */
static rim_verdict on_synced(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                             rim_msg *msg UNUSED) {
    const struct writer *self = state;
    rim_file_ask ask = ask_of(self->file, 0, on_read);
    if (error != 0 || rim_file_read(ctx, &ask, 100, NULL) != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    return RIM_DONE;
}

static rim_verdict on_written(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body,
                              rim_msg *msg UNUSED) {
    if (error != 0) { /* "write /a/b: no space left on device, after 4096 of 8192 bytes" */
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    printf("wrote %d bytes\n", (int)((const rim_file_result *)body)->bytes);
    return RIM_DONE;
}

/* The calls are made before the file is even open: they wait, and take effect in this order. */
static rim_verdict writer_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct writer *self = state;
    if (rim_file_open(ctx, &(rim_file_options){.path = path, .flags = O_RDWR | O_CREAT}, &self->file) != 0 ||
        rim_file_open(ctx, &(rim_file_options){.path = "/no/such/file"}, &self->none) != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    rim_file_ask write = ask_of(self->file, RIM_FILE_END, on_written), sync = ask_of(self->file, 0, on_synced);
    if (rim_file_write(ctx, &write, "hello, ", 7, NULL) != 0 || rim_file_write(ctx, &write, "disk", 4, NULL) != 0 ||
        rim_file_sync(ctx, &sync, true, NULL) != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "the file takes no calls");
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct writer *self = state;
    const rim_file_closed_event *event = body;
    if (event->error != 0) {
        strcpy(self->why, event->text);
        self->none = RIM_NIL;
    } else {
        self->file = RIM_NIL;
    }
    if (self->file != RIM_NIL || self->none != RIM_NIL) {
        return RIM_DONE;
    }
    printf("%s\n", self->why);
    return RIM_STOP;
}

static const rim_handler on[] = {[RIM_FILE_CLOSED] = on_closed};

static const rim_behaviour writer = {
    .name = "writer",
    .state_size = sizeof(struct writer),
    .on = on,
    .on_count = RIM_COUNT(on),
    .init = writer_init,
};

int main(void) {
    rim_system *system;
    rim_ref ref;
    snprintf(path, sizeof path, "/tmp/ringmail-guide-%ld", (long)getpid());
    int error = rim_system_create(&(rim_config){.shards = 1}, &system);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    error = rim_system_spawn(system, &writer, NULL, NULL, 0, &ref);
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    unlink(path);
    return error == 0 ? 0 : 1;
}

/* output:
wrote 7 bytes
wrote 4 bytes
read: hello, disk
open /no/such/file: no such file or directory
*/
