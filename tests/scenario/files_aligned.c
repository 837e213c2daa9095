/* SPDX-License-Identifier: MIT */
/* Files that are read and written without the page cache. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "file_play.h"

#define MAKE  (O_RDWR | O_CREAT | O_TRUNC | O_DIRECT)
#define BLOCK 4096u
#define BIG   (64u * BLOCK)

/* Whether this folder's disk can: not all can. */
static bool can(struct scenario *s) {
    char path[128];
    if (scenario_is_sim(s)) {
        return true;
    }
    file_path(s, "can", path);
    int fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);
    if (fd >= 0) {
        close(fd);
    } else {
        fprintf(stderr, "skipped: no direct I/O in %s\n", path);
    }
    return fd >= 0;
}

static const struct file_step anywhere[] = {
    {.op = FILE_WRITE, .at = 0, .size = BIG},
    {.op = FILE_EXACT, .at = 0, .size = BIG},
    {.op = FILE_READ, .at = 0, .size = BLOCK, .got = BLOCK},
    {.op = FILE_READ, .at = 5, .size = 1, .got = 1},
    {.op = FILE_READ, .at = 511, .size = 2, .got = 2},
    {.op = FILE_READ, .at = 100, .size = 1000, .got = 1000},
    {.op = FILE_EXACT, .at = 4095, .size = 4098},
    {.op = FILE_EXACT, .at = 1, .size = BIG - 1},
    {.op = FILE_READ, .at = BIG - 10, .size = 100, .got = 10},
    {.op = FILE_READ, .at = BIG, .text = "", .size = 100},
    {.op = FILE_READ, .at = BIG + 12345, .text = "", .size = 1},
    {.op = FILE_EXACT, .at = BIG - 10, .size = 11, .error = -ENODATA},
    {.op = FILE_WRITE, .at = BIG, .size = BLOCK},
    {.op = FILE_TRUNCATE, .at = BIG + 77},
    {.op = FILE_READ, .at = BIG - 3, .size = 1000, .got = 80},
    {.op = FILE_READ, .at = BIG + 70, .size = 1000, .got = 7},
    {.op = FILE_EXACT, .at = BIG + 70, .size = 8, .error = -ENODATA},
    {.op = FILE_SYNC},
    {.op = FILE_STAT, .size = BIG + 77},
};

void file_read_directly_is_read_at_any_place(struct scenario *s) {
    if (can(s)) {
        file_play(
            s, (struct file_play){.name = "anywhere", .flags = MAKE, .steps = anywhere, .count = RIM_COUNT(anywhere)});
    }
}

void file_read_directly_from_another_shard(struct scenario *s) {
    if (can(s)) {
        file_play(s,
                  (struct file_play){
                      .name = "afar", .flags = MAKE, .steps = anywhere, .count = RIM_COUNT(anywhere), .across = true});
    }
}

/* ---- what cannot be written so ---- */

static struct {
    rim_ref file;
    uint32_t align;
    char path[128];
} desk;

static rim_file_ask ask_of(uint64_t offset, rim_outcome on_outcome) {
    return (rim_file_ask){.file = desk.file, .offset = offset, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
}

ROLE_OUTCOME(read_back) {
    CHECK(error == 0 && rim_size(msg) == 2 * BLOCK && ((const char *)body)[0] == 7);
    CHECK(((uintptr_t)body & (desk.align - 1)) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(written) {
    rim_file_ask ask = ask_of(0, read_back);
    CHECK(error == 0);
    CHECK(rim_file_read(ctx, &ask, 2 * BLOCK, NULL) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(refused) {
    char words[100];
    CHECK(error == -EINVAL);
    snprintf(words, sizeof words, ": invalid argument (direct I/O there is in multiples of %u bytes)", desk.align);
    CHECK(strstr(rim_error_text(ctx), desk.path) != NULL && strstr(rim_error_text(ctx), words) != NULL);
    return RIM_DONE;
}

/* Odd places and odd lengths; and then all that fits. */
ROLE_OUTCOME(measured) {
    const rim_file_status *status = body;
    CHECK(error == 0 && status->direct_align >= 512 && (status->direct_align & (status->direct_align - 1)) == 0);
    desk.align = status->direct_align;
    rim_file_ask odd = ask_of(100, refused), even = ask_of(0, refused), good = ask_of(0, written);
    static char bytes[2 * BLOCK + 1];
    memset(bytes, 7, sizeof bytes);
    CHECK(rim_file_write(ctx, &odd, bytes, BLOCK, NULL) == 0);
    CHECK(rim_file_write(ctx, &even, bytes, 100, NULL) == 0);
    rim_msg *msg_out = rim_file_buffer_aligned(ctx, 2 * BLOCK);
    CHECK(msg_out != NULL && ((uintptr_t)rim_file_bytes(msg_out) & (BLOCK - 1)) == 0);
    CHECK(rim_file_buffer_aligned(ctx, RIM_BODY_MAX) == NULL);
    memset(rim_file_bytes(msg_out), 7, 2 * BLOCK);
    CHECK(rim_file_write_buffer(ctx, &good, msg_out, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(odd_go) {
    rim_file_options options = {.path = desk.path, .flags = MAKE};
    CHECK(rim_file_open(ctx, &options, &desk.file) == 0);
    rim_file_ask ask = ask_of(0, measured);
    CHECK(rim_file_stat(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler odd_on[] = {[GO] = odd_go};
ROLE(file_odd, odd_on);

void file_written_directly_says_the_alignment(struct scenario *s) {
    if (!can(s)) {
        return;
    }
    file_path(s, "odd", desk.path);
    (void)scenario_system(s);
    role_go(s, role_spawn(s, &file_odd, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}
