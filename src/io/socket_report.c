/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>

#include "io/socket.h"

static void write_text(const struct rim__socket *socket, char *text, size_t size) {
    char peer[RIM_ADDRESS_TEXT_MAX];
    if (socket->label != NULL) {
        snprintf(text, size, "%s: %s", socket->label, socket->error == 0 ? "closed" : rim_strerror(socket->error));
        return;
    }
    if (socket->dial != NULL && socket->connecting) {
        snprintf(peer, sizeof peer, "%s", rim__dial_name(socket->dial));
    } else {
        rim_address address = rim__place_get(&socket->peer);
        rim_address_format(&address, peer);
    }
    if (socket->error == 0) {
        snprintf(text, size, "connection to %s closed", peer);
        return;
    }
    const char *why = rim_strerror(socket->error);
    const char *more = socket->tls != NULL ? rim__tls_text(socket->tls) : "";
    const char *form = socket->connecting ? "connect to %s: %c%s%s%s" : "connection to %s lost: %c%s%s%s";
    snprintf(text, size, form, peer, tolower((unsigned char)why[0]), why + (why[0] != '\0'),
             more[0] != '\0' ? ": " : "", more);
}

/* A handshake that failed has no owner to hear of it. */
static void tell_log(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    struct rim__shard *shard = service->shard;
    if (service->logged_ns != 0 && shard->now_ns - service->logged_ns < RIM_SERVICE_LOG_NS) {
        return;
    }
    service->logged_ns = shard->now_ns;
    char text[sizeof((rim_closed_event *)NULL)->text];
    write_text(socket, text, sizeof text);
    rim__log_write(&shard->log, RIM_LOG_WARNING, "%s", text);
}

static void tell_owner(struct rim__socket *socket) {
    struct rim__service *service = socket->service;
    uint64_t unwritten = socket->output.unwritten;
    rim_closed_event *event = rim__msg_body(socket->farewell);
    *event = (rim_closed_event){
        .socket = socket->self,
        .error = socket->error,
        .unwritten = unwritten > UINT32_MAX ? UINT32_MAX : (uint32_t)unwritten,
        .received = socket->input.received,
        .sent = socket->output.sent,
    };
    write_text(socket, event->text, sizeof event->text);
    rim__event_post(service->ctx, socket->self, socket->owner, RIM_SOCKET_CLOSED, socket->farewell);
    socket->farewell = NULL;
}

void rim__socket_report(struct rim__socket *socket) {
    if (socket->quiet || socket->service->detached) {
        return;
    }
    if (socket->owner != RIM_NIL) {
        tell_owner(socket);
    } else if (socket->birth != NULL && socket->error != 0) {
        tell_log(socket);
    }
}
