/* SPDX-License-Identifier: MIT */
/*
 * kit.h - a test kit for one's own actors: a simulated system, probes that stand for the rest of the world,
 * expectations in virtual time, faults where and when they are wanted, and recordings of live actors played back.
 *
 *     rim_kit *kit;
 *     rim_kit_open(&(rim_kit_options){.seed = 7, .shards = 2}, &kit);
 *     rim_ref counter = rim_kit_spawn(kit, &counter_behaviour, NULL, NULL, 0);
 *     rim_kit_send(kit, counter, COUNTER_ADD, &(int){3}, sizeof(int));
 *     rim_kit_ask(kit, counter, COUNTER_GET, NULL, 0, RIM_SECONDS(1));
 *     const rim_kit_message *reply = rim_kit_expect(kit, COUNTER_TOTAL, RIM_SECONDS(1));
 *     rim_kit_forbid(kit, RIM_KIT_ANY, RIM_SECONDS(60));
 *     return rim_kit_close(kit);      0 if all that was expected came, nothing leaked and the accounts add up
 *
 * Everything that fails is noted once, with seed and virtual time, and told by rim_kit_close; a test needs no check of
 * its own after each call. The same seed and the same calls take the same course on the same build (rim_sim_trace).
 *
 *     Order    by seed
 *     Threads  all calls from the one thread that opened the kit
 */
#ifndef RINGMAIL_KIT_H
#define RINGMAIL_KIT_H

#include "ringmail/sim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rim_kit rim_kit;

/* Zeroes are the defaults. */
typedef struct rim_kit_options {
    uint64_t seed;                 /* 0: the number in the environment variable RIM_SEED, else 1 */
    uint32_t shards;               /* 0: 1 */
    const rim_sim_options *faults; /* NULL: none */
    const rim_config *config;      /* further settings; its seed, shards, driver and sim are the kit's. NULL: none */
    void (*tell)(void *arg, const char *text); /* each failure as it is found; NULL: to standard error */
    void *tell_arg;
} rim_kit_options;

/* Makes and starts a simulated system with one probe, on shard 0. 0, -EINVAL, -ENOMEM. */
RIM_API RIM_MUST_CHECK int rim_kit_open(const rim_kit_options *options, rim_kit **out);
/*
 * Stops the system, checks that sent = handled + refused + dead + queued and that nothing leaks, and frees the kit.
 * 0, or -RIM_EKIT if anything failed since it was opened.
 */
RIM_API int rim_kit_close(rim_kit *kit);
/* What failed first, in words with seed and virtual time; NULL: nothing so far. */
RIM_API const char *rim_kit_failure(const rim_kit *kit);
/* For the functions of runtime.h, stats.h and sim.h. */
RIM_API rim_system *rim_kit_system(const rim_kit *kit);

/* ---- actors and time ---- */

/* Spawns, and lets init run. RIM_NIL, and a failure noted, if it could not. */
RIM_API rim_ref rim_kit_spawn(rim_kit *kit, const rim_behaviour *behaviour, const rim_spawn_options *options,
                              const void *arg, size_t size);
/* One turn of one shard, or a jump of the clock. False when nothing is left to do, ever. */
RIM_API bool rim_kit_step(rim_kit *kit);
/* Lets virtual time pass. */
RIM_API void rim_kit_run(rim_kit *kit, uint64_t duration_ns);
/* Steps until is_true(arg), at most `within_ns` of virtual time: then false, and a failure is noted. */
RIM_API bool rim_kit_until(rim_kit *kit, bool (*is_true)(void *arg), void *arg, uint64_t within_ns);

/* ---- the probe ---- */

#define RIM_KIT_ANY     0u      /* for expect and forbid: any tag */
#define RIM_KIT_OUTCOME 0xfffeu /* the tag of a failed request's outcome; a reply has its own */

/* A message that came to the probe. Valid until the next expect, or the kit's close. */
typedef struct rim_kit_message {
    uint32_t tag;  /* RIM_DOWN and other events too */
    int32_t error; /* with RIM_KIT_OUTCOME: the request's failure; else 0 */
    rim_ref from;
    rim_ref to;       /* the probe, or whom it stands in for (rim_kit_replay) */
    uint64_t at_ns;   /* virtual time since the start */
    bool is_request;  /* to be answered by rim_kit_reply */
    const void *body; /* a copy, 16-byte aligned; NULL if size is 0 */
    size_t size;
} rim_kit_message;

/* The probe's reference: to be given to the actors under test. */
RIM_API rim_ref rim_kit_probe(const rim_kit *kit);
/* Sends from the probe. The codes of rim_send; they are not failures of the test. */
RIM_API int rim_kit_send(rim_kit *kit, rim_ref to, uint32_t tag, const void *body, size_t size);
/* Requests from the probe; the outcome is a message to it. The codes of rim_request. */
RIM_API int rim_kit_ask(rim_kit *kit, rim_ref to, uint32_t tag, const void *body, size_t size, uint64_t timeout_ns);
/* Lets the probe monitor an actor: RIM_DOWN comes to it. 0, -ENOMEM. */
RIM_API int rim_kit_monitor(rim_kit *kit, rim_ref who);
/* Asks an actor to stop, as rim_stop. */
RIM_API int rim_kit_stop(rim_kit *kit, rim_ref who);

/*
 * The next message to the probe with this tag, once it is there; others stay. NULL, and a failure noted, if it has not
 * come when `within_ns` of virtual time have passed.
 */
RIM_API const rim_kit_message *rim_kit_expect(rim_kit *kit, uint32_t tag, uint64_t within_ns);
/* Answers the request that rim_kit_expect gave last. 0, -RIM_EBADREF. */
RIM_API int rim_kit_reply(rim_kit *kit, uint32_t tag, const void *body, size_t size);
/* Lets `for_ns` pass; false, and a failure noted, if a message with this tag is there or comes. It is taken. */
RIM_API bool rim_kit_forbid(rim_kit *kit, uint32_t tag, uint64_t for_ns);
/* Forgets what has come to the probe. */
RIM_API void rim_kit_forget(rim_kit *kit);

/* ---- faults, where and when they are wanted (rates for all: rim_sim_set_faults) ---- */

/* The actor's next turn but `after` fails instead of running its handler: that message is gone. 0, -RIM_EDOWN. */
RIM_API int rim_kit_crash(rim_kit *kit, rim_ref who, uint32_t after);
/* The allocation after `after` further ones on this shard fails, once. 0, -EINVAL. */
RIM_API int rim_kit_fail_memory(rim_kit *kit, uint32_t shard, uint64_t after);
/* The shard gets no turn for so long. 0, -EINVAL. */
RIM_API int rim_kit_hold_shard(rim_kit *kit, uint32_t shard, uint64_t duration_ns);

/* ---- recordings ---- */

/*
 * Plays a recording (record.h) to a fresh actor of the same behaviour and argument: each message at its time. What the
 * actor asked for gets the outcomes that were recorded, in the same order; what it sends to actors of that other life
 * comes to the probe, `to` being whom it was for. Returns the number of messages played, or -EBADMSG for what is no
 * recording, -RIM_EDOWN if the actor ends meanwhile.
 */
RIM_API int64_t rim_kit_replay(rim_kit *kit, rim_ref who, const void *recording, size_t size);

#ifdef __cplusplus
}
#endif
#endif
