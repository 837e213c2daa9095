/* SPDX-License-Identifier: MIT */
#include "actor/port.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "actor/mailbox.h"

#define ORDERS_AT_ONCE 256u /* before others get their turn */

/* ---- towards the thread ---- */

void rim__port_signal(struct rim_port *port) {
    const uint64_t one = 1;
    ssize_t written;
    do {
        written = write(port->event_fd, &one, sizeof one);
    } while (written < 0 && errno == EINTR);
}

static bool is_full(struct rim_port *port) {
    uint64_t items = port->pushed - atomic_load(&port->taken);
    uint64_t bytes = port->pushed_bytes - atomic_load(&port->taken_bytes);
    return items >= port->ring_max || bytes >= port->bytes_max;
}

/* Others hold actors too, for reasons of their own: a port lets go only of what it holds. */
static void set_held(rim_ctx *ctx, struct rim_port *port, bool held) {
    if (port->is_held != held) {
        port->is_held = held;
        rim__actor_hold(ctx, port->ref, held);
    }
}

/* Held, the actor gets nothing more, so that the next item finds room. */
void rim__port_push(rim_ctx *ctx, struct rim_port *port, struct rim__port_item *item) {
    port->pushed++;
    port->pushed_bytes += item->item.size;
    bool pushed = rim__spsc_push(&port->in, item);
    rim__assert(pushed);
    if (atomic_exchange(&port->armed, 0) == 1) {
        rim__port_signal(port);
    }
    if (rim__unlikely(is_full(port))) {
        atomic_exchange(&port->stalled, 1);
        set_held(ctx, port, is_full(port));
    }
}

void rim__port_push_late(rim_ctx *ctx, struct rim_port *port, struct rim__port_item *item) {
    if (port->late == NULL && !is_full(port)) {
        rim__port_push(ctx, port, item);
        return;
    }
    item->next = NULL;
    *(port->late != NULL ? port->late_end : &port->late) = item;
    port->late_end = &item->next;
}

static void push_what_waited(rim_ctx *ctx, struct rim_port *port) {
    while (port->late != NULL && !is_full(port)) {
        struct rim__port_item *item = port->late;
        port->late = item->next;
        rim__port_push(ctx, port, item);
    }
}

/* ---- what the actor gets ---- */

static struct rim__port_item *make_item(const void *body, size_t size) {
    struct rim__port_item *made = aligned_alloc(16, ((sizeof *made + 15) & ~(size_t)15) + ((size + 15) & ~(size_t)15));
    if (made != NULL) {
        *made = (struct rim__port_item){.item = {.size = size, .body = size > 0 ? RIM_PORT_BODY(made) : NULL}};
        if (size > 0) {
            memcpy(RIM_PORT_BODY(made), body, size);
        }
    }
    return made;
}

static rim__cold void lose(rim_ctx *ctx, const struct rim_msg *msg) {
    ctx->stats.handled--; /* the actor's turn counts it, and it is counted once */
    rim__dead_count(ctx,
                    &(rim_dead_letter){
                        .from = msg->from, .to = rim_self(ctx), .tag = msg->tag, .reason = -ENOMEM, .size = msg->size});
}

static rim_verdict on_any(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim_port *port = *(struct rim_port **)self;
    if (msg->kind == RIM_KIND_DOWN) {
        rim__port_down(ctx, port, body);
        return RIM_DONE;
    }
    bool asked = rim_is_request(ctx);
    rim_token request = asked ? rim_defer(ctx) : RIM_NIL;
    struct rim__port_item *made = asked && request == RIM_NIL ? NULL : make_item(body, rim_size(msg));
    if (made == NULL) {
        if (asked) {
            (void)rim_refuse(ctx, request, -ENOMEM);
        }
        lose(ctx, msg);
        return msg->tag == RIM_EXIT_SIGNAL ? rim_fail(ctx, RIM_EXIT_NOMEM, "out of memory") : RIM_DONE;
    }
    made->item.kind = asked ? RIM_PORT_REQUEST : msg->kind == RIM_KIND_TELL ? RIM_PORT_MESSAGE : RIM_PORT_EVENT;
    made->item.tag = rim_tag(msg);
    made->item.from = rim_from(msg);
    made->item.request = request;
    rim__port_push(ctx, port, made);
    return RIM_DONE;
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    memcpy(self, arg, size);
    return RIM_DONE;
}

const rim_behaviour rim__port_behaviour = {
    .name = "rim port",
    .state_size = sizeof(struct rim_port *),
    .protocol = RIM_PORT_PROTOCOL,
    .init = init,
    .other = on_any,
};

/* ---- the end ---- */

void rim__port_release(struct rim_port *port) {
    if (atomic_fetch_sub(&port->holders, 1) != 1) {
        return;
    }
    for (struct rim__port_order *order; (order = rim__spsc_pop(&port->out)) != NULL;) {
        rim__port_order_drop(order);
    }
    for (struct rim__port_item *item; (item = rim__spsc_pop(&port->in)) != NULL;) {
        free(item->block);
        free(item->record == NULL ? item : NULL);
    }
    for (uint32_t i = 0; i < port->record_max; i++) {
        free(port->records[i]);
    }
    free(port->records);
    free(port->generations);
    rim__spsc_finish(&port->out);
    rim__spsc_finish(&port->in);
    pthread_mutex_destroy(&port->lock);
    close(port->event_fd);
    free(port);
}

/* True: nobody has done so before. From here on the thread neither pushes nor calls. */
static bool set_ended(struct rim_port *port) {
    pthread_mutex_lock(&port->lock); /* a push that has begun is over */
    bool first = !port->ended;
    port->ended = true;
    pthread_mutex_unlock(&port->lock);
    return first;
}

static void tell_end(struct rim_port *port, enum rim__port_state state) {
    atomic_store(&port->state, state);
    atomic_exchange(&port->armed, 0);
    rim__port_signal(port); /* for ever */
}

/* What was taken from the port as sent and does not reach anybody. */
static void bury_orders(rim_ctx *ctx, struct rim_port *port) {
    for (struct rim__port_order *order; (order = rim__spsc_pop(&port->out)) != NULL;) {
        if (order->kind <= RIM_PORT_ASK) {
            ctx->stats.sent++;
            rim__dead_count(ctx, &(rim_dead_letter){.from = port->ref,
                                                    .to = order->to,
                                                    .tag = order->tag,
                                                    .reason = -RIM_EDOWN,
                                                    .size = order->size});
        }
        rim__port_order_drop(order);
    }
}

/* A call that is still under way is the last to let go. */
static void detach(rim_ctx *ctx, struct rim_port *port) {
    bool first = set_ended(port);
    rim__assert(first);
    bury_orders(ctx, port);
    tell_end(port, rim__inlet_is_closed(&ctx->shard->inlet) ? RIM_PORT_STOPPED : RIM_PORT_DOWN);
    port->is_detached = true;
    if (atomic_load(&port->news) == 0) {
        rim__port_release(port);
    }
}

static void actor_ended(struct rim__watch *watch, rim_ctx *ctx) {
    detach(ctx, rim__container_of(watch, struct rim_port, watch));
}

/* The thread is gone: what it did not receive is given back. */
static void bury_items(rim_ctx *ctx, struct rim_port *port) {
    for (struct rim__port_item *item; (item = rim__spsc_pop(&port->in)) != NULL;) {
        if (item->item.kind == RIM_PORT_MESSAGE) {
            ctx->stats.handled--; /* so it was counted when it was made an item */
            rim__dead_count(ctx, &(rim_dead_letter){.from = item->item.from,
                                                    .to = port->ref,
                                                    .tag = item->item.tag,
                                                    .reason = -RIM_EDOWN,
                                                    .size = item->item.size});
        }
        free(item->block);
        free(item->record == NULL ? item : NULL);
    }
}

static void close_port(rim_ctx *ctx, struct rim_port *port, uint32_t closing) {
    static const rim_exit closed = {.code = RIM_EXIT_NORMAL, .text = "closed"};
    static const rim_exit abandoned = {.code = RIM_EXIT_FAILED, .text = "its thread ended without closing it"};
    struct rim__actor *actor = rim__actor_get(ctx, port->ref);
    bury_items(ctx, port);
    if (actor != NULL) {
        rim__actor_bury(ctx, actor, closing == RIM_PORT_CLOSED ? closed : abandoned);
    }
}

/* ---- the call ---- */

/* By the first call the actor is there, though not born yet; or it never came to be. */
static bool is_there(rim_ctx *ctx, struct rim_port *port) {
    if (port->watch.fn != NULL) {
        return !port->is_detached;
    }
    port->watch.fn = actor_ended;
    int error = rim__actor_watch(ctx, port->ref, &port->watch);
    if (error == -ENOMEM) {
        rim__actor_bury(ctx, rim__actor_get(ctx, port->ref),
                        (rim_exit){.code = RIM_EXIT_NOMEM, .text = "out of memory"});
    }
    if (error != 0) {
        detach(ctx, port);
    }
    return error == 0;
}

static void look_for_room(rim_ctx *ctx, struct rim_port *port) {
    push_what_waited(ctx, port);
    bool full = is_full(port);
    if (full) {
        atomic_exchange(&port->stalled, 1);
        full = is_full(port);
    }
    if (!full) {
        set_held(ctx, port, false);
    }
}

/* False: there is more to do, another time. */
static bool obey_some(rim_ctx *ctx, struct rim_port *port) {
    void *previous = rim__ctx_enter(ctx, port->ref);
    struct rim__port_order *order = NULL;
    for (uint32_t i = 0; i < ORDERS_AT_ONCE && (order = rim__spsc_pop(&port->out)) != NULL; i++) {
        rim__port_do(ctx, port, order);
    }
    rim__ctx_leave(ctx, previous);
    return order == NULL;
}

static void obey(struct rim__shard *shard, struct rim__errand *errand) {
    rim_ctx *ctx = shard->world;
    struct rim_port *port = rim__container_of(errand, struct rim_port, errand);
    if (port->is_detached) { /* its actor ended while this was under way */
        rim__port_release(port);
        return;
    }
    atomic_exchange(&port->news, 0);
    uint32_t closing = atomic_load(&port->closing);
    if (!is_there(ctx, port)) {
        return;
    }
    look_for_room(ctx, port);
    if (!obey_some(ctx, port)) {
        rim__port_call(port);
    } else if (closing != RIM_PORT_STAYS) {
        close_port(ctx, port, closing);
    }
}

/* The system ends without having run: there never was an actor. */
static void drop(struct rim__errand *errand) {
    struct rim_port *port = rim__container_of(errand, struct rim_port, errand);
    (void)set_ended(port);
    tell_end(port, RIM_PORT_STOPPED);
    rim__port_release(port);
}

void rim__port_call(struct rim_port *port) {
    if (atomic_exchange(&port->news, 1) == 0) {
        port->errand.run = obey;
        port->errand.drop = drop;
        rim__inlet_errand(port->shard, &port->errand);
    }
}
