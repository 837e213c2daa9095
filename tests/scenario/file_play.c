/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "file_play.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct file_play stage;

/* ---- the folder ---- */

static char folder[64];

static void remove_folder(void) {
    DIR *list = opendir(folder);
    const struct dirent *entry;
    while (list != NULL && (entry = readdir(list)) != NULL) {
        (void)unlinkat(dirfd(list), entry->d_name, 0);
    }
    if (list != NULL) {
        closedir(list);
    }
    (void)rmdir(folder);
}

void file_path(struct scenario *s, const char *name, char path[128]) {
    if (name[0] == '/') {
        snprintf(path, 128, "%s", name);
        return;
    }
    if (folder[0] == '\0' && scenario_is_sim(s)) {
        strcpy(folder, "/folder");
    } else if (folder[0] == '\0') {
        strcpy(folder, "/tmp/ringmail-files-XXXXXX");
        CHECK(mkdtemp(folder) != NULL);
        atexit(remove_folder);
    }
    snprintf(path, 128, "%s/%s", folder, name);
}

char file_pattern(uint64_t position) {
    return (char)(position * 31 + (position >> 8));
}

/* ---- steps ---- */

static void take_step(rim_ctx *ctx);

static bool is_pattern(const struct file_step *step, const char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != file_pattern(step->at + i)) {
            return false;
        }
    }
    return true;
}

static void check_bytes(const struct file_step *step, const char *bytes, size_t size) {
    if (step->text != NULL) {
        CHECK(size == strlen(step->text) && memcmp(bytes, step->text, size) == 0);
        return;
    }
    CHECK(size == (step->got != 0 || step->op == FILE_READ ? step->got : step->size));
    CHECK(is_pattern(step, bytes, size));
}

static void check_text(const char *text, const char *says) {
    const char *at = strstr(text, stage.path);
    CHECK(at != NULL);
    CHECK(says == NULL || (at != NULL && strcmp(at + strlen(stage.path), says) == 0));
}

static void check_body(const struct file_step *step, const void *body, size_t size) {
    const rim_file_result *result = body;
    switch (step->op) {
    case FILE_READ:
    case FILE_EXACT:
        check_bytes(step, body, size);
        break;
    case FILE_WRITE:
    case FILE_WRITE_PIECES:
        CHECK(size == sizeof *result && result->bytes == (step->text != NULL ? strlen(step->text) : step->size));
        break;
    case FILE_STAT:
        CHECK(size == sizeof(rim_file_status) && ((const rim_file_status *)body)->size == step->size);
        break;
    default:
        CHECK(size == sizeof *result);
        break;
    }
}

static void end(rim_ctx *ctx) {
    CHECK(rim_file_close(ctx, stage.file) == 0);
    stage.next++;
}

ROLE_OUTCOME(on_outcome) {
    const struct file_step *step = &stage.steps[cookie];
    CHECK(error == step->error);
    if (error == 0) {
        check_body(step, body, rim_size(msg));
    } else {
        check_text(rim_error_text(ctx), step->says);
    }
    take_step(ctx);
    return RIM_DONE;
}

static int write_step(rim_ctx *ctx, const rim_file_ask *ask, const struct file_step *step) {
    if (step->text != NULL) {
        return rim_file_write(ctx, ask, step->text, strlen(step->text), NULL);
    }
    rim_msg *msg = rim_file_buffer(ctx, step->size);
    CHECK(msg != NULL);
    char *bytes = rim_file_bytes(msg);
    for (size_t i = 0; i < step->size; i++) {
        bytes[i] = file_pattern(step->at + i);
    }
    return rim_file_write_buffer(ctx, ask, msg, NULL);
}

static int write_pieces(rim_ctx *ctx, const rim_file_ask *ask, const struct file_step *step) {
    size_t half = strlen(step->text) / 2;
    struct iovec pieces[] = {
        {.iov_base = (void *)(uintptr_t)step->text, .iov_len = half},
        {.iov_base = NULL, .iov_len = 0},
        {.iov_base = (void *)(uintptr_t)(step->text + half), .iov_len = strlen(step->text) - half},
    };
    return rim_file_writev(ctx, ask, pieces, RIM_COUNT(pieces), NULL);
}

static int call(rim_ctx *ctx, const rim_file_ask *ask, const struct file_step *step) {
    switch (step->op) {
    case FILE_READ:
        return rim_file_read(ctx, ask, step->size, NULL);
    case FILE_EXACT:
        return rim_file_read_exact(ctx, ask, step->size, NULL);
    case FILE_WRITE:
        return write_step(ctx, ask, step);
    case FILE_WRITE_PIECES:
        return write_pieces(ctx, ask, step);
    case FILE_SYNC:
    case FILE_DATASYNC:
        return rim_file_sync(ctx, ask, step->op == FILE_DATASYNC, NULL);
    case FILE_TRUNCATE:
        return rim_file_truncate(ctx, ask, NULL);
    case FILE_ALLOCATE:
        return rim_file_allocate(ctx, ask, step->size, 0, NULL);
    case FILE_ADVISE:
        return rim_file_advise(ctx, ask, 0, POSIX_FADV_SEQUENTIAL, NULL);
    case FILE_STAT:
        return rim_file_stat(ctx, ask, NULL);
    case FILE_CLOSE:
        break;
    }
    return -ENOSYS;
}

static void take_step(rim_ctx *ctx) {
    if (stage.next >= stage.count) {
        end(ctx);
        return;
    }
    const struct file_step *step = &stage.steps[stage.next];
    rim_file_ask ask = {.file = stage.file,
                        .offset = step->at,
                        .timeout_ns = FILE_LIMIT_NS,
                        .on_outcome = on_outcome,
                        .cookie = stage.next++};
    CHECK(call(ctx, &ask, step) == 0);
}

/* ---- the actors ---- */

ROLE_ON(on_word) {
    take_step(ctx);
    return RIM_DONE;
}
static const rim_handler taker_on[] = {[WORD] = on_word};
ROLE(file_taker, taker_on);

ROLE_ON(on_go) {
    file_path(scenario_current(), stage.name, stage.path);
    rim_file_options options = {.path = stage.path, .flags = stage.flags, .mode = stage.mode};
    CHECK(rim_file_open(ctx, &options, &stage.file) == 0);
    return RIM_DONE;
}

ROLE_ON(on_open) {
    const rim_file_open_event *event = body;
    CHECK(stage.error == 0 && event->file == stage.file);
    if (stage.across) {
        role_say(ctx, role_add(ctx, &file_taker, 1 - rim_shard_index(ctx), (struct role_cast){.index = 0}), WORD, 0);
    } else {
        take_step(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(on_closed) {
    const rim_file_closed_event *event = body;
    CHECK(event->file == stage.file && event->error == stage.error);
    check_text(event->text, stage.error != 0 ? stage.says : " closed");
    CHECK(stage.error != 0 || stage.next == stage.count + 1);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler opener_on[] = {[GO] = on_go, [RIM_FILE_OPEN] = on_open, [RIM_FILE_CLOSED] = on_closed};
ROLE(file_opener, opener_on);

void file_play(struct scenario *s, struct file_play play) {
    stage = play;
    scenario_open_lanes(s);
    (void)scenario_system(s);
    role_go(s, role_spawn(s, &file_opener, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    scenario_stop(s, RIM_SECONDS(10), NULL);
}
