/* SPDX-License-Identifier: MIT */
/*
 * What a port's thread wants done, done on its shard in the name of its actor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "actor/port.h"

/* From this size on an order's body is sent as it lies, and the order freed with it. */
#define AS_IT_LIES_FROM 1024u

/* ---- sending ---- */

static void free_order(void *bytes, void *arg) {
    (void)bytes;
    free(arg);
}

/* A send that was refused at once is told like one that was refused on the way: the thread has gone on. */
static void note_refusal(rim_ctx *ctx, const struct rim_port *port, const struct rim__port_order *order) {
    struct rim_msg head = {.from = port->ref, .tag = order->tag};
    rim__room_refused(ctx, &head, order->to);
}

static void note_lost(rim_ctx *ctx, const struct rim_port *port, const struct rim__port_order *order, int error) {
    ctx->stats.sent++;
    rim__dead_count(ctx,
                    &(rim_dead_letter){
                        .from = port->ref, .to = order->to, .tag = order->tag, .reason = error, .size = order->size});
}

static void note_error(rim_ctx *ctx, const struct rim_port *port, const struct rim__port_order *order, int error) {
    if (error == -RIM_EFULL) {
        note_refusal(ctx, port, order);
    } else if (error == -ENOMEM) {
        note_lost(ctx, port, order, error);
    }
}

/* Consumes the order. */
static void send_as_it_lies(rim_ctx *ctx, struct rim_port *port, struct rim__port_order *order) {
    struct rim__port_order head = *order;
    bool wrapped = order->kind == RIM_PORT_SEND_WRAP;
    rim_msg *msg = wrapped ? rim_msg_wrap(ctx, order->tag, order->bytes, order->size, order->release, order->arg)
                           : rim_msg_wrap(ctx, order->tag, order->body, order->size, free_order, order);
    if (msg == NULL) {
        note_lost(ctx, port, order, -ENOMEM);
        rim__port_order_drop(order);
        return;
    }
    if (wrapped) {
        free(order);
    }
    note_error(ctx, port, &head, rim_send_msg(ctx, head.to, msg)); /* which frees the message, come what may */
}

static void send(rim_ctx *ctx, struct rim_port *port, struct rim__port_order *order) {
    if (order->kind == RIM_PORT_SEND_WRAP || order->size >= AS_IT_LIES_FROM) {
        send_as_it_lies(ctx, port, order);
        return;
    }
    note_error(ctx, port, order, rim_send(ctx, order->to, order->tag, order->body, order->size));
    free(order);
}

/* ---- asking ---- */

static rim_verdict on_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct rim__port_record *record = (struct rim__port_record *)(uintptr_t)cookie;
    rim_port_item *item = &record->outcome.item;
    size_t size = msg != NULL ? rim_size(msg) : 0;
    if (size > 0) {
        record->outcome.block = malloc(size);
        if (record->outcome.block == NULL) {
            error = -ENOMEM;
        } else {
            memcpy(record->outcome.block, body, size);
            item->body = record->outcome.block;
            item->size = size;
        }
    }
    if (msg != NULL && error == 0) {
        item->tag = rim_tag(msg);
        item->from = rim_from(msg);
    }
    item->error = error;
    rim__port_push(ctx, *(struct rim_port **)self, &record->outcome);
    return RIM_DONE;
}

static void ask(rim_ctx *ctx, struct rim_port *port, struct rim__port_order *order) {
    struct rim__port_record *record = order->record;
    uint64_t now_ns = rim_now(ctx);
    rim_ask ask = {
        .to = order->to,
        .tag = order->tag,
        .body = order->body,
        .size = order->size,
        .timeout_ns = order->deadline_ns > now_ns ? order->deadline_ns - now_ns : 1,
        .on_outcome = on_outcome,
        .cookie = (uintptr_t)record,
    };
    int error = rim_request(ctx, &ask, &record->token);
    if (error != 0) {
        record->outcome.item.error = error;
        rim__port_push_late(ctx, port, &record->outcome);
    }
}

static void cancel(rim_ctx *ctx, struct rim__port_record *record) {
    bool open = rim_cancel(ctx, record->token);
    atomic_store(&record->acked, open ? RIM_PORT_NO_OUTCOME : RIM_PORT_OUTCOME_PUSHED);
}

/* ---- monitors and links ---- */

static void fill_down(struct rim__port_record *record, const rim_down_event *event) {
    rim_port_item *item = &record->outcome.item;
    record->down = *event;
    record->down.monitor = record->handle;
    record->down.cookie = item->cookie;
    item->from = event->who;
    item->body = &record->down;
    item->size = sizeof record->down;
}

void rim__port_down(rim_ctx *ctx, struct rim_port *port, const rim_down_event *event) {
    struct rim__port_record *record = (struct rim__port_record *)(uintptr_t)event->cookie;
    fill_down(record, event);
    rim__port_push(ctx, port, &record->outcome);
}

static void monitor(rim_ctx *ctx, struct rim_port *port, struct rim__port_order *order) {
    struct rim__port_record *record = order->record;
    record->token = rim_monitor(ctx, order->to, (uintptr_t)record);
    if (record->token == RIM_NIL) {
        fill_down(record, &(rim_down_event){.who = order->to, .code = RIM_EXIT_NOMEM, .text = "out of memory"});
        rim__port_push_late(ctx, port, &record->outcome);
    }
}

static void link_to(rim_ctx *ctx, const struct rim_port *port, rim_ref who) {
    if (rim_link(ctx, who) == -ENOMEM) {
        (void)rim_exit_send(ctx, port->ref, RIM_EXIT_NOMEM, "out of memory for a link");
    }
}

/* ---- all of them ---- */

void rim__port_do(rim_ctx *ctx, struct rim_port *port, struct rim__port_order *order) {
    switch (order->kind) {
    case RIM_PORT_SEND:
    case RIM_PORT_SEND_WRAP:
        send(ctx, port, order);
        return;
    case RIM_PORT_ASK:
        ask(ctx, port, order);
        break;
    case RIM_PORT_CANCEL:
        cancel(ctx, order->record);
        break;
    case RIM_PORT_REPLY:
        (void)rim_reply(ctx, order->to, order->tag, order->body, order->size);
        break;
    case RIM_PORT_REFUSE:
        (void)rim_refuse(ctx, order->to, order->error);
        break;
    case RIM_PORT_WANT_ROOM:
        (void)rim_want_room(ctx, order->to);
        break;
    case RIM_PORT_STOP:
        (void)rim_stop(ctx, order->to);
        break;
    case RIM_PORT_MONITOR:
        monitor(ctx, port, order);
        break;
    case RIM_PORT_LINK:
        link_to(ctx, port, order->to);
        break;
    case RIM_PORT_UNLINK:
        (void)rim_unlink(ctx, order->to);
        break;
    case RIM_PORT_EXIT_SEND:
        (void)rim_exit_send(ctx, order->to, (uint32_t)order->error, order->body);
        break;
    case RIM_PORT_KILL:
        (void)rim_kill(ctx, order->to);
        break;
    }
    free(order);
}

void rim__port_order_drop(struct rim__port_order *order) {
    if (order->kind == RIM_PORT_SEND_WRAP && order->release != NULL) {
        order->release(order->bytes, order->arg);
    }
    free(order);
}
