/* SPDX-License-Identifier: MIT */
/* One file, one call after the other: what they do, and how they fail. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "file_play.h"

#define MAKE                (O_RDWR | O_CREAT | O_TRUNC)
#define BIG                 300000u
#define PLAY(s, table, ...) file_play(s, (struct file_play){.steps = table, .count = RIM_COUNT(table), __VA_ARGS__})

static const struct file_step basics[] = {
    {.op = FILE_WRITE, .at = 0, .text = "0123456789"},
    {.op = FILE_READ, .at = 0, .text = "0123456789", .size = 100},
    {.op = FILE_READ, .at = 4, .text = "456", .size = 3},
    {.op = FILE_READ, .at = 10, .text = "", .size = 1},
    {.op = FILE_READ, .at = 1u << 20, .text = "", .size = 1},
    {.op = FILE_WRITE, .at = 2, .text = "ab"},
    {.op = FILE_WRITE_PIECES, .at = RIM_FILE_END, .text = "the end"},
    {.op = FILE_EXACT, .at = 0, .text = "01ab456789the end", .size = 17},
    {.op = FILE_SYNC},
    {.op = FILE_DATASYNC},
    {.op = FILE_STAT, .size = 17},
    {.op = FILE_TRUNCATE, .at = 4},
    {.op = FILE_STAT, .size = 4},
    {.op = FILE_READ, .at = 0, .text = "01ab", .size = 100},
    {.op = FILE_WRITE, .at = 4, .size = BIG},
    {.op = FILE_EXACT, .at = 4, .size = BIG},
    {.op = FILE_READ, .at = BIG, .size = 100, .got = 4},
    {.op = FILE_EXACT, .at = 7, .size = BIG - 3},
    {.op = FILE_ALLOCATE, .at = 0, .size = 2 * BIG},
    {.op = FILE_STAT, .size = 2 * BIG},
    {.op = FILE_ADVISE},
    {.op = FILE_TRUNCATE, .at = 0},
    {.op = FILE_TRUNCATE, .at = 5},
    {.op = FILE_STAT, .size = 5},
};

void file_gives_back_what_was_written(struct scenario *s) {
    PLAY(s, basics, .name = "basics", .flags = MAKE);
}

void file_is_used_from_another_shard(struct scenario *s) {
    PLAY(s, basics, .name = "across", .flags = MAKE, .across = true);
}

static const struct file_step nameless[] = {
    {.op = FILE_WRITE, .at = 0, .text = "0123456789"},
    {.op = FILE_SYNC},
    {.op = FILE_EXACT, .at = 2, .text = "234", .size = 3},
    {.op = FILE_STAT, .size = 10},
};

/* O_TMPFILE: its path is the folder's. */
void file_without_a_name_is_as_others(struct scenario *s) {
    PLAY(s, nameless, .name = scenario_is_sim(s) ? "/" : ".", .flags = O_RDWR | O_TMPFILE, .mode = 0600);
}

static const struct file_step in_turn[] = {
    {.op = FILE_WRITE, .at = RIM_FILE_HERE, .text = "one "},
    {.op = FILE_WRITE, .at = RIM_FILE_HERE, .text = "two "},
    {.op = FILE_WRITE, .at = RIM_FILE_END, .text = "three"},
    {.op = FILE_WRITE, .at = RIM_FILE_HERE, .text = "TH"},
    {.op = FILE_READ, .at = 0, .text = "one two THree", .size = 99},
    {.op = FILE_EXACT, .at = RIM_FILE_HERE, .text = "re", .size = 2},
    {.op = FILE_READ, .at = RIM_FILE_HERE, .text = "e", .size = 5},
    {.op = FILE_READ, .at = RIM_FILE_HERE, .text = "", .size = 5},
};

void file_keeps_a_position_for_reads_and_writes(struct scenario *s) {
    PLAY(s, in_turn, .name = "turn", .flags = MAKE);
}

/* ---- what cannot be opened ---- */

void file_that_is_not_there_cannot_be_opened(struct scenario *s) {
    file_play(s, (struct file_play){.name = "none", .error = -ENOENT, .says = ": no such file or directory"});
}

void file_that_is_there_cannot_be_made_anew(struct scenario *s) {
    file_play(s, (struct file_play){.name = "/dev/full",
                                    .flags = O_WRONLY | O_CREAT | O_EXCL,
                                    .error = -EEXIST,
                                    .says = ": file exists"});
}

void file_that_is_a_folder_cannot_be_written(struct scenario *s) {
    file_play(s, (struct file_play){.name = "/dev/", .flags = O_WRONLY, .error = -EISDIR, .says = ": is a directory"});
}

/* Root may read everything: it is somebody else for as long as this takes. */
void file_that_may_not_be_read_cannot_be_opened(struct scenario *s) {
    static const struct file_step none[] = {{.op = FILE_STAT, .size = 0}};
    struct file_play play = {.name = "/etc/shadow", .error = -EACCES, .says = ": permission denied"};
    if (scenario_is_sim(s)) {
        PLAY(s, none, .name = "secret", .flags = O_WRONLY | O_CREAT, .mode = 0200);
        return; /* the world ends with its system: unit tests have the rest */
    }
    uid_t before = geteuid();
    if (access("/etc/shadow", F_OK) != 0 || (before == 0 && seteuid(65534) != 0)) {
        return;
    }
    file_play(s, play);
    CHECK(seteuid(before) == 0);
}

/* ---- calls that fail ---- */

static const struct file_step refused[] = {
    {.op = FILE_WRITE, .at = 0, .text = "x", .error = -EBADF},
    {.op = FILE_TRUNCATE, .at = 0, .error = -EINVAL},
    {.op = FILE_ALLOCATE, .at = 0, .size = 5, .error = -EBADF},
    {.op = FILE_EXACT, .at = 0, .size = 5, .error = -ENODATA},
    {.op = FILE_READ, .at = 0, .text = "", .size = 5},
};

void file_errors_name_the_path(struct scenario *s) {
    PLAY(s, refused, .name = "refused", .flags = O_RDONLY | O_CREAT);
}

static const struct file_step full[] = {
    {FILE_WRITE, 0, "x", .error = -ENOSPC, .says = ": no space left on device"},
    {FILE_WRITE, RIM_FILE_END, "x", .error = -ENOSPC, .says = ": no space left on device"},
    {.op = FILE_WRITE, .at = 0, .size = 10000, .error = -ENOSPC},
};

void file_disk_may_be_full(struct scenario *s) {
    PLAY(s, full, .name = "/dev/full", .flags = O_WRONLY);
}

#define MOST 100000u

static const struct file_step too_long[] = {
    {FILE_WRITE, 0, .size = BIG, .error = -EFBIG, .says = ": file too large, after 100000 of 300000 bytes"},
    {.op = FILE_STAT, .size = MOST},
    {.op = FILE_READ, .at = 0, .size = 1000, .got = 1000},
};

void file_write_that_is_cut_short_says_so(struct scenario *s) {
    if (scenario_is_sim(s)) {
        return; /* it has no such limit; file_each_call_has_one_outcome_whatever_fails has others */
    }
    signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = MOST, .rlim_max = RLIM_INFINITY}) == 0);
    PLAY(s, too_long, .name = "long", .flags = MAKE);
    CHECK(setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY}) == 0);
}
