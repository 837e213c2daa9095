/* SPDX-License-Identifier: MIT */
/*
 * read: each actor has opened the same file, reads 4 KiB of it when its turn comes, and hands the turn on.
 */
#include "cost.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

enum { TURN = RIM_USER, PAGE = 4096, PAGES = 64 };

static const char path[] = "/cost";
static rim_ref *readers; /* until the end */

struct reader {
    rim_ref file;
    uint32_t number;
};

static rim_verdict on_page(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    const struct reader *self = state;
    (void)cookie;
    (void)body;
    if (error != 0 || rim_size(msg) != PAGE) {
        return cost_give_up(error != 0 ? error : -EIO);
    }
    uint32_t next = (self->number + 1) % cost.size;
    return cost_lap() ? cost_check(rim_send(ctx, readers[next], TURN, &next, sizeof next)) : RIM_DONE;
}

static rim_verdict on_turn(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct reader *self = state;
    (void)msg;
    self->number = *(const uint32_t *)body;
    rim_file_ask ask = {.file = self->file,
                        .offset = (cost.done % PAGES) * PAGE,
                        .timeout_ns = RIM_SECONDS(60),
                        .on_outcome = on_page};
    return cost_check(rim_file_read(ctx, &ask, PAGE, NULL));
}

static rim_verdict reader_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    (void)arg;
    (void)arg_size;
    return cost_check(rim_file_open(ctx, &(rim_file_options){.path = path}, &((struct reader *)state)->file));
}

static const rim_handler reader_on[] = {[TURN] = on_turn};
static const rim_behaviour reader = {.name = "reader",
                                     .state_size = sizeof(struct reader),
                                     .on = reader_on,
                                     .on_count = RIM_COUNT(reader_on),
                                     .init = reader_init};

/* ---- who writes it ---- */

static rim_verdict on_written(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)state;
    (void)cookie;
    (void)body;
    (void)msg;
    cost_check(error);
    return RIM_STOP;
}

static rim_verdict writer_init(rim_ctx *ctx, void *state, const void *arg, size_t arg_size) {
    static const char page[PAGES * PAGE];
    (void)state;
    (void)arg;
    (void)arg_size;
    rim_file_replacement replacement = {.path = path, .timeout_ns = RIM_SECONDS(60), .on_outcome = on_written};
    return cost_check(rim_file_replace(ctx, &replacement, page, sizeof page, NULL));
}

static const rim_behaviour writer = {.name = "writer", .init = writer_init};

int cost_read(rim_system *system) {
    rim_ref ref;
    readers = calloc(cost.size, sizeof *readers);
    int error = readers == NULL ? -ENOMEM : cost_spawn(system, &writer, 0, &ref);
    rim_sim_run(system, RIM_SECONDS(10)); /* it is there */
    for (uint32_t i = 0; i < cost.size && error == 0; i++) {
        error = cost_spawn(system, &reader, i, &readers[i]);
    }
    rim_sim_run(system, RIM_SECONDS(10)); /* they have opened it */
    for (uint32_t i = 0; i < cost.under_way && error == 0; i++) {
        uint32_t number = (uint32_t)((uint64_t)i * cost.size / cost.under_way);
        error = rim_system_send(system, readers[number], TURN, &number, sizeof number);
    }
    return error;
}
