/* SPDX-License-Identifier: MIT */
/*
 * address.h - rim_address to and from the kernel's form. Text is in the public functions (ringmail/socket.h).
 */
#ifndef RINGMAIL_IO_ADDRESS_H
#define RINGMAIL_IO_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/compiler.h"
#include "ringmail/socket.h"

/* Large enough for all families. To be zeroed before the kernel fills it: it may write no more than the family. */
union rim__sockaddr {
    struct sockaddr any;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

/* Returns the length in use; 0 if the family is none of ours. */
socklen_t rim__address_to_sockaddr(const rim_address *address, union rim__sockaddr *out);
/* An IPv4 address in IPv6 clothes (::ffff:a.b.c.d) becomes plain IPv4. Another family gives family 0. */
void rim__address_from_sockaddr(const union rim__sockaddr *sockaddr, rim_address *out);
/* The same address in another place. What is behind a path, or of one where there is none, is not copied. */
static inline void rim__address_copy(rim_address *to, const rim_address *from) {
    if (rim__unlikely(from->family == RIM_FAMILY_UNIX)) {
        *to = *from;
        return;
    }
    memcpy(to, from, offsetof(rim_address, path));
    to->path[0] = '\0';
}
/* Whether it is one: 4, 6 or RIM_FAMILY_UNIX. */
bool rim__address_is_valid(const rim_address *address);
/* Whether it is a Unix socket's file. */
bool rim__address_is_file(const rim_address *address);
/* Whether it is the unspecified address: 0.0.0.0 or ::. */
bool rim__address_is_any(const rim_address *address);

#endif
