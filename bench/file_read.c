/* SPDX-License-Identifier: MIT */
/* Files from the page cache: 4 KiB at random places of one, and many small ones from open to close. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <ringmail/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fio.h"
#include "harness.h"
#include "world.h"

enum { PAGE = 4096, PAGES = 16384, DEPTH = 32, SMALL = 500, BATCH = 64 };

static char folder[] = "/tmp/rimbench-files-XXXXXX";
static char path[64];
static bool is_made;

/* ---- the files ---- */

static void small_path(char *text, size_t size, uint32_t index) {
    snprintf(text, size, "%s/%u", folder, index);
}

static void remove_files(void) {
    char name[64];
    for (uint32_t i = 0; i < SMALL; i++) {
        small_path(name, sizeof name, i);
        unlink(name);
    }
    unlink(path);
    rmdir(folder);
}

static int make_file(const char *name, uint32_t pages) {
    static char bytes[PAGE];
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    for (uint32_t i = 0; fd >= 0 && i < pages; i++) {
        if (write(fd, bytes, sizeof bytes) != PAGE) {
            close(fd);
            return -EIO;
        }
    }
    return fd >= 0 ? close(fd) : -errno;
}

static int make_files(void) {
    char name[64];
    if (is_made) {
        return 0;
    }
    if (mkdtemp(folder) == NULL) {
        return -errno;
    }
    is_made = true;
    atexit(remove_files);
    snprintf(path, sizeof path, "%s/large", folder);
    int error = make_file(path, PAGES);
    for (uint32_t i = 0; error == 0 && i < SMALL; i++) {
        small_path(name, sizeof name, i);
        error = make_file(name, 1);
    }
    return error;
}

/*
 * Of the whole process: what helpers and the kernel's workers do for it counts. Not the time that passes, because a
 * shard that waits for a disk, or for its CPU while others have it, costs nothing then.
 */
static double cpu_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static uint64_t place(uint64_t *random) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % PAGES * PAGE;
}

/* ---- an actor that reads ---- */

struct run {
    struct world world;
    uint64_t measure_ns, begin_ns, n, random;
    double cpu_us; /* at the beginning; then what was used */
    uint32_t open_max, open;
    int flags; /* of the file */
};

struct reader {
    struct run *run;
    rim_ref file;
};

static rim_verdict on_read(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static int read_page(rim_ctx *ctx, struct reader *self) {
    rim_file_ask ask = {.file = self->file,
                        .offset = place(&self->run->random),
                        .timeout_ns = RIM_SECONDS(10),
                        .on_outcome = on_read};
    int error = rim_file_read_exact(ctx, &ask, PAGE, NULL);
    self->run->open += error == 0;
    return error;
}

static rim_verdict on_read(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct reader *self = state;
    struct run *run = self->run;
    (void)cookie;
    (void)body;
    (void)msg;
    run->open--;
    run->n += error == 0;
    if (error == 0 && rim_now(ctx) - run->begin_ns < run->measure_ns) {
        error = read_page(ctx, self);
    }
    if (run->open == 0 || error != 0) {
        run->cpu_us = cpu_us() - run->cpu_us;
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct reader *self = state;
    int error = 0;
    (void)body;
    (void)msg;
    self->run->begin_ns = rim_now(ctx);
    self->run->cpu_us = cpu_us();
    while (self->run->open < self->run->open_max && error == 0) {
        error = read_page(ctx, self);
    }
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict reader_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct reader *self = state;
    (void)size;
    self->run = *(struct run *const *)arg;
    rim_file_options options = {.path = path, .flags = self->run->flags};
    return rim_file_open(ctx, &options, &self->file) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler reader_on[] = {[RIM_FILE_OPEN] = on_open};
static const rim_behaviour reader = {.name = "reader",
                                     .state_size = sizeof(struct reader),
                                     .init = reader_init,
                                     .on = reader_on,
                                     .on_count = RIM_COUNT(reader_on)};

static int measure_with(const rim_behaviour *behaviour, uint32_t open_max, int flags, double seconds,
                        struct sample *out) {
    struct run run = {.measure_ns = (uint64_t)(seconds * 1e9), .open_max = open_max, .random = 1, .flags = flags};
    rim_ref ref;
    int error = make_files();
    if (error != 0) {
        return error;
    }
    error = world_open(&run.world, 1, 0);
    error = error != 0 ? error : world_spawn(&run.world, behaviour, NULL, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds);
    error = world_close(&run.world, error);
    out->n = run.n;
    out->value = run.cpu_us / (double)run.n;
    return error;
}

static int measure(const rim_behaviour *behaviour, uint32_t open_max, double seconds, struct sample *out) {
    return measure_with(behaviour, open_max, 0, seconds, out);
}

static int read_one(double seconds, struct sample *out) {
    return measure(&reader, 1, seconds, out);
}

static int read_many(double seconds, struct sample *out) {
    return measure(&reader, DEPTH, seconds, out);
}

/* Past the page cache. -ENOTSUP where the disk of /tmp cannot. */
static int read_past_cache(uint32_t open_max, double seconds, struct sample *out) {
    int error = make_files();
    int fd = error == 0 ? open(path, O_RDONLY | O_DIRECT) : -1;
    if (fd < 0) {
        return error != 0 ? error : -ENOTSUP;
    }
    close(fd);
    return measure_with(&reader, open_max, O_DIRECT, seconds, out);
}

static int read_past_cache_one(double seconds, struct sample *out) {
    return read_past_cache(1, seconds, out);
}

static int read_past_cache_many(double seconds, struct sample *out) {
    return read_past_cache(DEPTH, seconds, out);
}

/* ---- what it is held against ---- */

static int limit_pread(double seconds, struct sample *out) {
    static char page[PAGE];
    uint64_t random = 1;
    int error = make_files();
    int fd = error == 0 ? open(path, O_RDONLY) : -1;
    if (fd < 0) {
        return error != 0 ? error : -errno;
    }
    uint64_t begin_ns = now_ns(), end_ns = begin_ns;
    double begin_us = cpu_us();
    while (end_ns - begin_ns < (uint64_t)(seconds * 1e9) && error == 0) {
        for (int i = 0; i < BATCH && error == 0; i++, out->n++) {
            error = pread(fd, page, PAGE, (off_t)place(&random)) == PAGE ? 0 : -EIO;
        }
        end_ns = now_ns();
    }
    close(fd);
    out->value = (cpu_us() - begin_us) / (double)out->n;
    return error;
}

struct bare {
    struct io_uring ring;
    int fd;
    uint64_t random;
    char (*pages)[PAGE];
};

static void prepare(struct bare *bare, uint64_t index) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&bare->ring);
    io_uring_prep_read(sqe, bare->fd, bare->pages[index], PAGE, place(&bare->random));
    io_uring_sqe_set_data64(sqe, index);
}

static int loop(struct bare *bare, double seconds, struct sample *out) {
    uint64_t begin_ns = now_ns(), end_ns = begin_ns;
    double begin_us = cpu_us();
    while (end_ns - begin_ns < (uint64_t)(seconds * 1e9)) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;
        if (io_uring_submit_and_wait(&bare->ring, 1) < 0) {
            return -EIO;
        }
        io_uring_for_each_cqe(&bare->ring, head, cqe) {
            if (cqe->res != PAGE) {
                return -EIO;
            }
            prepare(bare, cqe->user_data);
            count++;
        }
        io_uring_cq_advance(&bare->ring, count);
        out->n += count;
        end_ns = now_ns();
    }
    out->value = (cpu_us() - begin_us) / (double)out->n;
    return 0;
}

static int limit_ring(uint32_t depth, double seconds, struct sample *out) {
    struct bare bare = {.random = 1};
    int error = make_files();
    if (error != 0) {
        return error;
    }
    if (io_uring_queue_init(2 * DEPTH, &bare.ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) != 0) {
        return -ENOTSUP;
    }
    bare.fd = open(path, O_RDONLY);
    bare.pages = malloc((size_t)DEPTH * PAGE);
    if (bare.fd < 0 || bare.pages == NULL) {
        error = -EIO;
    }
    for (uint32_t i = 0; error == 0 && i < depth; i++) {
        prepare(&bare, i);
    }
    error = error == 0 ? loop(&bare, seconds, out) : error;
    io_uring_queue_exit(&bare.ring);
    close(bare.fd);
    free(bare.pages);
    return error;
}

static int ring_one(double seconds, struct sample *out) {
    return limit_ring(1, seconds, out);
}

static int ring_many(double seconds, struct sample *out) {
    return limit_ring(DEPTH, seconds, out);
}

/* ---- many small files: open, read, close ---- */

static rim_verdict on_staged(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

static int stage_next(rim_ctx *ctx, struct reader *self) {
    char name[64];
    rim_ref file;
    small_path(name, sizeof name, (uint32_t)(self->run->random++ % SMALL));
    int error = rim_file_open(ctx, &(rim_file_options){.path = name}, &file);
    if (error == 0) {
        rim_file_ask ask = {.file = file, .timeout_ns = RIM_SECONDS(10), .on_outcome = on_staged};
        error = rim_file_read_exact(ctx, &ask, PAGE, NULL);
        error = error != 0 ? error : rim_file_close(ctx, file);
    }
    self->run->open += error == 0;
    return error;
}

static rim_verdict on_staged(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct reader *self = state;
    struct run *run = self->run;
    (void)cookie;
    (void)body;
    (void)msg;
    run->open--;
    run->n += error == 0;
    if (error == 0 && rim_now(ctx) - run->begin_ns < run->measure_ns) {
        error = stage_next(ctx, self);
    }
    if (run->open == 0 || error != 0) {
        run->cpu_us = cpu_us() - run->cpu_us;
        world_done(&run->world, error);
    }
    return RIM_DONE;
}

static rim_verdict stager_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct reader *self = state;
    int error = 0;
    (void)size;
    self->run = *(struct run *const *)arg;
    self->run->begin_ns = rim_now(ctx);
    self->run->cpu_us = cpu_us();
    while (self->run->open < self->run->open_max && error == 0) {
        error = stage_next(ctx, self);
    }
    return error == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour stager = {.name = "stager", .state_size = sizeof(struct reader), .init = stager_init};

static int stage(double seconds, struct sample *out) {
    return measure(&stager, DEPTH, seconds, out);
}

static int limit_stage(double seconds, struct sample *out) {
    static char page[PAGE];
    char name[64];
    int error = make_files();
    uint64_t begin_ns = now_ns(), end_ns = begin_ns;
    double begin_us = cpu_us();
    while (end_ns - begin_ns < (uint64_t)(seconds * 1e9) && error == 0) {
        small_path(name, sizeof name, (uint32_t)(out->n++ % SMALL));
        int fd = open(name, O_RDONLY | O_CLOEXEC);
        error = fd >= 0 && read(fd, page, PAGE) == PAGE && close(fd) == 0 ? 0 : -EIO;
        end_ns = now_ns();
    }
    out->value = (cpu_us() - begin_us) / (double)out->n;
    return error;
}

/* ---- the same by fio ---- */

static int by_fio(const char *engine, uint32_t depth, int is_direct, double seconds, struct sample *out) {
    struct fio_job job = {
        .engine = engine, .path = path, .bytes = (uint64_t)PAGES * PAGE, .depth = depth, .is_direct = is_direct};
    int error = make_files();
    return error != 0 ? error : fio_read(&job, seconds, out);
}

static int fio_psync(double seconds, struct sample *out) {
    return by_fio("psync", 1, 0, seconds, out);
}

static int fio_ring(double seconds, struct sample *out) {
    return by_fio("io_uring", DEPTH, 0, seconds, out);
}

static int fio_mmap(double seconds, struct sample *out) {
    return by_fio("mmap", 1, 0, seconds, out);
}

static int fio_direct_one(double seconds, struct sample *out) {
    return by_fio("psync", 1, 1, seconds, out);
}

static int fio_direct_many(double seconds, struct sample *out) {
    return by_fio("io_uring", DEPTH, 1, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("4 KiB, one read at a time, CPU", "us", false, read_one, "bare io_uring", ring_one),
    FIGURE("4 KiB, 32 reads at a time, CPU", "us", false, read_many, "bare io_uring", ring_many),
    FIGURE("4 KiB, 32 reads at a time, CPU", "us", false, read_many, "pread in a loop", limit_pread),
    FIGURE("4 KiB, one read at a time, CPU", "us", false, read_one, "fio psync", fio_psync),
    FIGURE("4 KiB, 32 reads at a time, CPU", "us", false, read_many, "fio io_uring", fio_ring),
    FIGURE("4 KiB, 32 reads at a time, CPU", "us", false, read_many, "fio mmap", fio_mmap),
    FIGURE("direct, one read at a time, CPU", "us", false, read_past_cache_one, "fio psync", fio_direct_one),
    FIGURE("direct, 32 reads at a time, CPU", "us", false, read_past_cache_many, "fio io_uring", fio_direct_many),
    FIGURE("small file, 32 at a time, CPU", "us", false, stage, "the same in a loop", limit_stage),
};

const struct benchmark bench_file_read = BENCHMARK("file_read", "files from the page cache", figures);
