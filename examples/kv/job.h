/* SPDX-License-Identifier: MIT */
/*
 * job.h - one command on the keys of one shard: what `serve` of a command gets. It reads its arguments one by one and
 * writes the reply as the client is to see it. Nothing here knows of actors or connections.
 */
#ifndef KV_JOB_H
#define KV_JOB_H

#include "command.h"
#include "server.h"
#include "store.h"

/* Values larger than this are not copied into the reply. */
#define JOB_COPY_MAX 4096u

struct job {
    struct store *store;
    const struct server *server;
    const struct command *command;
    uint32_t shard;
    uint32_t left; /* arguments that are not read yet, as they were sent: */
    struct text rest;
    struct key key;           /* the first argument, where the command has a key */
    size_t start;             /* of the reply, in */
    struct resp_out *out;     /* what is written; */
    struct entry *shared;     /* or the reply is, if not NULL, a bulk string: a part of this entry's value, */
    struct text shared_bytes; /* which is shared with whoever gets the reply */
};

static inline struct text job_next(struct job *job) {
    job->left--;
    return resp_shift(&job->rest);
}

/* Runs a command whose arguments are set; the reply is never missing. */
void job_run(struct job *job);
/* Replies with a part of a value. */
void job_value(struct job *job, struct entry *entry, struct text part);
/* If there is no entry, replies that memory is out, and with nothing else. */
bool job_has(struct job *job, const struct entry *entry);
/* Sets the key to a value. False: memory is out, and that is the reply. */
bool job_put(struct job *job, struct entry *old, struct text value, int64_t expire_ms, enum entry_encoding encoding);

/* ---- times of expiry: seconds or milliseconds, from now or since 1970 ---- */

enum time_unit { TIME_EX = 0, TIME_PX, TIME_EXAT, TIME_PXAT };

/* Milliseconds since 1970. False: it is beyond what can be counted. */
bool job_time(const struct job *job, int64_t when, enum time_unit unit, int64_t *out);

extern const char job_not_integer[], job_syntax[], job_bad_time[];

/* Commands between connections and keepers, which clients do not have. */
extern const struct command command_take, command_give, command_counts;

#endif
