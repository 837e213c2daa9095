/* SPDX-License-Identifier: MIT */
/*
 * record.h - the inbox of a live actor, written down: to be looked at, or played back in simulation (rim_kit_replay).
 *
 * A recording is a header and records, in the byte order of the machine:
 *
 *     header   "RIMREC1\0" (8)
 *     record   time_ns 8 | from 8 | tag 4 | size 4 | kind 4 | error 4 | body, padded to a multiple of 8
 *
 *     Order    as the actor handles its messages
 *     Loss     what the sink fails to write is lost; the actor goes on
 *     Threads  the actor's shard
 */
#ifndef RINGMAIL_RECORD_H
#define RINGMAIL_RECORD_H

#include "ringmail/actor.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RIM_RECORD_MAGIC "RIMREC1"

enum rim_record_kind {
    RIM_RECORD_TELL = 1,
    RIM_RECORD_REQUEST,
    RIM_RECORD_EVENT,
    RIM_RECORD_TIMER,
    RIM_RECORD_OUTCOME
};

typedef struct rim_record {
    uint64_t time_ns; /* since the recording began */
    rim_ref from;
    uint32_t tag;
    uint32_t size; /* of the body behind it */
    uint32_t kind; /* enum rim_record_kind */
    int32_t error; /* of an outcome */
} rim_record;

/* Takes the bytes, which are valid during the call only. Runs on the actor's shard, within its turn: must not block. */
typedef void (*rim_record_sink)(void *arg, const void *bytes, size_t size);

/*
 * From the next message on, everything that the calling actor gets is given to `sink`, first the header; NULL ends the
 * recording. The cost is the recorded actor's alone. 0, -ENOMEM, -RIM_ECONTEXT outside of a handler.
 */
RIM_API int rim_record_self(rim_ctx *ctx, rim_record_sink sink, void *arg);

/*
 * The record at *offset (0: the first), which is moved behind it; its body in *body. NULL at the end, or where the
 * bytes are no recording: then *offset is not `size`. Any thread.
 */
RIM_API const rim_record *rim_record_next(const void *recording, size_t size, size_t *offset, const void **body);

#ifdef __cplusplus
}
#endif
#endif
