/* SPDX-License-Identifier: MIT */
/*
 * sim_outside.h - what the simulated world has in the place of things that are not the program's: signals, and
 * descriptors of others. What happens to them is said by the test (sim.h). Called by sim_io.c and sim_net.c.
 *
 *     Signals      there is one process, which has blocked them all; one of a number waits at most, real-time ones too
 *     Pipes        are connections (sim_stream.h) of which one end only reads and the other only writes. A FIFO, or a
 *                  standard stream, is one that is made when the first of its ends is opened; each end once
 *     Descriptors  a caller's number stands for itself: it is ready for what the test has said last
 *     Threads      the one that steps
 */
#ifndef RINGMAIL_IO_SIM_OUTSIDE_H
#define RINGMAIL_IO_SIM_OUTSIDE_H

#include "io/op.h"

struct rim__sim;
struct rim__sim_net;
struct rim__sim_socket;
struct rim__sim_number;
struct rim__sim_thing;
struct rim__sim_fifo;
struct rim__sim_child;
struct rim__sim_program;

/* Of one world. */
struct rim__sim_outside {
    struct rim__sim_thing *things;   /* open */
    struct rim__sim_number *numbers; /* callers' descriptors */
    uint64_t signals;                /* that have come: bit N - 1 is signal N */
    struct rim__sim_fifo *fifos;     /* FIFOs and standard streams */
    struct rim__sim_program *programs;
    struct rim__sim_child *children; /* all that there ever were */
    int32_t pids;
};

/* 0 or -EMFILE. */
int rim__sim_outside_pipe(struct rim__sim_net *net, int ends[2]);
/* The descriptor, or a negative errno. `is_far`: of a standard stream the end that is not the process's. */
int rim__sim_outside_open_pipe(struct rim__sim_net *net, const struct rim__pipe_plan *plan, bool is_far);
/* The descriptor, or -EMFILE. */
int rim__sim_outside_share(struct rim__sim_net *net, int fd);
int rim__sim_outside_signals(struct rim__sim_net *net, uint64_t mask);
int rim__sim_outside_fetch_signal(struct rim__sim_net *net, struct rim__sim_socket *socket, rim_signal_event *event);
/* Of the events that are waited for, and an end or an error, those that are so. */
uint32_t rim__sim_outside_ready(const struct rim__sim_net *net, const struct rim__sim_socket *socket, uint32_t events);
/* One that can be read when the child has exited, or -EMFILE. */
int rim__sim_outside_watch_child(struct rim__sim_net *net, struct rim__sim_child *child);
struct rim__sim_child *rim__sim_outside_child(const struct rim__sim_socket *socket);
/* Something may have become ready. */
void rim__sim_outside_kick(const struct rim__sim_net *net);
void rim__sim_outside_close(struct rim__sim_net *net, struct rim__sim_socket *socket);
/* What rim_sim_ready does. */
void rim__sim_outside_say(struct rim__sim *sim, int fd, uint32_t events);
void rim__sim_outside_finish(struct rim__sim_net *net);

#endif
