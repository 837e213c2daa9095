/* SPDX-License-Identifier: MIT */
/* 10,000 small files into memory: staged, against read() in a loop and against a bare io_uring. CPU time, all threads.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <ringmail/stage.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "world.h"

enum { FILES = 10000, SIZE = 4096, ROOM = 8192, DEPTH = 32 };

static char folder[] = "/tmp/rimbench-stage-XXXXXX";
static char names[FILES][48];
static const char *paths[FILES];
static bool is_made;

static void remove_files(void) {
    for (uint32_t i = 0; i < FILES; i++) {
        unlink(names[i]);
    }
    rmdir(folder);
}

static int make_file(const char *name) {
    static char bytes[SIZE];
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0) {
        return -errno;
    }
    int error = write(fd, bytes, SIZE) == SIZE ? 0 : -EIO;
    close(fd);
    return error;
}

static int make_files(void) {
    if (is_made) {
        return 0;
    }
    if (mkdtemp(folder) == NULL) {
        return -errno;
    }
    is_made = true;
    atexit(remove_files);
    int error = 0;
    for (uint32_t i = 0; i < FILES && error == 0; i++) {
        snprintf(names[i], sizeof names[i], "%s/%u", folder, i);
        paths[i] = names[i];
        error = make_file(names[i]);
    }
    return error;
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void tell(uint64_t begin_ns, uint64_t n, struct sample *out) {
    out->n = n;
    out->value = (double)(cpu_ns() - begin_ns) / 1e3 / (double)n;
}

/* ---- an actor that stages them, round after round ---- */

struct run {
    struct world world;
    uint64_t until_ns, begin_ns, n;
    uint32_t left;
    struct sample *out;
};

static rim_verdict on_file(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static int stage_round(rim_ctx *ctx, struct run *run) {
    rim_stage_options options = {
        .paths = paths, .count = FILES, .files_max = DEPTH, .timeout_ns = RIM_SECONDS(60), .on_file = on_file};
    run->left = FILES;
    return rim_stage(ctx, &options);
}

static rim_verdict on_file(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct run *run = *(struct run **)state;
    (void)cookie;
    (void)body;
    error = error == 0 && rim_size(msg) != SIZE ? -EIO : error;
    run->n++;
    if (error == 0 && --run->left == 0 && now_ns() < run->until_ns) {
        error = stage_round(ctx, run);
    }
    if (error != 0 || run->left == 0) {
        tell(run->begin_ns, run->n, run->out);
        world_done(&run->world, error);
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict begin(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    memcpy(state, arg, size);
    struct run *run = *(struct run **)state;
    run->begin_ns = cpu_ns();
    return stage_round(ctx, run) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour stager = {.name = "stager", .state_size = sizeof(struct run *), .init = begin};

static int stage(double seconds, struct sample *out) {
    struct run run = {.until_ns = now_ns() + (uint64_t)(seconds * 1e9), .out = out};
    rim_ref ref;
    int error = make_files();
    error = error != 0 ? error : world_open(&run.world, 1, SPIN_NEVER);
    if (error != 0) {
        return error;
    }
    error = world_spawn(&run.world, &stager, NULL, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds + 5);
    return world_close(&run.world, error);
}

/* ---- what it is held against ---- */

static int read_one(const char *name) {
    static char bytes[ROOM];
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    ssize_t size = read(fd, bytes, ROOM);
    close(fd);
    return size == SIZE ? 0 : -EIO;
}

static int limit_loop(double seconds, struct sample *out) {
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9), n = 0;
    int error = make_files();
    uint64_t begin_ns = cpu_ns();
    while (error == 0 && now_ns() < until_ns) {
        for (uint32_t i = 0; i < FILES && error == 0; i++) {
            error = read_one(names[i]);
        }
        n += FILES;
    }
    tell(begin_ns, n, out);
    return error;
}

/* As quick as was found: no links, a close of its own for each. */
struct bare {
    struct io_uring ring;
    char (*rooms)[ROOM];
    int fds[DEPTH];
    uint32_t next, done;
    int error;
};

static void bare_open(struct bare *bare, uint64_t slot) {
    if (bare->next < FILES) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(&bare->ring);
        io_uring_prep_openat(sqe, AT_FDCWD, names[bare->next++], O_RDONLY | O_CLOEXEC, 0);
        io_uring_sqe_set_data64(sqe, slot);
    }
}

static void bare_go_on(struct bare *bare, const struct io_uring_cqe *cqe) {
    uint64_t slot = cqe->user_data % DEPTH;
    if (cqe->user_data < DEPTH && cqe->res >= 0) {
        bare->fds[slot] = cqe->res;
        struct io_uring_sqe *sqe = io_uring_get_sqe(&bare->ring);
        io_uring_prep_read(sqe, cqe->res, bare->rooms[slot], ROOM, 0);
        io_uring_sqe_set_data64(sqe, slot + DEPTH);
        return;
    }
    bare->error = cqe->res == SIZE ? bare->error : -EIO;
    close(bare->fds[slot]);
    bare->done++;
    bare_open(bare, slot);
}

static int bare_round(struct bare *bare) {
    bare->next = bare->done = 0;
    for (uint64_t i = 0; i < DEPTH; i++) {
        bare_open(bare, i);
    }
    while (bare->done < FILES && bare->error == 0) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        if (io_uring_submit_and_wait(&bare->ring, 1) < 0) {
            return -EIO;
        }
        io_uring_for_each_cqe(&bare->ring, head, cqe) {
            bare_go_on(bare, cqe);
            count++;
        }
        io_uring_cq_advance(&bare->ring, count);
    }
    return bare->error;
}

static int limit_ring(double seconds, struct sample *out) {
    struct bare bare = {.error = make_files()};
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9), n = 0;
    if (bare.error == 0 &&
        io_uring_queue_init(4 * DEPTH, &bare.ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) != 0) {
        return -ENOTSUP;
    }
    bare.rooms = malloc((size_t)DEPTH * ROOM);
    uint64_t begin_ns = cpu_ns();
    int error = bare.rooms != NULL ? bare.error : -ENOMEM;
    while (error == 0 && now_ns() < until_ns) {
        error = bare_round(&bare);
        n += FILES;
    }
    tell(begin_ns, n, out);
    io_uring_queue_exit(&bare.ring);
    free(bare.rooms);
    return error;
}

static const struct figure figures[] = {
    FIGURE("4 KiB files, 32 at a time, CPU time", "us", false, stage, "bare io_uring, 32 at a time", limit_ring),
    FIGURE("4 KiB files, 32 at a time, CPU time", "us", false, stage, "read() in a loop", limit_loop),
};

const struct benchmark bench_stage = BENCHMARK("stage", "10,000 small files into memory", figures);
