/* SPDX-License-Identifier: MIT */
#include "client.h"

#include <inttypes.h>
#include <stdlib.h>

#define ROOM_FIRST 16u

struct client {
    struct client *next;
    uint64_t id;
    uint64_t opened_ms;
    rim_address peer, local;
    char *name;
};

void client_write(const struct client_line *line, struct buffer *out) {
    char peer[RIM_ADDRESS_TEXT_MAX];
    char local[RIM_ADDRESS_TEXT_MAX];
    buffer_format(out, "id=%" PRIu64 " addr=%s laddr=%s fd=-1 name=", line->id, rim_address_format(&line->peer, peer),
                  rim_address_format(&line->local, local));
    buffer_text(out, line->name != NULL ? line->name : "");
    buffer_format(out, " age=%" PRIu64 " idle=%" PRIu64 " flags=N db=0 cmd=%s user=default resp=%u\n", line->age_s,
                  line->idle_s, line->last != NULL ? line->last : "NULL", line->version);
}

static struct client **find(const struct client_list *list, uint64_t id) {
    struct client **at = &list->buckets[id & (list->room - 1)];
    while (*at != NULL && (*at)->id != id) {
        at = &(*at)->next;
    }
    return at;
}

static bool grow(struct client_list *list) {
    struct client_list larger = {.room = list->room == 0 ? ROOM_FIRST : list->room * 2, .count = list->count};
    larger.buckets = calloc(larger.room, sizeof(struct client *));
    if (larger.buckets == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < list->room; i++) {
        while (list->buckets[i] != NULL) {
            struct client *client = list->buckets[i];
            list->buckets[i] = client->next;
            struct client **at = &larger.buckets[client->id & (larger.room - 1)];
            client->next = *at;
            *at = client;
        }
    }
    free(list->buckets);
    *list = larger;
    return true;
}

bool client_list_add(struct client_list *list, uint64_t id, const rim_address addresses[2], uint64_t now_ms) {
    struct client *client = list->count < list->room || grow(list) ? malloc(sizeof *client) : NULL;
    if (client == NULL) {
        return false;
    }
    struct client **at = &list->buckets[id & (list->room - 1)];
    *client = (struct client){.next = *at, .id = id, .opened_ms = now_ms, .peer = addresses[0], .local = addresses[1]};
    *at = client;
    list->count++;
    return true;
}

void client_list_rename(struct client_list *list, uint64_t id, const char *name, size_t size) {
    struct client *client = list->room > 0 ? *find(list, id) : NULL;
    if (client != NULL) {
        free(client->name);
        client->name = size > 0 ? strndup(name, size) : NULL;
    }
}

void client_list_remove(struct client_list *list, uint64_t id) {
    struct client **at = list->room > 0 ? find(list, id) : NULL;
    if (at != NULL && *at != NULL) {
        struct client *client = *at;
        *at = client->next;
        free(client->name);
        free(client);
        list->count--;
    }
}

void client_list_write(const struct client_list *list, uint64_t now_ms, struct buffer *out) {
    for (uint32_t i = 0; i < list->room; i++) {
        for (const struct client *client = list->buckets[i]; client != NULL; client = client->next) {
            struct client_line line = {.id = client->id, .peer = client->peer, .local = client->local};
            line.name = client->name;
            line.age_s = (now_ms - client->opened_ms) / 1000;
            line.version = 2;
            client_write(&line, out);
        }
    }
}

void client_list_free(struct client_list *list) {
    for (uint32_t i = 0; i < list->room; i++) {
        while (list->buckets[i] != NULL) {
            client_list_remove(list, list->buckets[i]->id);
        }
    }
    free(list->buckets);
    *list = (struct client_list){0};
}
