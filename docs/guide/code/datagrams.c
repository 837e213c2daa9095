/* SPDX-License-Identifier: MIT */
/*
 * datagrams.c - one actor with two UDP sockets, which asks and answers.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

static sem_t over;

struct both {
    rim_ref answering, asking;
};

static rim_verdict both_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct both *self = state;
    rim_datagram_state answering;
    rim_datagram_options options = {.host = "127.0.0.1"};
    if (rim_datagram_open(ctx, &options, &self->answering) != 0 ||
        rim_datagram_ask(ctx, self->answering, &answering) != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    rim_datagram_options connected = {.peer = "127.0.0.1", .peer_port = answering.local.port};
    if (rim_datagram_open(ctx, &connected, &self->asking) != 0) {
        return RIM_FAIL;
    }
    return rim_datagram_send(ctx, self->asking, NULL, "anybody there?", 14) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_datagram(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct both *self = state;
    const rim_datagram_event *event = body;
    printf("%.*s\n", (int)event->size, (const char *)rim_datagram_bytes(event));
    if (event->socket == self->answering) {
        return rim_datagram_send(ctx, self->answering, &event->from, "nobody but me", 13) == 0 ? RIM_DONE : RIM_FAIL;
    }
    sem_post(&over);
    return RIM_STOP; /* and its sockets with it */
}

static const rim_handler both_on[] = {[RIM_DATAGRAM] = on_datagram};
static const rim_behaviour both = {
    .name = "both",
    .state_size = sizeof(struct both),
    .on = both_on,
    .on_count = RIM_COUNT(both_on),
    .init = both_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &both, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&over);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
anybody there?
nobody but me
*/
