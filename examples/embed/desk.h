/* SPDX-License-Identifier: MIT */
/*
 * desk.h - what the two programs that embed a shard in somebody's event loop have in common: the actors.
 *
 *     the loop's thread                                      a shard's own thread
 *     socket callback --rim_system_send--> desk (shard 0) --request--> squarer (shard 1)
 *     answer callback <------------------- its outcome  <---reply-----'
 *
 * Shard 0 is stepped by the loop, so the desk's handlers run on the loop's thread, and may use the loop's things.
 */
#ifndef EMBED_DESK_H
#define EMBED_DESK_H

#include <ringmail.h>

/* Called on the thread that steps shard 0. `error` is 0, or why there is no square. */
typedef void (*desk_answer)(void *connection, int error, uint64_t number, uint64_t square);

struct desk {
    rim_system *system;
    rim_ref ref;
};

/* A system of two shards, the first one embedded; started. 0 or a negative code. */
int desk_open(struct desk *desk, enum rim_driver_kind driver, desk_answer answer);
/* Asks for the square of a number, for a connection that has to be there until it is answered. */
int desk_ask(struct desk *desk, void *connection, uint64_t number);

/* The driver that an option --driver NAME asks for. */
enum rim_driver_kind desk_driver(int argc, char **argv);

#endif
