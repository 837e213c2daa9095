/* SPDX-License-Identifier: MIT */
#include "io/listener.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "base/random.h"
#include "io/address.h"
#include "io/refusal.h"
#include "io/socket.h"

static void link_record(struct rim__record **list, struct rim__record *record) {
    record->next = *list;
    record->link = list;
    if (record->next != NULL) {
        record->next->link = &record->next;
    }
    *list = record;
}

static void unlink_record(struct rim__record *record) {
    *record->link = record->next;
    if (record->next != NULL) {
        record->next->link = record->link;
    }
}

struct rim__listener *rim__listener_next(struct rim__listener *listener) {
    return listener->next;
}

/* ---- the end ---- */

static void destroy(struct rim__listener *listener) {
    struct rim__service *service = listener->service;
    struct rim__memory *memory = &service->shard->memory;
    *listener->link = listener->next;
    if (listener->next != NULL) {
        listener->next->link = listener->link;
    }
    rim__actor_unwatch(&listener->self_watch);
    if (listener->full_text != NULL) {
        rim__memory_free(memory, listener->full_text, listener->full_size + 1);
    }
    rim__tls_let_go(listener->options.tls);
    rim__memory_free(memory, listener, sizeof *listener + listener->shards * sizeof listener->on[0]);
    rim__service_forget(service);
}

static void set_busy(struct rim__listener *listener, bool busy) {
    if (listener->busy != busy && !listener->service->detached) {
        listener->busy = busy;
        rim__ctx_busy(listener->service->ctx, busy ? 1 : -1);
    }
}

void rim__listener_shut(struct rim__listener *listener) {
    struct rim__io *io = listener->service->io;
    rim__assert(!listener->accept.in_flight);
    if (listener->fd >= 0) {
        io->ops->close(io, listener->fd, false);
        io->ops->unname(io, &listener->address, false);
        listener->fd = -1;
    }
}

/* To be called last: the listener may be gone afterwards. */
static void settle(struct rim__listener *listener) {
    if (!listener->closing) {
        if (listener->drain != NULL) {
            rim__drain_look(listener);
        }
        return;
    }
    set_busy(listener, listener->accept.in_flight);
    if (listener->accept.in_flight) {
        return;
    }
    rim__listener_shut(listener);
    bool is_needed = listener->records != NULL || listener->unarmed > 0;
    if (listener->service->detached || (listener->self_gone && !is_needed)) {
        destroy(listener);
    }
}

void rim__listener_stop(struct rim__listener *listener) {
    struct rim__io *io = listener->service->io;
    if (listener->accept.in_flight && !listener->accept.cancelling) {
        io->ops->cancel(io, &listener->accept);
    }
}

void rim__listener_drop(struct rim__record *record) {
    struct rim__listener *listener = record->listener;
    struct rim__service *service = listener->service;
    if (record->fd >= 0) {
        service->io->ops->close(service->io, record->fd, true);
    }
    unlink_record(record);
    listener->total--;
    listener->ended++;
    listener->on[record->shard].connections--;
    rim__memory_free(&service->shard->memory, record, sizeof *record);
}

static void stop_further(struct rim__listener *listener) {
    struct rim__service *service = listener->service;
    void *previous = rim__service_enter(service);
    for (uint32_t i = 0; i < listener->shards; i++) {
        struct rim__listener_shard *on = &listener->on[i];
        if (on->is_due) {
            on->is_due = false;
            listener->unarmed--;
        }
        if (on->further != RIM_NIL && !service->closing) { /* else they close by themselves */
            (void)rim_stop(service->ctx, on->further);
        }
        on->further = RIM_NIL;
    }
    rim__ctx_leave(service->ctx, previous);
}

void rim__listener_close(struct rim__listener *listener) {
    if (!listener->closing) {
        listener->closing = true;
        rim__timer_disarm(&listener->service->shard->timers, &listener->retry);
        while (listener->waiting != NULL) {
            rim__listener_drop(listener->waiting);
        }
        rim__drain_finish(listener);
        stop_further(listener);
        rim__listener_stop(listener);
    }
    settle(listener);
}

static void actor_gone(struct rim__watch *watch, rim_ctx *ctx) {
    (void)ctx;
    struct rim__listener *listener = rim__container_of(watch, struct rim__listener, self_watch);
    listener->self_gone = true;
    rim__listener_close(listener);
}

void rim__listener_cut(struct rim__listener *listener) {
    rim__assert(listener->service->detached);
    rim__actor_unwatch(&listener->self_watch);
    listener->self_gone = true;
    while (listener->records != NULL) {
        rim__listener_drop(listener->records);
    }
    rim__listener_close(listener);
}

/* ---- accepting ---- */

static void accepted(struct rim__op *op, const struct rim__completion *completion);

/* When it listens for the first time, and all further ones do, the caller is told. */
static void tell_caller(struct rim__listener *listener) {
    struct rim__service *service = listener->service;
    if (listener->told || listener->unarmed > 0 || listener->closing) {
        return;
    }
    listener->told = true;
    if (listener->caller != RIM_NIL) {
        rim_listening_event event = {.listener = listener->self, .address = listener->address};
        (void)rim__send_event(service->ctx, listener->self, listener->caller, RIM_LISTENING, &event, sizeof event);
    } else {
        struct rim__notice notice = {.listener = listener->first};
        rim__service_tell(service, listener->first_clerk, &notice);
    }
}

static int arm(struct rim__listener *listener) {
    struct rim__io *io = listener->service->io;
    bool may_not = listener->closing || listener->paused || listener->drain != NULL || listener->fd < 0;
    if (may_not || listener->accept.in_flight || listener->waiting != NULL || rim__timer_is_armed(&listener->retry)) {
        return 0;
    }
    listener->accept.kind = RIM_OP_ACCEPT;
    listener->accept.fd = listener->fd;
    listener->accept.done = accepted;
    listener->accept.nowait = false;
    listener->accept.once = listener->options.accept_rate != 0; /* else the kernel takes all that wait */
    return io->ops->submit(io, &listener->accept);
}

int rim__listener_sweep(struct rim__listener *listener) {
    struct rim__io *io = listener->service->io;
    listener->accept.kind = RIM_OP_ACCEPT;
    listener->accept.fd = listener->fd;
    listener->accept.done = accepted;
    listener->accept.once = listener->accept.nowait = true;
    return io->ops->submit(io, &listener->accept);
}

static void wait_ns(struct rim__listener *listener, uint64_t delay_ns) {
    struct rim__shard *shard = listener->service->shard;
    if (!rim__timer_is_armed(&listener->retry)) {
        rim__timer_arm(&shard->timers, &listener->retry, shard->now_ns + delay_ns);
    }
}

/* Something is wrong that lasts: says so, at most once in a second, and waits. */
static void back_off(struct rim__listener *listener, int error) {
    struct rim__shard *shard = listener->service->shard;
    if (listener->logged_ns == 0 || shard->now_ns - listener->logged_ns >= RIM_LISTENER_LOG_NS) {
        listener->logged_ns = shard->now_ns;
        char text[RIM_ADDRESS_TEXT_MAX];
        bool is_limit = error == -EMFILE || error == -ENFILE;
        rim__log_write(&shard->log, RIM_LOG_ERROR, "accept on %s: %s%s", rim_address_format(&listener->address, text),
                       rim_strerror(error),
                       is_limit ? ": raise the limit of open files (ulimit -n), or set max_connections" : "");
    }
    wait_ns(listener, RIM_LISTENER_BACK_OFF_NS);
}

static uint32_t least(struct rim__listener *listener) {
    uint32_t best = listener->turn++ % listener->shards; /* where all are equal, one after the other */
    for (uint32_t i = 0; i < listener->shards; i++) {
        if (listener->on[i].connections < listener->on[best].connections) {
            best = i;
        }
    }
    return best;
}

static uint32_t choose(struct rim__listener *listener, int fd) {
    switch (listener->options.distribute) {
    case RIM_DISTRIBUTE_ROUND_ROBIN:
        return listener->turn++ % listener->shards;
    case RIM_DISTRIBUTE_LEAST:
        return least(listener);
    case RIM_DISTRIBUTE_REUSEPORT:
        return listener->service->shard->index;
    case RIM_DISTRIBUTE_FD_HASH:
    default:
        return rim_shard_for(rim__mix((uint64_t)fd), listener->shards);
    }
}

/* What a connection's own end is called, where that is the listener's name; else none, and the kernel is asked. A
   listening descriptor of others' may take connections to any address (IP_TRANSPARENT). */
static struct rim__place own_place(const struct rim__listener *listener) {
    const rim_address *address = &listener->address;
    bool is_known = (address->family == 4 || address->family == 6) && !rim__address_is_any(address);
    struct rim__place place = {.scope_id = address->scope_id, .port = address->port, .family = address->family};
    memcpy(place.bytes, address->bytes, sizeof place.bytes);
    return is_known && !listener->options.adopt ? place : (struct rim__place){0};
}

static int spawn_socket(struct rim__record *record) {
    struct rim__listener *listener = record->listener;
    struct rim__service *service = listener->service;
    struct rim__socket_birth birth = {
        .fd = record->fd,
        .listener = listener->self,
        .taken = &record->taken,
        .gone = &record->gone,
        .owner = listener->options.owner,
        .owner_options = listener->owner_options,
        .arg = listener->options.arg,
        .options = listener->options.socket,
        .tls = listener->options.tls,
        .local = own_place(listener),
    };
    rim_spawn_options options = {
        .place = RIM_ON_SHARD,
        .shard = record->shard,
        .mailbox_count = 4096,
        .mailbox_bytes = 1u << 20,
    };
    void *previous = rim__ctx_enter(service->ctx, listener->self);
    int result = rim__spawn_own(service->ctx, &rim__socket_behaviour, &options, &birth, sizeof birth, &record->socket);
    rim__ctx_leave(service->ctx, previous);
    return result;
}

/* Moves the record to those handed over, leaves it waiting, or drops it. False: the way is full. */
static bool hand_over(struct rim__record *record) {
    struct rim__listener *listener = record->listener;
    int result = spawn_socket(record);
    if (result == -RIM_EFULL) {
        return false;
    }
    if (result != 0) {
        rim__listener_drop(record);
        back_off(listener, result);
        return true;
    }
    unlink_record(record);
    link_record(&listener->records, record);
    return true;
}

static void wait_for_way(struct rim__listener *listener) {
    rim__listener_stop(listener);
    wait_ns(listener, RIM_LISTENER_RETRY_NS);
}

/* A descriptor is counted where it is owned; the driver counted it here, when it accepted. */
static void taken(struct rim__shard *home, struct rim__body *body) {
    (void)home;
    struct rim__record *record = rim__container_of(body, struct rim__record, taken);
    rim__assert(record->fd >= 0);
    record->fd = -1;
    record->listener->service->io->descriptors--;
}

static void gone(struct rim__shard *home, struct rim__body *body) {
    (void)home;
    struct rim__record *record = rim__container_of(body, struct rim__record, gone);
    struct rim__listener *listener = record->listener;
    rim__assert(record->fd < 0);
    rim__listener_drop(record);
    settle(listener);
}

static void fill_record(struct rim__record *record, struct rim__listener *listener, int fd) {
    uint32_t home = listener->service->shard->index;
    *record = (struct rim__record){
        .listener = listener,
        .fd = fd,
        .shard = choose(listener, fd),
        .taken = {.home = home, .release = taken},
        .gone = {.home = home, .release = gone},
    };
    link_record(&listener->waiting, record);
    listener->total++;
    listener->on[record->shard].connections++;
}

/* Each connection costs a part of a second; who has spent a whole one in advance waits for a half. */
static void keep_rate(struct rim__listener *listener) {
    uint64_t now_ns = listener->service->shard->now_ns;
    if (listener->options.accept_rate == 0) {
        return;
    }
    listener->rate_ns = listener->rate_ns > now_ns ? listener->rate_ns : now_ns;
    listener->rate_ns += RIM_SECONDS(1) / listener->options.accept_rate;
    if (listener->rate_ns - now_ns >= RIM_SECONDS(1)) {
        rim__listener_stop(listener);
        wait_ns(listener, (listener->rate_ns - now_ns) / 2);
    }
}

static void take(struct rim__listener *listener, int fd) {
    struct rim__service *service = listener->service;
    uint32_t max = listener->options.max_connections;
    keep_rate(listener);
    if (listener->closing) {
        service->io->ops->close(service->io, fd, true);
        return;
    }
    if (max != 0 && listener->total >= max) {
        rim__refusal_send(service, fd, listener->full_text, listener->full_size);
        return;
    }
    struct rim__record *record = rim__memory_alloc(&service->shard->memory, sizeof *record);
    if (record == NULL) {
        service->io->ops->close(service->io, fd, true);
        back_off(listener, -ENOMEM);
        return;
    }
    fill_record(record, listener, fd);
    if (!hand_over(record)) {
        wait_for_way(listener);
    }
}

static void arm_or_back_off(struct rim__listener *listener) {
    int result = arm(listener);
    if (result != 0) {
        back_off(listener, result);
    }
}

void rim__listener_resume(struct rim__listener *listener) {
    arm_or_back_off(listener);
}

/* The further listeners of REUSEPORT, as far as the ways to their shards are not full. */
static void spawn_further(struct rim__listener *listener) {
    for (uint32_t i = 0; i < listener->shards; i++) {
        struct rim__listener_shard *on = &listener->on[i];
        int result = on->is_due ? rim__listen_spawn(listener, i, &on->further) : 0;
        if (result == -RIM_EFULL) {
            wait_ns(listener, RIM_LISTENER_RETRY_NS);
        } else if (on->is_due) {
            on->is_due = false;
            listener->unarmed -= result != 0; /* was logged: the others listen all the same */
        }
    }
}

static void retry(struct rim__shard *shard, struct rim__timer *timer) {
    (void)shard;
    struct rim__listener *listener = rim__container_of(timer, struct rim__listener, retry);
    for (struct rim__record *at = listener->waiting, *next; at != NULL; at = next) {
        next = at->next;
        (void)hand_over(at); /* those for other shards are not to wait for this one */
    }
    spawn_further(listener);
    if (listener->waiting != NULL) {
        wait_for_way(listener);
    } else {
        arm_or_back_off(listener);
        tell_caller(listener);
        settle(listener);
    }
}

/* The client went away, or the network is in trouble for it alone: nothing to do with the next one. */
static bool concerns_one_client(int error) {
    switch (error) {
    case -ECONNABORTED:
    case -EINTR:
    case -EAGAIN:
    case -EPROTO:
    case -EPERM:
    case -ENETDOWN:
    case -ENETUNREACH:
    case -EHOSTDOWN:
    case -EHOSTUNREACH:
    case -ENOPROTOOPT:
    case -ECANCELED:
        return true;
    default:
        return false;
    }
}

static void accepted(struct rim__op *op, const struct rim__completion *completion) {
    struct rim__listener *listener = rim__container_of(op, struct rim__listener, accept);
    if (completion->result >= 0) {
        take(listener, completion->result);
    } else if (listener->accept.nowait) {
        listener->swept = true;
    } else if (!concerns_one_client(completion->result) && !listener->closing) {
        rim__listener_stop(listener);
        back_off(listener, completion->result);
    }
    if (completion->more) {
        return;
    }
    if (!listener->closing) {
        arm_or_back_off(listener);
    }
    settle(listener);
}

/* ---- the beginning ---- */

static int keep_text(struct rim__listener *listener, const char *text) {
    if (text == NULL || text[0] == '\0') {
        return 0;
    }
    listener->full_size = (uint32_t)strlen(text);
    listener->full_text = rim__memory_alloc(&listener->service->shard->memory, listener->full_size + 1);
    if (listener->full_text == NULL) {
        return -ENOMEM;
    }
    memcpy(listener->full_text, text, listener->full_size + 1);
    return 0;
}

static struct rim__listener *allocate(struct rim__service *service) {
    struct rim__shard *shard = service->shard;
    size_t size = sizeof(struct rim__listener) + shard->count * sizeof(struct rim__listener_shard);
    struct rim__listener *listener = rim__memory_alloc(&shard->memory, size);
    if (listener == NULL) {
        return NULL;
    }
    memset(listener, 0, size);
    listener->service = service;
    listener->shards = shard->count;
    listener->fd = -1;
    listener->self_gone = true; /* until there is one */
    listener->self_watch.fn = actor_gone;
    listener->retry.fire = retry;
    listener->next = service->listeners;
    listener->link = &service->listeners;
    if (listener->next != NULL) {
        listener->next->link = &listener->next;
    }
    service->listeners = listener;
    service->objects++;
    return listener;
}

int rim__listener_create(struct rim__service *service, const struct rim__listener_plan *plan,
                         struct rim__listener **out) {
    struct rim__listener *listener = allocate(service);
    if (listener == NULL) {
        return -ENOMEM;
    }
    listener->options = plan->options;
    rim__tls_keep(listener->options.tls);
    listener->owner_options = plan->owner_options;
    listener->caller = plan->caller;
    listener->first = plan->first;
    listener->first_clerk = plan->first_clerk;
    /* Nobody who speaks TLS can read a plain text. */
    int result = keep_text(listener, plan->options.tls != NULL ? NULL : plan->options.full_text);
    if (result == 0) {
        result = service->io->ops->listen(service->io, &plan->address, &plan->options, &listener->address);
    }
    if (result < 0) {
        destroy(listener);
        return result;
    }
    listener->fd = result;
    bool is_first = plan->options.distribute == RIM_DISTRIBUTE_REUSEPORT && plan->first == NULL;
    for (uint32_t i = 0; is_first && i < listener->shards; i++) {
        listener->on[i].is_due = i != service->shard->index;
        listener->unarmed += listener->on[i].is_due;
    }
    *out = listener;
    return 0;
}

int rim__listener_attach(struct rim__listener *listener, rim_ref self) {
    listener->self = self;
    int result = rim__actor_watch(listener->service->ctx, self, &listener->self_watch);
    if (result == 0) {
        listener->self_gone = false;
        result = arm(listener);
    }
    if (result == 0) {
        spawn_further(listener);
        tell_caller(listener);
    }
    return result;
}

void rim__listener_armed(struct rim__listener *listener) {
    rim__assert(listener->unarmed > 0);
    listener->unarmed--;
    tell_caller(listener);
    settle(listener);
}
