/* SPDX-License-Identifier: MIT */
/*
 * unix.c - a service for this machine's programs alone, which looks at who calls, and a caller.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static sem_t over;

/* ---- the service's side of a connection ---- */

static rim_verdict on_question(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg) {
    rim_credentials who;
    if (rim_socket_credentials(ctx, rim_from(msg), &who) != 0) {
        return RIM_FAIL;
    }
    const char *answer = who.uid == getuid() ? "you may" : "you may not";
    (void)rim_socket_write(ctx, rim_from(msg), answer, who.uid == getuid() ? 7 : 11);
    return rim_socket_close(ctx, rim_from(msg)) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler service_on[] = {[RIM_SOCKET_DATA] = on_question};
static const rim_behaviour service = {.name = "service", .on = service_on, .on_count = RIM_COUNT(service_on)};

/* ---- the caller, who listens as well ---- */

static rim_verdict caller_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    char host[64];
    snprintf(host, sizeof host, "unix:/tmp/ringmail-guide-%d", (int)getpid());
    rim_listen_options options = {.host = host, .owner = &service, .mode = 0600}; /* for this user's programs */
    if (rim_listen(ctx, &options, NULL) != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    return RIM_DONE;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_listening_event *event = body;
    char host[RIM_ADDRESS_TEXT_MAX];
    rim_connect_options options = {.host = rim_address_format(&event->address, host), .timeout_ns = RIM_SECONDS(5)};
    return rim_connect(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_open(rim_ctx *ctx, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_open_event *event = body;
    return rim_socket_write(ctx, event->socket, "may I?", 6) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_answer(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    printf("%.*s\n", (int)rim_size(msg), (const char *)body);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    sem_post(&over);
    return RIM_STOP;
}

static const rim_handler caller_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_OPEN] = on_open,
    [RIM_SOCKET_DATA] = on_answer,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour caller = {
    .name = "caller",
    .on = caller_on,
    .on_count = RIM_COUNT(caller_on),
    .init = caller_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &caller, NULL, NULL, 0, &someone);
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
you may
*/
