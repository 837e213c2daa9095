/* SPDX-License-Identifier: MIT */
/*
 * client.h - the clients that are connected: the server's list of them, and the lines of CLIENT LIST and CLIENT INFO.
 */
#ifndef KV_CLIENT_H
#define KV_CLIENT_H

#include <ringmail/socket.h>

#include "buffer.h"

#define CLIENT_NAME_MAX 256u

struct client_line {
    uint64_t id;
    rim_address peer, local;
    const char *name; /* NULL: none */
    const char *last; /* its last command; NULL: not known */
    uint64_t age_s, idle_s;
    unsigned version;
};

void client_write(const struct client_line *line, struct buffer *out);

struct client;

struct client_list {
    struct client **buckets;
    uint32_t room; /* buckets, a power of two */
    uint32_t count;
};

/* False without memory. */
bool client_list_add(struct client_list *list, uint64_t id, const rim_address addresses[2], uint64_t now_ms);
void client_list_rename(struct client_list *list, uint64_t id, const char *name, size_t size);
void client_list_remove(struct client_list *list, uint64_t id);
void client_list_write(const struct client_list *list, uint64_t now_ms, struct buffer *out);
void client_list_free(struct client_list *list);

#endif
