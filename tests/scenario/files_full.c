/* SPDX-License-Identifier: MIT */
/* A disk that is full: a small tmpfs in a mount namespace of the scenario's own. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

#include "file_play.h"
#include "own_mounts.h"

#define DISK  65536u
#define BIG   300000u
#define PLACE "/mnt" /* is there everywhere, and in this namespace it is ours */

/* Scenarios have a process of their own, which has one thread when they begin. */
static bool has_disk(struct scenario *s) {
    if (scenario_is_sim(s)) {
        fprintf(stderr, "skipped: the simulated disk has no size; see file_full and file_disk_may_be_full\n");
        return false;
    }
    if (!own_mounts() || mount("tmpfs", PLACE, "tmpfs", 0, "size=64k,mode=777") != 0) {
        fprintf(stderr, "skipped: no disk of its own: %s\n", strerror(errno));
        return false;
    }
    return true;
}

static const struct file_step fills[] = {
    {.op = FILE_WRITE, .at = 0, .text = "before"},
    {.op = FILE_WRITE,
     .at = 0,
     .size = BIG,
     .error = -ENOSPC,
     .says = ": no space left on device, after 65536 of 300000 bytes"},
    {.op = FILE_STAT, .size = DISK},
    {.op = FILE_READ, .at = DISK - 10, .size = 100, .got = 10},
    {.op = FILE_WRITE, .at = RIM_FILE_END, .text = "x", .error = -ENOSPC, .says = ": no space left on device"},
    {.op = FILE_ALLOCATE, .at = 0, .size = BIG, .error = -ENOSPC, .says = ": no space left on device"},
    {.op = FILE_TRUNCATE, .at = 0},
    {.op = FILE_WRITE, .at = 0, .size = DISK / 2},
    {.op = FILE_EXACT, .at = 0, .size = DISK / 2},
};

void file_on_a_full_disk_says_how_much_it_has(struct scenario *s) {
    if (has_disk(s)) {
        file_play(s, (struct file_play){
                         .name = PLACE "/small", .flags = O_RDWR | O_CREAT, .steps = fills, .count = RIM_COUNT(fills)});
    }
}

/* ---- replacing and copying ---- */

static rim_ref source, sink;

ROLE_OUTCOME(still_there) {
    CHECK(error == 0 && rim_size(msg) == 3 && memcmp(body, "old", 3) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

static rim_file_ask ask_of(rim_ref file, rim_outcome on_outcome) {
    return (rim_file_ask){.file = file, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
}

/* What was tried before it failed is gone, but for the copy, which takes all the room there is. */
ROLE_OUTCOME(copy_failed) {
    CHECK(error == -ENOSPC && strstr(rim_error_text(ctx), PLACE "/copy: no space left on device") != NULL);
    rim_ref again;
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = PLACE "/kept"}, &again) == 0);
    rim_file_ask ask = ask_of(again, still_there);
    CHECK(rim_file_read(ctx, &ask, 100, NULL) == 0);
    return RIM_DONE;
}

static unsigned count_names(void) {
    unsigned count = 0;
    DIR *list = opendir(PLACE);
    while (list != NULL && readdir(list) != NULL) {
        count++;
    }
    if (list != NULL) {
        closedir(list);
    }
    return count;
}

ROLE_OUTCOME(not_replaced) {
    CHECK(error == -ENOSPC && strstr(rim_error_text(ctx), PLACE "/kept: no space left on device") != NULL);
    CHECK(count_names() == 3); /* ".", ".." and the old one: no temporary file */
    rim_file_options from = {.path = "/proc/self/exe"}, to = {.path = PLACE "/copy", .flags = O_WRONLY | O_CREAT};
    CHECK(rim_file_open(ctx, &from, &source) == 0 && rim_file_open(ctx, &to, &sink) == 0);
    rim_file_ask ask = ask_of(source, copy_failed);
    CHECK(rim_file_copy(ctx, &ask, sink, 0, UINT64_MAX, NULL) == 0);
    return RIM_DONE;
}

static void replace(rim_ctx *ctx, const void *bytes, size_t size, rim_outcome on_outcome) {
    rim_file_replacement replacement = {.path = PLACE "/kept", .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
    CHECK(rim_file_replace(ctx, &replacement, bytes, size, NULL) == 0);
}

ROLE_OUTCOME(replaced) {
    static char bytes[BIG];
    CHECK(error == 0);
    replace(ctx, bytes, sizeof bytes, not_replaced);
    return RIM_DONE;
}

ROLE_ON(replacer_go) {
    replace(ctx, "old", 3, replaced);
    return RIM_DONE;
}
static const rim_handler replacer_on[] = {[GO] = replacer_go};
ROLE(file_replacer_full, replacer_on);

void file_on_a_full_disk_is_not_replaced_nor_copied(struct scenario *s) {
    if (!has_disk(s)) {
        return;
    }
    (void)scenario_system(s);
    role_go(s, role_spawn(s, &file_replacer_full, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
