/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "io/lookup.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compiler.h"
#include "io/address.h"
#include "ringmail/error.h"

static int translate(int error) {
    switch (error) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return -RIM_ENOBODY;
    case EAI_AGAIN:
        return -EAGAIN;
    case EAI_MEMORY:
        return -ENOMEM;
    case EAI_SYSTEM:
        return errno != 0 ? -errno : -EIO;
    default:
        return -EIO;
    }
}

static void add(struct rim__lookup *lookup, const struct addrinfo *info) {
    union rim__sockaddr name;
    if (lookup->count < RIM_LOOKUP_MAX && info->ai_addrlen <= sizeof name) {
        memcpy(&name, info->ai_addr, info->ai_addrlen);
        rim_address *address = &lookup->addresses[lookup->count];
        rim__address_from_sockaddr(&name, address);
        address->port = lookup->port;
        lookup->count += address->family != 0;
    }
}

int rim__lookup_by_system(struct rim__lookup *lookup) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *first = NULL;
    errno = 0;
    int error = getaddrinfo(lookup->host, NULL, &hints, &first);
    if (error != 0) {
        return translate(error);
    }
    for (const struct addrinfo *info = first; info != NULL; info = info->ai_next) {
        add(lookup, info);
    }
    freeaddrinfo(first);
    return 0;
}

/* One part of a name ".sim": four numbers. Returns what follows it, or NULL. */
static const char *read_part(const char *part, rim_address *address) {
    unsigned byte[4];
    int length = 0;
    if (sscanf(part, "%u-%u-%u-%u.%n", &byte[0], &byte[1], &byte[2], &byte[3], &length) != 4 || length == 0) {
        return NULL;
    }
    *address = (rim_address){.family = 4};
    for (unsigned i = 0; i < 4; i++) {
        address->bytes[i] = (uint8_t)byte[i];
    }
    return part + length;
}

int rim__lookup_simulated(struct rim__lookup *lookup) {
    if (strcmp(lookup->host, "localhost") == 0) {
        lookup->addresses[0] = (rim_address){.family = 6, .port = lookup->port, .bytes = {[15] = 1}};
        lookup->addresses[1] = (rim_address){.family = 4, .port = lookup->port, .bytes = {127, 0, 0, 1}};
        lookup->count = 2;
        return 0;
    }
    const char *at = lookup->host;
    while (at != NULL && lookup->count < RIM_LOOKUP_MAX && strcmp(at, "sim") != 0) {
        rim_address *address = &lookup->addresses[lookup->count];
        at = read_part(at, address);
        if (at != NULL) {
            address->port = lookup->port;
            lookup->count++;
        }
    }
    return at != NULL && lookup->count > 0 ? 0 : -RIM_ENOBODY;
}
