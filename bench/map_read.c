/* SPDX-License-Identifier: MIT */
/* 4 KiB at random places of a mapped file: views, against a map without a runtime. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <ringmail/map.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "world.h"

enum { PAGE = 4096, PAGES = 16384, BATCH = 1024 };
enum { LOOK = RIM_USER };

static char path[] = "/tmp/rimbench-map-XXXXXX";
static bool is_made;

static void remove_file(void) {
    unlink(path);
}

static int make_file(void) {
    static char bytes[PAGE];
    if (is_made) {
        return 0;
    }
    int fd = mkstemp(path);
    if (fd < 0) {
        return -errno;
    }
    is_made = true;
    atexit(remove_file);
    int error = 0;
    for (uint32_t i = 0; i < PAGES && error == 0; i++) {
        error = write(fd, bytes, PAGE) == PAGE ? 0 : -EIO;
    }
    close(fd);
    return error;
}

static uint64_t cpu_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t place(uint64_t *random) {
    *random = *random * 6364136223846793005u + 1442695040888963407u;
    return (*random >> 33) % PAGES * PAGE;
}

static void read_batch(const char *bytes, uint64_t *random) {
    static char page[PAGE];
    for (uint32_t i = 0; i < BATCH; i++) {
        memcpy(page, bytes + place(random), PAGE);
        __asm__ volatile("" ::"r"(page) : "memory");
    }
}

/* ---- an actor with a view of all, or with one for each page ---- */

struct run {
    struct world world;
    uint64_t until_ns, begin_ns, n, random;
    struct sample *out;
    rim_ref map;
    bool is_small;
};

static rim_verdict end(struct run *run, int error) {
    run->out->n = run->n;
    run->out->value = (double)(cpu_ns() - run->begin_ns) / 1e3 / (double)run->n;
    world_done(&run->world, error);
    return RIM_STOP;
}

static int send_view(rim_ctx *ctx, struct run *run) {
    rim_msg *view;
    int error =
        rim_map_view(ctx, run->map, LOOK, run->is_small ? place(&run->random) : 0, run->is_small ? PAGE : 0, &view);
    return error != 0 ? error : rim_send_msg(ctx, rim_self(ctx), view);
}

static rim_verdict on_look(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    static char page[PAGE];
    struct run *run = *(struct run **)state;
    (void)msg;
    if (run->is_small) {
        memcpy(page, body, PAGE);
        __asm__ volatile("" ::"r"(page) : "memory");
        run->n++;
    } else {
        read_batch(body, &run->random);
        run->n += BATCH;
    }
    bool is_over = run->n % BATCH == 0 && now_ns() >= run->until_ns;
    int error = is_over ? 0 : send_view(ctx, run);
    return is_over || error != 0 ? end(run, error) : RIM_DONE;
}

static rim_verdict on_ready(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct run *run = *(struct run **)state;
    (void)body;
    (void)msg;
    run->begin_ns = cpu_ns();
    int error = send_view(ctx, run);
    return error != 0 ? end(run, error) : RIM_DONE;
}

static rim_verdict begin(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    memcpy(state, arg, size);
    struct run *run = *(struct run **)state;
    rim_map_options options = {.path = path};
    return rim_map_open(ctx, &options, &run->map) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler reader_on[] = {[RIM_MAP_READY] = on_ready, [LOOK] = on_look};
static const rim_behaviour reader = {.name = "reader",
                                     .state_size = sizeof(struct run *),
                                     .init = begin,
                                     .on = reader_on,
                                     .on_count = RIM_COUNT(reader_on)};

static int measure(bool is_small, double seconds, struct sample *out) {
    struct run run = {.until_ns = now_ns() + (uint64_t)(seconds * 1e9), .out = out, .random = 1, .is_small = is_small};
    rim_spawn_options options = {.mailbox_bytes = 2 * PAGE * PAGES};
    rim_ref ref;
    int error = make_file();
    error = error != 0 ? error : world_open(&run.world, 1, SPIN_NEVER);
    if (error != 0) {
        return error;
    }
    error = world_spawn(&run.world, &reader, &options, &run, &ref);
    error = error != 0 ? error : world_run(&run.world, seconds + 5);
    return world_close(&run.world, error);
}

static int large_view(double seconds, struct sample *out) {
    return measure(false, seconds, out);
}

static int small_views(double seconds, struct sample *out) {
    return measure(true, seconds, out);
}

static int limit_map(double seconds, struct sample *out) {
    uint64_t until_ns = now_ns() + (uint64_t)(seconds * 1e9), random = 1;
    int error = make_file();
    int fd = error == 0 ? open(path, O_RDONLY) : -1;
    char *bytes = fd >= 0 ? mmap(NULL, (size_t)PAGE * PAGES, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED) {
        return error != 0 ? error : -errno;
    }
    uint64_t begin_ns = cpu_ns();
    while (now_ns() < until_ns) {
        read_batch(bytes, &random);
        out->n += BATCH;
    }
    out->value = (double)(cpu_ns() - begin_ns) / 1e3 / (double)out->n;
    munmap(bytes, (size_t)PAGE * PAGES);
    close(fd);
    return 0;
}

static const struct figure figures[] = {
    FIGURE("4 KiB at random, one view of all, CPU time", "us", false, large_view, "bare map", limit_map),
    FIGURE("4 KiB at random, a view for each, CPU time", "us", false, small_views, "bare map", limit_map),
};

const struct benchmark bench_map_read = BENCHMARK("map_read", "a mapped file from the page cache", figures);
