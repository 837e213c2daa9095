/* SPDX-License-Identifier: MIT */
/*
 * place.h - one end of a connection, as long as that lives: a rim_address, of which the most is the room for the path
 * of a Unix socket, without what is not used of it. For socket.c and who reports of sockets.
 *
 *     Threads  the shard's own
 */
#ifndef RINGMAIL_IO_PLACE_H
#define RINGMAIL_IO_PLACE_H

#include "ringmail/socket.h"
#include "shard/memory.h"

/* Zeroed: none. */
struct rim__place {
    char *path; /* NULL: "" */
    uint32_t scope_id;
    uint16_t port;
    uint8_t family;
    uint8_t bytes[16];
};

/* Takes the place of what it was. 0; or -ENOMEM, which a path may meet, and then it is none. */
int rim__place_set(struct rim__place *place, struct rim__memory *memory, const rim_address *address);
rim_address rim__place_get(const struct rim__place *place);
/* Frees what belongs to it, and it is none. */
void rim__place_clear(struct rim__place *place, struct rim__memory *memory);

#endif
