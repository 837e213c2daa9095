/* SPDX-License-Identifier: MIT */
#include "actor/record.h"

#include <errno.h>
#include <string.h>

struct rim__recorder {
    const rim_behaviour *real; /* what the actor would have without the recording */
    rim_behaviour shim;        /* what it has: no rows, and `other` writes */
    rim_record_sink sink;
    void *arg;
    uint64_t began_ns;
    uint64_t first_request; /* number of the first that counts */
    bool passing;           /* the real table is in its place */
};

/* ---- writing ---- */

static void write_record(const rim_ctx *ctx, const struct rim__recorder *recorder, rim_record *record,
                         const void *body) {
    static const char padding[8];
    record->time_ns = ctx->shard->now_ns - recorder->began_ns;
    recorder->sink(recorder->arg, record, sizeof *record);
    if (record->size > 0) {
        recorder->sink(recorder->arg, body, record->size);
    }
    if (record->size % sizeof padding != 0) {
        recorder->sink(recorder->arg, padding, sizeof padding - record->size % sizeof padding);
    }
}

static uint32_t kind_of(const struct rim_msg *msg) {
    switch ((enum rim__kind)msg->kind) {
    case RIM_KIND_ASK:
        return RIM_RECORD_REQUEST;
    case RIM_KIND_TIMER:
        return RIM_RECORD_TIMER;
    case RIM_KIND_EVENT:
    case RIM_KIND_DOWN:
    case RIM_KIND_EXIT:
    case RIM_KIND_DRAIN:
    case RIM_KIND_FAILED:
        return RIM_RECORD_EVENT;
    default:
        return RIM_RECORD_TELL;
    }
}

static rim_verdict record_and_pass(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);

/* In the place of the actor's table, which is the real one from now on. */
static void put_shim(struct rim__actor *actor) {
    struct rim__recorder *recorder = actor->belongings->recorder;
    recorder->real = actor->behaviour;
    recorder->shim = *recorder->real;
    recorder->shim.on = NULL;
    recorder->shim.on_count = 0;
    recorder->shim.other = record_and_pass;
    actor->behaviour = &recorder->shim;
}

static rim_verdict record_and_pass(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__actor *actor = ctx->actor;
    struct rim__recorder *recorder = actor->belongings->recorder;
    (void)self;
    rim_record record = {.from = msg->from, .tag = msg->tag, .size = msg->size, .kind = kind_of(msg)};
    write_record(ctx, recorder, &record, body);
    recorder->passing = true;
    actor->behaviour = recorder->real;
    rim_verdict verdict = rim__call(ctx, actor, msg);
    if (actor->belongings->recorder != NULL) { /* it may have ended the recording */
        actor->belongings->recorder->passing = false;
        put_shim(actor);
    }
    return verdict;
}

void rim__record_outcome(rim_ctx *ctx, const struct rim__actor *actor, rim_record *record, const void *body) {
    const struct rim__recorder *recorder = actor->belongings->recorder;
    if (record->from < recorder->first_request) {
        return; /* asked for before the recording began: nothing would wait for it */
    }
    record->from -= recorder->first_request;
    record->kind = RIM_RECORD_OUTCOME;
    write_record(ctx, recorder, record, body);
}

/* ---- life ---- */

static struct rim__recorder *recorder_of(const struct rim__actor *actor) {
    return actor->belongings != NULL ? actor->belongings->recorder : NULL;
}

const rim_behaviour *rim__record_table(const struct rim__actor *actor) {
    const struct rim__recorder *recorder = recorder_of(actor);
    return recorder != NULL && actor->behaviour == &recorder->shim ? recorder->real : actor->behaviour;
}

void rim__record_swap(struct rim__actor *actor, const rim_behaviour *behaviour) {
    const struct rim__recorder *recorder = recorder_of(actor);
    actor->behaviour = behaviour;
    if (recorder != NULL && !recorder->passing) {
        put_shim(actor);
    }
}

void rim__record_end(rim_ctx *ctx, struct rim__actor *actor) {
    struct rim__recorder *recorder = actor->belongings->recorder;
    if (recorder == NULL) {
        return;
    }
    if (actor->behaviour == &recorder->shim) {
        actor->behaviour = recorder->real;
    }
    actor->belongings->recorder = NULL;
    rim__memory_free(&ctx->shard->memory, recorder, sizeof *recorder);
}

int rim_record_self(rim_ctx *ctx, rim_record_sink sink, void *arg) {
    struct rim__actor *actor = ctx->actor;
    if (actor == NULL) {
        return -RIM_ECONTEXT;
    }
    struct rim__belongings *belongings = rim__actor_belongings(ctx, actor);
    if (belongings == NULL) {
        return -ENOMEM;
    }
    rim__record_end(ctx, actor);
    if (sink == NULL) {
        return 0;
    }
    struct rim__recorder *recorder = rim__memory_alloc(&ctx->shard->memory, sizeof *recorder);
    if (recorder == NULL) {
        return -ENOMEM;
    }
    *recorder = (struct rim__recorder){.real = actor->behaviour,
                                       .sink = sink,
                                       .arg = arg,
                                       .began_ns = ctx->shard->now_ns,
                                       .first_request = belongings->asked};
    belongings->recorder = recorder;
    put_shim(actor);
    sink(arg, RIM_RECORD_MAGIC, sizeof RIM_RECORD_MAGIC);
    return 0;
}

/* ---- reading ---- */

const rim_record *rim_record_next(const void *recording, size_t size, size_t *offset, const void **body) {
    const char *bytes = recording;
    if (*offset == 0) {
        if (size < sizeof RIM_RECORD_MAGIC || memcmp(bytes, RIM_RECORD_MAGIC, sizeof RIM_RECORD_MAGIC) != 0) {
            return NULL;
        }
        *offset = sizeof RIM_RECORD_MAGIC;
    }
    if (*offset > size || size - *offset < sizeof(rim_record)) {
        return NULL;
    }
    const rim_record *record = (const rim_record *)(const void *)(bytes + *offset);
    size_t span = sizeof *record + ((size_t)record->size + 7) / 8 * 8;
    if (size - *offset < span || record->kind < RIM_RECORD_TELL || record->kind > RIM_RECORD_OUTCOME) {
        return NULL;
    }
    *body = record + 1;
    *offset += span;
    return record;
}
