/* SPDX-License-Identifier: MIT */
/*
 * tube.h - what the scenarios of pipes share: an actor that has both ends, writes to the one and checks what comes from
 * the other, until both are closed.
 */
#ifndef TUBE_H
#define TUBE_H

#include "socket_world.h"

#define TUBE_TOTAL 700000u

struct tube {
    rim_ref reader, writer;
    struct socket_pump pump;
    uint64_t read;
    const char *text; /* is written instead of the pump's bytes, and kept in `got` */
    char got[256];
    bool has_ended, reader_closed, writer_closed, is_over;
    bool starts_paused;
    int32_t error; /* that the writer is to end with */
    int fds[2];    /* the far ends of standard input and output; a real process's */
};

static inline struct tube *tube_of(void *self) {
    return *(struct tube **)self;
}
/* For init: the state is a pointer to it. */
struct tube *tube_take(void *self, const void *arg);
/* Runs the boss with it until it is over. */
void tube_run(struct scenario *s, const rim_behaviour *boss, struct tube *tube);
/* Writes on, and closes the writer at the end. */
void tube_pump(rim_ctx *ctx, struct tube *tube);

rim_verdict tube_room(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);
rim_verdict tube_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);
rim_verdict tube_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);
rim_verdict tube_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);
#define TUBE_ROWS                                                                                                      \
    [RIM_SOCKET_DATA] = tube_data, [RIM_SOCKET_END] = tube_end, [RIM_SOCKET_CLOSED] = tube_closed,                     \
    [RIM_ROOM] = tube_room

#endif
