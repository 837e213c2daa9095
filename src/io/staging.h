/* SPDX-License-Identifier: MIT */
/*
 * staging.h - the files of one rim_stage on their way into memory. Called by service.c, which cuts off what is left at
 * the end, and by the files staging*.c.
 *
 *     free --begin--> in flight --delivered--> told --its request is over--> free
 *                      open, read, close; or one job of a helper; or, of a large file, mapped and loaded by helpers
 *
 * A file that is told waits for its request to be handled: outcomes are handled in the order in which they were
 * delivered, so the first of the list says enough. What was delivered is a struct rim__staged, which its body brings
 * home: that is when its bytes count no longer.
 *
 *     Life     it is freed when nothing is to begin, nothing in flight and no content out, whatever has ended meanwhile
 *     Memory   an outcome that cannot be made for want of memory is the request's own (rim__request_settle); where not
 *              even a request can be made, a timer tries again
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_STAGING_H
#define RINGMAIL_IO_STAGING_H

#include "io/mapping.h"
#include "io/service.h"
#include "ringmail/stage.h"
#include "shard/timer.h"

struct rim__staging;

enum { RIM_STAGING_PROTOCOL = 0x7f10, RIM_STAGING_CONTENT = (RIM_STAGING_PROTOCOL << 16) + RIM_USER };

/* What is delivered: bytes that follow, or a mapping. */
struct rim__staged {
    struct rim__body body;
    struct rim__staging *stage;
    struct rim__mapping mapping; /* ops NULL: none */
    uint64_t weight;             /* that count */
    uint64_t room;               /* for bytes */
    _Alignas(16) char bytes[];
};

struct rim__staging_file {
    struct rim__staging_file *next; /* in `free` or `told` */
    struct rim__staging *stage;
    struct rim__op op;
    struct rim__map_plan plan;
    const char *path;
    rim_token token;
    int fd; /* -1: none */
    uint64_t moved;
    struct rim__staged *staged;
};

struct rim__staging {
    struct rim__service *service;
    struct rim__staging *next, **link; /* of the service */
    rim_ref owner;                     /* RIM_NIL: it has ended */
    struct rim__watch owner_watch;
    struct rim__timer again;
    rim_outcome on_file;
    uint64_t cookie, timeout_ns;
    uint64_t bytes_max, map_from;
    uint64_t bytes;    /* of contents that are out or being read */
    uint64_t contents; /* that are out */
    uint64_t guess;    /* how much room the next file gets */
    uint32_t count, begun, in_flight;
    bool pumping;     /* within rim__staging_pump */
    bool busy;        /* for the stop */
    const char *path; /* of the next file; they follow each other */
    struct rim__staging_file *free, *told, **told_end;
    size_t size; /* of this block: files and paths follow */
    struct rim__staging_file files[];
};

/* ---- staging.c ---- */

/* Begins what may begin, and frees the stage if it is over. To be called last in every event. */
void rim__staging_pump(struct rim__staging *stage);
/* The owner is gone, or the system. */
void rim__staging_cut(struct rim__staging *stage);

/* ---- staging_file.c ---- */

/* It has its path and its request. */
void rim__staging_begin(struct rim__staging_file *file);
/* The mapping that a message's body is in, if it was staged so; else NULL. Any thread that has the message. */
const struct rim__mapping *rim__staging_mapping(const struct rim__body *body);

#endif
