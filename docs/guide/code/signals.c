/* SPDX-License-Identifier: MIT */
/*
 * signals.c - a program that ends in good order when it is told to, and looks after a descriptor that is not its own.
 */
#define _POSIX_C_SOURCE 200809L
#include <ringmail.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define UNUSED __attribute__((unused))

static const int wanted[] = {SIGINT, SIGTERM};
static sem_t over;

struct guard {
    int bell; /* of some other library */
};

static rim_verdict guard_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct guard *self = state;
    self->bell = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    rim_poll_options options = {.fd = self->bell, .events = RIM_POLL_READ};
    if (rim_signal_watch(ctx, wanted, RIM_COUNT(wanted), NULL) != 0 || rim_poll_open(ctx, &options, NULL) != 0) {
        fprintf(stderr, "%s\n", rim_error_text(ctx));
        return RIM_FAIL;
    }
    return eventfd_write(self->bell, 7) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_poll(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct guard *self = state;
    const rim_poll_event *event = body;
    eventfd_t value = 0;
    if (event->error == 0 && eventfd_read(self->bell, &value) == 0) {
        printf("the bell says %d\n", (int)value);
        kill(getpid(), SIGTERM); /* as an operator would */
    }
    return RIM_DONE;
}

static rim_verdict on_signal(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body, rim_msg *msg UNUSED) {
    const rim_signal_event *event = body;
    printf("signal %d from %s\n", (int)event->signal, event->pid == getpid() ? "myself" : "somebody");
    sem_post(&over); /* main stops the system */
    return RIM_DONE;
}

static void guard_exit(rim_ctx *ctx UNUSED, void *state, rim_exit why UNUSED) {
    struct guard *self = state;
    close(self->bell);
}

static const rim_handler guard_on[] = {[RIM_SIGNAL] = on_signal, [RIM_POLL] = on_poll};
static const rim_behaviour guard = {
    .name = "guard",
    .state_size = sizeof(struct guard),
    .on = guard_on,
    .on_count = RIM_COUNT(guard_on),
    .init = guard_init,
    .exit = guard_exit,
};

int main(void) {
    rim_system *system;
    rim_ref someone;
    sem_init(&over, 0, 0);
    int error = rim_signals_block(wanted, RIM_COUNT(wanted)); /* before there are other threads */
    if (error == 0) {
        error = rim_system_create(NULL, &system);
    }
    if (error == 0) {
        error = rim_system_spawn(system, &guard, NULL, NULL, 0, &someone);
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
the bell says 7
signal 15 from myself
*/
