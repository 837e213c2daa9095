/* SPDX-License-Identifier: MIT */
#include "io/region.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/assert.h"

#define PATH_SIZE_MAX PATH_MAX
#define CALLS_HIGH    256u
#define NAP_NS        1000000u /* until helpers are asked again that had too much to do */

/* ---- what is known of it ---- */

int rim__region_find(rim_ctx *ctx, rim_ref map, struct rim__region **out) {
    if (rim_shard_of(map) != rim_shard_index(ctx)) {
        return -RIM_EBADREF;
    }
    struct rim__region **state = rim__actor_state_of(ctx, map, &rim__region_behaviour);
    if (state == NULL) {
        return -RIM_EDOWN;
    }
    *out = *state;
    return *out != NULL && rim__region_is_mapped(*out) ? 0 : -EAGAIN; /* NULL: before its init */
}

static void check_pressure(struct rim__region *region) {
    uint32_t count = region->waiters.count + region->works.count;
    if (!rim__region_is_cut(region) && (region->held ? count <= CALLS_HIGH / 2 : count > CALLS_HIGH)) {
        region->held = !region->held;
        rim__actor_hold(region->service->ctx, region->self, region->held);
    }
}

/* The system's stop waits for what is in flight. */
static void set_busy(struct rim__region *region) {
    bool busy = region->state != RIM_REGION_CLOSED && (region->op.in_flight || region->work.in_flight);
    if (busy != region->busy && !region->service->detached) {
        region->busy = busy;
        rim__ctx_busy(region->service->ctx, busy ? 1 : -1);
    }
}

/* ---- calls ---- */

static void append(struct rim__region_calls *calls, struct rim__region_call *call) {
    call->next = NULL;
    if (calls->first == NULL) {
        calls->first = call;
    } else {
        calls->last->next = call;
    }
    calls->last = call;
    calls->count++;
}

static struct rim__region_call *take(struct rim__region_calls *calls) {
    struct rim__region_call *call = calls->first;
    if (call != NULL) {
        calls->first = call->next;
        calls->count--;
    }
    return call;
}

void rim__region_enqueue(struct rim__region *region, struct rim__region_call *call) {
    bool waits = call->ask.what == RIM_REGION_WAIT || call->ask.what == RIM_REGION_GET;
    append(waits ? &region->waiters : &region->works, call);
}

static void answer_all(struct rim__region *region, struct rim__region_calls *calls, int error) {
    for (struct rim__region_call *call; (call = take(calls)) != NULL;) {
        rim__region_answer(region, call, error);
    }
}

static void worked(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__region *region = rim__container_of(op, struct rim__region, work);
    struct rim__region_call *call = region->working;
    region->working = NULL;
    rim__region_answer(region, call, completion->result);
    rim__region_settle(region);
}

/* 0, or it is over and this is its error. */
static int start_work(struct rim__region *region, struct rim__region_call *call) {
    struct rim__io *io = region->service->io;
    uint64_t length = call->ask.length;
    bool is_sync = call->ask.what == RIM_REGION_SYNC;
    int error = is_sync && region->plan.access == RIM_MAP_PRIVATE ? -EINVAL : 0;
    error = error != 0 ? error : rim__region_limit(region, call->ask.offset, &length);
    if (error != 0) {
        return error;
    }
    region->work.kind = RIM_OP_MAP;
    region->work.done = worked;
    region->work.map.what = is_sync ? RIM_MAP_OP_SYNC : RIM_MAP_OP_ADVISE;
    region->work.map.advice = (rim_map_advice)call->ask.advice;
    region->work.map.mapping = &region->mapping;
    region->work.map.offset = call->ask.offset;
    region->work.map.length = length;
    return io->ops->submit(io, &region->work);
}

static void go_on_working(struct rim__region *region) {
    while (region->working == NULL && region->works.first != NULL) {
        struct rim__region_call *call = take(&region->works);
        int error = start_work(region, call);
        if (error == 0) {
            region->working = call;
        } else {
            rim__region_answer(region, call, error);
        }
    }
}

/* ---- loading ---- */

static void fail(struct rim__region *region, int error) {
    region->error = error;
    region->closing = true;
}

static void become_ready(struct rim__region *region) {
    rim_ctx *ctx = region->service->ctx;
    rim_map_event event = {.map = region->self, .size = region->mapping.size, .loaded = region->loaded};
    region->state = RIM_REGION_READY;
    if (region->owner != RIM_NIL && !rim__region_is_cut(region)) {
        memcpy(rim__msg_body(region->news), &event, sizeof event);
        rim__event_post(ctx, region->self, region->owner, RIM_MAP_READY, region->news);
        region->news = NULL;
    }
}

/* One that is lost for want of memory is followed by another. */
static void tell_progress(struct rim__region *region) {
    rim_map_event event = {.map = region->self, .size = region->mapping.size, .loaded = region->loaded};
    if (region->tells_progress && region->owner != RIM_NIL && !rim__region_is_cut(region)) {
        (void)rim__send_event(region->service->ctx, region->self, region->owner, RIM_MAP_PROGRESS, &event,
                              sizeof event);
    }
}

static void loaded(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__region *region = rim__container_of(op, struct rim__region, op);
    if (completion->result != 0) {
        fail(region, completion->result);
    } else {
        region->loaded += op->map.length;
    }
    if (region->error == 0 && region->loaded < region->mapping.size) {
        tell_progress(region);
    }
    rim__region_settle(region);
}

static int nap(struct rim__region *region) {
    rim_ctx *ctx = region->service->ctx;
    void *previous = rim__ctx_enter(ctx, region->self);
    region->napping = rim_after(ctx, NAP_NS, 0) != RIM_NIL;
    rim__ctx_leave(ctx, previous);
    return region->napping ? 0 : -ENOMEM;
}

static int load_step(struct rim__region *region) {
    struct rim__io *io = region->service->io;
    uint64_t left = region->mapping.size - region->loaded;
    region->op.done = loaded;
    region->op.map.what = region->load == RIM_MAP_LOAD_WRITE ? RIM_MAP_OP_POPULATE_WRITE : RIM_MAP_OP_POPULATE;
    region->op.map.offset = region->loaded;
    region->op.map.length = left < region->step ? left : region->step;
    int error = io->ops->submit(io, &region->op);
    return error == -RIM_EFULL ? nap(region) : error;
}

static void go_on_loading(struct rim__region *region) {
    if (region->op.in_flight || region->napping) {
        return;
    }
    if (region->load == RIM_MAP_LOAD_NONE || region->loaded >= region->mapping.size) {
        become_ready(region);
        return;
    }
    int error = region->stopping ? -RIM_ESTOPPING : load_step(region);
    if (error != 0) {
        fail(region, error);
    }
}

void rim__region_quiet(struct rim__region *region) {
    region->stopping = true;
    if (region->state == RIM_REGION_LOADING && region->napping) {
        fail(region, -RIM_ESTOPPING);
    }
    rim__region_settle(region);
}

/* ---- ending ---- */

static void tell_owner(struct rim__region *region) {
    struct rim__service *service = region->service;
    if (region->owner == RIM_NIL || service->detached) {
        return;
    }
    rim_map_closed_event event = {.map = region->self, .error = region->error};
    rim__region_explain(region, NULL, region->error, event.text, sizeof event.text);
    memcpy(rim__msg_body(region->farewell), &event, sizeof event);
    rim__event_post(service->ctx, region->self, region->owner, RIM_MAP_CLOSED, region->farewell);
    region->farewell = NULL;
}

static void finish(struct rim__region *region) {
    struct rim__service *service = region->service;
    int error = region->error != 0 ? region->error : -RIM_EDOWN;
    answer_all(region, &region->waiters, error);
    answer_all(region, &region->works, error);
    region->state = RIM_REGION_CLOSED;
    tell_owner(region);
    rim__actor_unwatch(&region->owner_watch);
    if (!rim__region_is_cut(region)) {
        void *previous = rim__ctx_enter(service->ctx, region->self);
        (void)rim_stop(service->ctx, region->self);
        rim__ctx_leave(service->ctx, previous);
    }
}

static void work(struct rim__region *region) {
    bool is_over = region->closing || rim__region_is_cut(region);
    if (region->state == RIM_REGION_LOADING && !is_over) {
        go_on_loading(region);
        is_over = region->closing;
    }
    if (region->state == RIM_REGION_READY) {
        answer_all(region, &region->waiters, 0);
    }
    if (rim__region_is_mapped(region) && !is_over) {
        go_on_working(region);
    }
    check_pressure(region);
    if (is_over && !region->op.in_flight && !region->work.in_flight) {
        finish(region);
    }
}

void rim__region_settle(struct rim__region *region) {
    if (region->state != RIM_REGION_CLOSED) {
        work(region);
    }
    set_busy(region);
    if (region->state == RIM_REGION_CLOSED) {
        rim__region_bury(region);
    }
}

void rim__region_cut(struct rim__region *region) {
    region->owner = RIM_NIL;
    region->closing = true;
    rim__region_settle(region);
}

/* ---- opening ---- */

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__region *region = rim__container_of(watch, struct rim__region, self_watch);
    region->self_gone = true;
    region->held = false;
    rim__region_settle(region);
}

static void owner_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__region *region = rim__container_of(watch, struct rim__region, owner_watch);
    region->owner = RIM_NIL;
    region->closing = true;
    rim__region_settle(region);
}

static void mapped(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__region *region = rim__container_of(op, struct rim__region, op);
    if (completion->result == 0) {
        region->service->io->descriptors++;
        region->state = RIM_REGION_LOADING;
    } else {
        fail(region, completion->result);
    }
    rim__region_settle(region);
}

static int submit_open(struct rim__region *region) {
    struct rim__io *io = region->service->io;
    region->op.kind = RIM_OP_MAP;
    region->op.fd = -1;
    region->op.done = mapped;
    region->op.map.what = RIM_MAP_OP_OPEN;
    region->op.map.mapping = &region->mapping;
    region->op.map.plan = &region->plan;
    return io->ops->submit(io, &region->op);
}

static int spawn_actor(rim_ctx *ctx, struct rim__region *region, rim_ref *self) {
    int error = rim__spawn_own(ctx, &rim__region_behaviour, NULL, &region, sizeof(struct rim__region *), self);
    if (error != 0) {
        return error;
    }
    region->self = *self;
    region->owner = rim_self(ctx);
    region->self_watch.fn = actor_gone;
    region->owner_watch.fn = owner_gone;
    error = rim__actor_watch(ctx, region->self, &region->self_watch);
    if (error != 0) {
        (void)rim_stop(ctx, *self);
        return error;
    }
    region->self_gone = false;
    return rim__actor_watch(ctx, region->owner, &region->owner_watch);
}

static int give_up(struct rim__region *region, int error) {
    rim_ctx *ctx = region->service->ctx;
    if (!region->self_gone) {
        (void)rim_stop(ctx, region->self); /* before its first turn */
    }
    rim__ctx_error(ctx, error, "map %s: %s", region->path, rim_strerror(error));
    rim__region_discard(region);
    return error;
}

static int check_options(rim_ctx *ctx, const rim_map_options *options) {
    if (options == NULL || options->path == NULL || options->path[0] == '\0') {
        return rim__ctx_error(ctx, -EINVAL, "map a file: needs a path");
    }
    if (strlen(options->path) >= PATH_SIZE_MAX) {
        return rim__ctx_error(ctx, -ENAMETOOLONG, "map %.100s...: %s", options->path, rim_strerror(-ENAMETOOLONG));
    }
    bool is_known = (unsigned)options->access <= RIM_MAP_PRIVATE && (unsigned)options->advice <= RIM_MAP_POPULATE &&
                    (unsigned)options->load <= RIM_MAP_LOAD_WRITE;
    bool is_place = options->offset <= INT64_MAX && options->length <= INT64_MAX - options->offset;
    bool may_extend = options->access == RIM_MAP_WRITE && options->length > 0;
    bool may_load = options->load != RIM_MAP_LOAD_WRITE || options->access != RIM_MAP_READ;
    if (!is_known || !is_place || (options->extend && !may_extend) || !may_load) {
        return rim__ctx_error(ctx, -EINVAL, "map %.100s: the options do not go together", options->path);
    }
    return 0;
}

int rim_map_open(rim_ctx *ctx, const rim_map_options *options, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    rim_ref self = RIM_NIL;
    int error = service == NULL ? -RIM_ESTOPPING : check_options(ctx, options);
    if (error != 0) {
        return error;
    }
    struct rim__region *region = rim__region_create(service, options);
    if (region == NULL) {
        return -ENOMEM;
    }
    error = spawn_actor(ctx, region, &self);
    error = error != 0 ? error : submit_open(region);
    if (error != 0) {
        return give_up(region, error);
    }
    set_busy(region);
    if (out != NULL) {
        *out = self;
    }
    return 0;
}
