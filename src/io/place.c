/* SPDX-License-Identifier: MIT */
#include "io/place.h"

#include <errno.h>
#include <string.h>

int rim__place_set(struct rim__place *place, struct rim__memory *memory, const rim_address *address) {
    size_t length = strnlen(address->path, sizeof address->path - 1);
    char *path = length > 0 ? rim__memory_alloc(memory, length + 1) : NULL;
    rim__place_clear(place, memory);
    if (length > 0 && path == NULL) {
        return -ENOMEM;
    }
    *place = (struct rim__place){
        .path = path,
        .scope_id = address->scope_id,
        .port = address->port,
        .family = address->family,
    };
    memcpy(place->bytes, address->bytes, sizeof place->bytes);
    if (path != NULL) {
        memcpy(path, address->path, length);
        path[length] = '\0';
    }
    return 0;
}

rim_address rim__place_get(const struct rim__place *place) {
    rim_address address = {.family = place->family, .port = place->port, .scope_id = place->scope_id};
    memcpy(address.bytes, place->bytes, sizeof address.bytes);
    if (place->path != NULL) {
        memcpy(address.path, place->path, strlen(place->path) + 1);
    }
    return address;
}

void rim__place_clear(struct rim__place *place, struct rim__memory *memory) {
    if (place->path != NULL) {
        rim__memory_free(memory, place->path, strlen(place->path) + 1);
    }
    *place = (struct rim__place){0};
}
