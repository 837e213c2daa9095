/* SPDX-License-Identifier: MIT */
/*
 * folders.c - an actor makes some folders, lists the tree batch by batch, and removes it.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static char root[64], deep[96];

struct keeper {
    rim_ref folder;
    unsigned files, folders;
};

static rim_path_ask ask_of(const char *path, rim_outcome on_outcome) {
    return (rim_path_ask){.path = path, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_outcome};
}

static rim_verdict on_removed(rim_ctx *ctx, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body,
                              rim_msg *msg UNUSED) {
    if (error != 0) { /* "remove /a/b/c: permission denied" */
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    const rim_folder_removed *removed = body;
    printf("removed %d folders, %d files\n", (int)removed->folders, (int)removed->files);
    return RIM_STOP;
}

static rim_verdict on_batch(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                            rim_msg *msg);

static int read_more(rim_ctx *ctx, const struct keeper *self) {
    rim_folder_ask ask = {.folder = self->folder, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_batch};
    return rim_folder_read(ctx, &ask, NULL);
}

static rim_verdict on_end(rim_ctx *ctx, struct keeper *self) {
    printf("found %u folders, %u others\n", self->folders, self->files);
    (void)rim_folder_close(ctx, self->folder);
    rim_path_ask ask = ask_of(root, on_removed);
    return rim_path_remove_all(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

/* Some entries, or none: that was all. */
static rim_verdict on_batch(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                            rim_msg *msg) {
    struct keeper *self = state;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    if (rim_size(msg) == 0) {
        return on_end(ctx, self);
    }
    for (const rim_folder_entry *at = NULL; (at = rim_folder_each(body, rim_size(msg), at)) != NULL;) {
        printf("%*s%s\n", (int)at->depth * 2, "", at->path + at->name_at);
        self->folders += S_ISDIR(at->type) != 0;
        self->files += !S_ISDIR(at->type);
    }
    return read_more(ctx, self) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_made(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body UNUSED,
                           rim_msg *msg UNUSED) {
    struct keeper *self = state;
    rim_folder_options options = {.path = root, .recursive = true};
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_error_text(ctx));
    }
    error = rim_folder_open(ctx, &options, &self->folder);
    return error == 0 && read_more(ctx, self) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict keeper_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_path_ask ask = ask_of(deep, on_made);
    return rim_path_make_folder(ctx, &ask, 0, true, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour keeper = {.name = "keeper", .state_size = sizeof(struct keeper), .init = keeper_init};

int main(void) {
    rim_system *system;
    rim_ref ref;
    snprintf(root, sizeof root, "/tmp/ringmail-guide-%ld", (long)getpid());
    snprintf(deep, sizeof deep, "%s/one/two/three", root);
    int error = rim_system_create(&(rim_config){.shards = 1}, &system);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    error = rim_system_spawn(system, &keeper, NULL, NULL, 0, &ref);
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error == 0) {
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
  one
    two
      three
found 3 folders, 0 others
removed 4 folders, 0 files
*/
