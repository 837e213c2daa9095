/* SPDX-License-Identifier: MIT */
#include "io/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* The scope after the percent sign: an interface's name or its number. */
static int parse_scope(const char *text, uint32_t *out) {
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number <= UINT32_MAX) {
        *out = (uint32_t)number;
        return 0;
    }
    *out = if_nametoindex(text);
    return *out != 0 ? 0 : -EINVAL;
}

static int parse_ipv6(const char *host, size_t length, rim_address *out) {
    char text[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];
    if (length >= sizeof text) {
        return -EINVAL;
    }
    memcpy(text, host, length);
    text[length] = '\0';
    char *percent = strchr(text, '%');
    if (percent != NULL) {
        *percent = '\0';
        if (parse_scope(percent + 1, &out->scope_id) != 0) {
            return -EINVAL;
        }
    }
    out->family = 6;
    return inet_pton(AF_INET6, text, out->bytes) == 1 ? 0 : -EINVAL;
}

static int parse_unix(const char *path, rim_address *out) {
    size_t length = strlen(path);
    if (length == 0 || strcmp(path, "@") == 0) {
        return -EINVAL;
    }
    if (length >= sizeof out->path) {
        return -ENAMETOOLONG;
    }
    out->family = RIM_FAMILY_UNIX;
    out->port = 0;
    memcpy(out->path, path, length);
    return 0;
}

static int parse(const char *host, rim_address *out) {
    size_t length = strlen(host);
    if (strncmp(host, "unix:", 5) == 0) {
        return parse_unix(host + 5, out);
    }
    if (length == 0 || strcmp(host, "*") == 0) {
        out->family = 6; /* listen takes IPv4 as well on it, or instead of it */
        return 0;
    }
    if (host[0] == '[') {
        return length > 2 && host[length - 1] == ']' ? parse_ipv6(host + 1, length - 2, out) : -EINVAL;
    }
    if (strchr(host, ':') != NULL) {
        return parse_ipv6(host, length, out);
    }
    out->family = 4;
    return inet_pton(AF_INET, host, out->bytes) == 1 ? 0 : -EINVAL;
}

int rim_address_parse(const char *host, uint16_t port, rim_address *out) {
    if (host == NULL || out == NULL) {
        return -EINVAL;
    }
    rim_address address = {.port = port};
    int error = parse(host, &address);
    if (error == 0) {
        *out = address;
    }
    return error;
}

static void format_ipv6(const rim_address *address, char text[RIM_ADDRESS_TEXT_MAX]) {
    char host[INET6_ADDRSTRLEN];
    char scope[12] = "";
    inet_ntop(AF_INET6, address->bytes, host, sizeof host);
    if (address->scope_id != 0) {
        snprintf(scope, sizeof scope, "%%%u", (unsigned)address->scope_id);
    }
    /* The longest form of an address leaves no room for a scope; none that has a scope is as long as that. */
    int length = snprintf(text, RIM_ADDRESS_TEXT_MAX, "[%.45s%s]", host, scope);
    snprintf(text + length, RIM_ADDRESS_TEXT_MAX - (size_t)length, ":%u", (unsigned)address->port);
}

char *rim_address_format(const rim_address *address, char text[RIM_ADDRESS_TEXT_MAX]) {
    char host[INET_ADDRSTRLEN];
    if (address->family == RIM_FAMILY_UNIX) {
        snprintf(text, RIM_ADDRESS_TEXT_MAX, "unix:%.107s", address->path);
    } else if (address->family == 6) {
        format_ipv6(address, text);
    } else if (address->family == 4) {
        inet_ntop(AF_INET, address->bytes, host, sizeof host);
        snprintf(text, RIM_ADDRESS_TEXT_MAX, "%s:%u", host, (unsigned)address->port);
    } else {
        snprintf(text, RIM_ADDRESS_TEXT_MAX, "?:%u", (unsigned)address->port);
    }
    return text;
}

/* An abstract name begins with a zero, and is as long as it is said to be. */
static socklen_t unix_to_sockaddr(const rim_address *address, union rim__sockaddr *out) {
    size_t length = strnlen(address->path, sizeof address->path - 1);
    bool is_abstract = address->path[0] == '@';
    out->un.sun_family = AF_UNIX;
    memcpy(out->un.sun_path, address->path, length);
    if (is_abstract) {
        out->un.sun_path[0] = '\0';
    }
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !is_abstract);
}

/* A zero within an abstract name ends it here: such names can be heard of, but not said. */
static void unix_from_sockaddr(const struct sockaddr_un *name, rim_address *out) {
    const char *path = name->sun_path;
    size_t rest = sizeof out->path - 1;
    out->family = RIM_FAMILY_UNIX;
    memcpy(out->path, path, strnlen(path, rest));
    if (path[0] == '\0' && path[1] != '\0') {
        out->path[0] = '@';
        memcpy(out->path + 1, path + 1, strnlen(path + 1, rest - 1));
    }
}

socklen_t rim__address_to_sockaddr(const rim_address *address, union rim__sockaddr *out) {
    if (address->family == 4) {
        memset(&out->in, 0, sizeof out->in);
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(address->port);
        memcpy(&out->in.sin_addr, address->bytes, sizeof out->in.sin_addr);
        return sizeof out->in;
    }
    memset(out, 0, sizeof *out);
    if (address->family == 6) {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(address->port);
        out->in6.sin6_scope_id = address->scope_id;
        memcpy(&out->in6.sin6_addr, address->bytes, sizeof out->in6.sin6_addr);
        return sizeof out->in6;
    }
    return address->family == RIM_FAMILY_UNIX ? unix_to_sockaddr(address, out) : 0;
}

void rim__address_from_sockaddr(const union rim__sockaddr *sockaddr, rim_address *out) {
    memset(out, 0, sizeof *out);
    if (sockaddr->any.sa_family == AF_INET) {
        out->family = 4;
        out->port = ntohs(sockaddr->in.sin_port);
        memcpy(out->bytes, &sockaddr->in.sin_addr, 4);
    } else if (sockaddr->any.sa_family == AF_INET6) {
        bool is_mapped = IN6_IS_ADDR_V4MAPPED(&sockaddr->in6.sin6_addr);
        out->family = is_mapped ? 4 : 6;
        out->port = ntohs(sockaddr->in6.sin6_port);
        out->scope_id = sockaddr->in6.sin6_scope_id;
        const uint8_t *bytes = sockaddr->in6.sin6_addr.s6_addr;
        memcpy(out->bytes, is_mapped ? bytes + 12 : bytes, is_mapped ? 4 : 16);
    } else if (sockaddr->any.sa_family == AF_UNIX) {
        unix_from_sockaddr(&sockaddr->un, out);
    }
}

bool rim__address_is_valid(const rim_address *address) {
    return address->family == 4 || address->family == 6 || address->family == RIM_FAMILY_UNIX;
}

bool rim__address_is_file(const rim_address *address) {
    return address->family == RIM_FAMILY_UNIX && address->path[0] != '@' && address->path[0] != '\0';
}

bool rim__address_is_any(const rim_address *address) {
    static const uint8_t zeroes[16];
    return address->family != RIM_FAMILY_UNIX && memcmp(address->bytes, zeroes, address->family == 4 ? 4 : 16) == 0;
}
