/* SPDX-License-Identifier: MIT */
/*
 * The actor that lists: it has the tree, and gives it to one job at a time, for one batch. The reads wait in its state.
 * What a job writes is the body of its outcome, which goes on to whoever asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "io/service.h"
#include "io/tree.h"
#include "ringmail/link.h"

enum {
    FOLDER_PROTOCOL = 0x7f40,
    READ = (FOLDER_PROTOCOL << 16) + RIM_USER,
    CLOSE,
    OPEN, /* struct opening: comes first */
};

struct opening {
    const struct rim__disk *disk;
    rim_ref owner;
    bool recursive, wants_status, same_device;
    char path[];
};

struct batch {
    _Alignas(16) char bytes[RIM_FOLDER_BATCH];
    char text[RIM_FAILURE_TEXT_MAX];
    struct rim__tree *tree; /* NULL: the actor has it back */
};

struct folder {
    struct rim__tree *tree; /* NULL: there was no memory */
    bool reading;
    int error; /* of the folder: every read fails with it */
    uint32_t first, count;
    rim_token reads[RIM_FOLDER_READS]; /* in a ring */
};

/* ---- the job ---- */

static int fill(void *arg) {
    struct batch *batch = arg;
    int result = rim__tree_list(batch->tree, batch->bytes, sizeof batch->bytes);
    if (result < 0) {
        memcpy(batch->text, batch->tree->text, sizeof batch->text);
    }
    return result;
}

static void clean_up(void *arg) {
    struct batch *batch = arg;
    rim__tree_release(batch->tree);
    free(batch);
}

/* ---- answers ---- */

static rim_token take_first(struct folder *self) {
    rim_token token = self->reads[self->first];
    self->first = (self->first + 1) % RIM_FOLDER_READS;
    self->count--;
    return token;
}

static void refuse(rim_ctx *ctx, struct folder *self, int error, const char *text) {
    (void)rim__refuse_saying(ctx, take_first(self), error, text);
}

static const char *text_of(const struct folder *self) {
    return self->tree != NULL ? self->tree->text : rim_strerror(self->error);
}

/* A list that could not even be begun says why to everybody. */
static void refuse_all(rim_ctx *ctx, struct folder *self) {
    while (self->count > 0) {
        refuse(ctx, self, self->error, text_of(self));
    }
}

static void hand_on(rim_ctx *ctx, struct folder *self, rim_msg *msg) {
    rim_msg *batch = rim_take(ctx, msg);
    if (batch == NULL) {
        refuse(ctx, self, -ENOMEM, rim_strerror(-ENOMEM));
        return;
    }
    rim_msg_retag(batch, READ);
    (void)rim_reply_msg(ctx, take_first(self), batch);
}

static void pump(rim_ctx *ctx, struct folder *self);

static rim_verdict on_filled(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)cookie;
    struct folder *self = state;
    self->reading = false;
    if (error == 0) {
        struct batch *batch = (struct batch *)(uintptr_t)body;
        rim__tree_release(batch->tree); /* the bytes may be kept for longer than the folder is */
        batch->tree = NULL;
        hand_on(ctx, self, msg);
    } else {
        self->error = error;
        refuse_all(ctx, self);
    }
    pump(ctx, self);
    return RIM_DONE;
}

static int start(rim_ctx *ctx, struct folder *self) {
    struct batch *batch = malloc(sizeof *batch);
    if (batch == NULL) {
        return -ENOMEM;
    }
    batch->text[0] = '\0';
    batch->tree = self->tree;
    self->tree->users++;
    rim_job job = {.run = fill,
                   .arg = batch,
                   .cleanup = clean_up,
                   .timeout_ns = UINT64_MAX,
                   .on_outcome = on_filled,
                   .name = "list a folder"};
    int error = rim__job_submit(ctx, &job, &(struct rim__job_words){.text = batch->text}, NULL);
    self->reading = error == 0;
    if (error != 0) {
        clean_up(batch);
    }
    return error;
}

static void say_end(rim_ctx *ctx, rim_token asked) {
    int error = rim_reply(ctx, asked, READ, NULL, 0);
    if (error != 0) {
        (void)rim__refuse_saying(ctx, asked, error, rim_strerror(error));
    }
}

static void pump(rim_ctx *ctx, struct folder *self) {
    while (self->count > 0 && !self->reading) {
        if (self->error != 0) {
            refuse(ctx, self, self->error, text_of(self));
        } else if (self->tree->ended) {
            say_end(ctx, take_first(self));
        } else {
            int error = start(ctx, self);
            if (error != 0) {
                refuse(ctx, self, error, rim_strerror(error));
            }
        }
    }
}

/* ---- messages ---- */

static rim_verdict on_read(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct folder *self = state;
    if (!rim_is_request(ctx)) {
        return RIM_DONE;
    }
    rim_token token = self->count < RIM_FOLDER_READS ? rim_defer(ctx) : RIM_NIL;
    if (token == RIM_NIL) {
        (void)rim_refuse(ctx, RIM_NIL, self->count < RIM_FOLDER_READS ? -ENOMEM : -RIM_ELIMIT);
        return RIM_DONE;
    }
    self->reads[(self->first + self->count++) % RIM_FOLDER_READS] = token;
    pump(ctx, self);
    return RIM_DONE;
}

static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)body;
    (void)msg;
    return RIM_STOP;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)msg;
    struct folder *self = state;
    const struct opening *opening = body;
    rim__assert(self->tree == NULL);
    self->tree = rim__tree_create(opening->disk, opening->path);
    if (self->tree == NULL || rim_monitor(ctx, opening->owner, 0) == RIM_NIL) {
        self->error = -ENOMEM;
        return RIM_DONE;
    }
    self->tree->recursive = opening->recursive;
    self->tree->wants_status = opening->wants_status;
    self->tree->same_device = opening->same_device;
    return RIM_DONE;
}

static void end(rim_ctx *ctx, void *state, rim_exit why) {
    (void)ctx;
    (void)why;
    struct folder *self = state;
    rim__tree_release(self->tree);
}

static const rim_handler rows[] = {
    [RIM_DOWN] = on_end,
    [READ & 0xffff] = on_read,
    [CLOSE & 0xffff] = on_end,
    [OPEN & 0xffff] = on_open,
};

static const rim_behaviour behaviour = {
    .name = "rim folder",
    .state_size = sizeof(struct folder),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = FOLDER_PROTOCOL,
    .exit = end,
};

/* ---- the calls ---- */

static int tell_opening(rim_ctx *ctx, rim_ref folder, const rim_folder_options *options) {
    const struct rim__service *service = rim__ctx_io(ctx);
    size_t path_size = strlen(options->path) + 1;
    struct opening *opening = malloc(sizeof *opening + path_size);
    if (opening == NULL) {
        return -ENOMEM;
    }
    *opening = (struct opening){
        .disk = service->io->disk,
        .owner = rim_self(ctx),
        .recursive = options->recursive,
        .wants_status = options->status,
        .same_device = options->same_device,
    };
    memcpy(opening->path, options->path, path_size);
    int error = rim__send_event(ctx, rim_self(ctx), folder, OPEN, opening, sizeof *opening + path_size);
    free(opening);
    return error;
}

int rim_folder_open(rim_ctx *ctx, const rim_folder_options *options, rim_ref *out) {
    rim_ref folder = RIM_NIL;
    if (rim__ctx_io(ctx) == NULL) {
        return -RIM_ESTOPPING;
    }
    int error = options != NULL ? rim__path_check(ctx, options->path) : -EINVAL;
    error = error == 0 ? rim__spawn_own(ctx, &behaviour, NULL, NULL, 0, &folder) : error;
    if (error != 0) {
        return error;
    }
    error = tell_opening(ctx, folder, options);
    if (error != 0) {
        (void)rim_stop(ctx, folder);
        return error;
    }
    if (out != NULL) {
        *out = folder;
    }
    return 0;
}

int rim_folder_read(rim_ctx *ctx, const rim_folder_ask *ask, rim_token *out) {
    if (ask == NULL) {
        return -EINVAL;
    }
    rim_ask request = {.to = ask->folder,
                       .tag = READ,
                       .timeout_ns = ask->timeout_ns,
                       .on_outcome = ask->on_outcome,
                       .cookie = ask->cookie};
    return rim_request(ctx, &request, out);
}

int rim_folder_close(rim_ctx *ctx, rim_ref folder) {
    return rim__send_event(ctx, rim_self(ctx), folder, CLOSE, NULL, 0);
}

const rim_folder_entry *rim_folder_each(const void *body, size_t size, const rim_folder_entry *entry) {
    const char *next = entry != NULL ? (const char *)entry + entry->span : body;
    bool is_over = body == NULL || size < sizeof *entry || (size_t)(next - (const char *)body) >= size;
    return is_over ? NULL : (const rim_folder_entry *)(const void *)next;
}

const char *rim__folder_path_of(rim_ctx *ctx, rim_ref who) {
    uint32_t backlog;
    const struct folder *self = rim__actor_own(ctx, who, &behaviour, &backlog);
    return self != NULL && self->tree != NULL ? self->tree->root : NULL;
}
