/* SPDX-License-Identifier: MIT */
/*
 * passing.c - a program that hands an open pipe to another over a Unix socket; here both are one.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static sem_t over;

/* ---- who is given something ---- */

static rim_verdict on_gift(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg) {
    printf("%.*s: %u came along\n", (int)rim_size(msg), (const char *)body, rim_passed_count(msg));
    int descriptor = rim_passed_take(msg, 0);
    if (descriptor < 0) {
        return RIM_STOP;
    }
    ssize_t written = write(descriptor, "got it", 6);
    close(descriptor); /* who takes one closes it */
    return written == 6 ? RIM_STOP : RIM_FAIL;
}

static const rim_handler taker_on[] = {[RIM_SOCKET_DATA] = on_gift};
static const rim_behaviour taker = {.name = "taker", .on = taker_on, .on_count = RIM_COUNT(taker_on)};

/* ---- who gives ---- */

static const char *host(void) {
    static char text[64];
    snprintf(text, sizeof text, "unix:@ringmail-passing-%d", (int)getpid());
    return text;
}

static rim_verdict giver_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_listen_options options = {.host = host(), .owner = &taker, .socket = {.descriptors = 1}};
    return rim_listen(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_connect_options options = {.host = host(), .timeout_ns = RIM_SECONDS(5)};
    return rim_connect(ctx, &options, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    const rim_open_event *event = body;
    int *reading = state;
    int ends[2];
    if (pipe(ends) != 0) {
        return RIM_FAIL;
    }
    int result = rim_socket_write_with(ctx, event->socket, "a pipe", 6, &ends[1], 1);
    close(ends[1]); /* a copy goes */
    *reading = ends[0];
    return result == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_closed(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    char text[16];
    const int *reading = state;
    ssize_t size = read(*reading, text, sizeof text);
    printf("%.*s\n", (int)size, text);
    close(*reading);
    sem_post(&over);
    return RIM_STOP;
}

static const rim_handler giver_on[] = {
    [RIM_LISTENING] = on_listening,
    [RIM_SOCKET_OPEN] = on_open,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour giver = {
    .name = "giver",
    .state_size = sizeof(int),
    .on = giver_on,
    .on_count = RIM_COUNT(giver_on),
    .init = giver_init,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &giver, NULL, NULL, 0, &someone);
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
a pipe: 1 came along
got it
*/
