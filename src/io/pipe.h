/* SPDX-License-Identifier: MIT */
/*
 * pipe.h - streams that are no sockets: a struct rim__socket whose operations are plain, and whose half that its
 * descriptor does not have has ended from the start. Called by pipe.c and process.c.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_PIPE_H
#define RINGMAIL_IO_PIPE_H

#include "io/socket.h"

struct rim__pipe {
    int fd;
    uint32_t ways;     /* enum rim_pipe_ways */
    const char *label; /* for texts; static */
    int flags;         /* to be set again before the close; -1: none */
    bool is_socket;    /* after all, but one that was handed to the process */
    bool waits_first;  /* it may have no writer as yet */
};

/* An actor of the caller's that owns the descriptor, which is closed on failure. 0 or negative, without a text. */
int rim__pipe_wrap(rim_ctx *ctx, const struct rim__pipe *pipe, rim_ref *out);
/* Closes it without a word to its owner. */
void rim__pipe_forget(rim_ctx *ctx, rim_ref pipe);

#endif
