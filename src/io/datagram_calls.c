/* SPDX-License-Identifier: MIT */
/*
 * The public calls. On the socket's own shard they are what they say; for a socket on another shard they are a message
 * to its actor, which does the same there and tells the caller by an event what went wrong.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/assert.h"
#include "io/address.h"
#include "io/datagram.h"

enum {
    POST = (RIM_DATAGRAM_PROTOCOL << 16) + RIM_USER, /* struct posted, and the bytes */
    CHANGE,                                          /* struct change */
};

struct posted {
    rim_address to;       /* family 0: the peer */
    rim_datagram_way way; /* family 0: none */
    uint32_t segment;
};

struct change {
    rim_address group, source; /* source.family 0: any */
    char interface[IF_NAMESIZE];
    bool has_interface, join;
};

/* 0, and *out is NULL for a socket on another shard. */
static int find(rim_ctx *ctx, rim_ref socket, struct rim__datagram **out) {
    *out = NULL;
    if (socket >> 60 != rim_self(ctx) >> 60 || rim_shard_of(socket) >= rim_shard_count(ctx)) {
        return -RIM_EBADREF;
    }
    if (rim_shard_of(socket) != rim_shard_index(ctx)) {
        return 0;
    }
    const struct rim__service *service = rim__ctx_io(ctx);
    struct rim__datagram *found = service != NULL ? rim__datagram_find(service, socket) : NULL;
    *out = found;
    return found == NULL || found->fd < 0 || found->self_gone ? -RIM_EDOWN : 0;
}

/* ---- sending ---- */

static bool is_valid(const rim_datagram_letter *letter) {
    return (letter->bytes != NULL || letter->size == 0) && (letter->to == NULL || rim__address_is_valid(letter->to)) &&
           letter->segment <= UINT16_MAX && letter->descriptor_count <= RIM_PASSING_MAX &&
           (letter->descriptors != NULL || letter->descriptor_count == 0) &&
           (letter->way == NULL || letter->way->family == 0 || letter->way->family == 4 || letter->way->family == 6);
}

static int post(rim_ctx *ctx, rim_ref socket, const rim_datagram_letter *letter) {
    struct posted head = {.segment = letter->segment};
    if (letter->descriptor_count > 0) {
        return rim__ctx_error(ctx, -RIM_ECONTEXT, "descriptors are sent from the socket's own shard only");
    }
    if (letter->to != NULL) {
        head.to = *letter->to;
    }
    if (letter->way != NULL) {
        head.way = *letter->way;
    }
    if (letter->size > RIM_BODY_MAX - sizeof head) {
        return -EMSGSIZE;
    }
    rim_msg *msg = rim_msg_new(ctx, POST, sizeof head + letter->size);
    if (msg == NULL) {
        return -ENOMEM;
    }
    char *body = rim_body(msg);
    memcpy(body, &head, sizeof head);
    if (letter->size > 0) {
        memcpy(body + sizeof head, letter->bytes, letter->size);
    }
    return rim_send_msg(ctx, socket, msg);
}

static rim_verdict on_post(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__datagram *datagram = *(struct rim__datagram **)self;
    struct posted head;
    (void)ctx;
    rim__assert(rim_size(msg) >= sizeof head);
    memcpy(&head, body, sizeof head);
    rim_datagram_letter letter = {
        .to = head.to.family != 0 ? &head.to : NULL,
        .way = head.way.family != 0 ? &head.way : NULL,
        .bytes = (const char *)body + sizeof head,
        .size = rim_size(msg) - sizeof head,
        .segment = head.segment,
    };
    int result = rim__datagram_output_gather(datagram, rim_from(msg), &letter);
    if (result != 0) {
        rim__datagram_output_tell(datagram, rim_from(msg), letter.to, result);
    }
    return RIM_DONE;
}

int rim_datagram_send(rim_ctx *ctx, rim_ref socket, const rim_address *to, const void *bytes, size_t size) {
    struct rim__datagram *datagram;
    const rim_datagram_letter letter = {.to = to, .bytes = bytes, .size = size};
    int result = find(ctx, socket, &datagram);
    if (result != 0 || !is_valid(&letter)) {
        return result != 0 ? result : -EINVAL;
    }
    if (datagram == NULL) {
        return post(ctx, socket, &letter);
    }
    return datagram->output.gathers ? rim__datagram_output_gather(datagram, rim_self(ctx), &letter)
                                    : rim__datagram_output_send(datagram, to, bytes, size);
}

static int post_many(rim_ctx *ctx, rim_ref socket, const rim_datagram_letter *letters, size_t count, size_t *sent) {
    int result = 0;
    for (*sent = 0; result == 0 && *sent < count; *sent += result == 0) {
        result = post(ctx, socket, &letters[*sent]);
    }
    return result;
}

int rim_datagram_send_many(rim_ctx *ctx, rim_ref socket, const rim_datagram_letter *letters, size_t count,
                           size_t *sent) {
    struct rim__datagram *datagram;
    size_t unasked = 0;
    sent = sent != NULL ? sent : &unasked;
    *sent = 0;
    int result = find(ctx, socket, &datagram);
    bool may_be = letters != NULL && count > 0;
    for (size_t i = 0; may_be && i < count; i++) {
        may_be = is_valid(&letters[i]);
    }
    if (result != 0 || !may_be) {
        return result != 0 ? result : rim__ctx_error(ctx, -EINVAL, "datagrams: one cannot be sent as it is described");
    }
    return datagram != NULL ? rim__datagram_output_send_many(datagram, letters, count, sent)
                            : post_many(ctx, socket, letters, count, sent);
}

/* ---- groups ---- */

static int change_here(rim_ctx *ctx, struct rim__datagram *datagram, const struct change *change) {
    const struct rim__membership membership = {
        .group = &change->group,
        .source = change->source.family != 0 ? &change->source : NULL,
        .interface = change->has_interface ? change->interface : NULL,
        .join = change->join,
    };
    struct rim__io *io = datagram->service->io;
    int result = io->ops->member(io, datagram->fd, &membership);
    char text[RIM_ADDRESS_TEXT_MAX];
    return result == 0 ? 0
                       : rim__ctx_error(ctx, result, "multicast group %s: %s", rim_address_format(&change->group, text),
                                        rim_strerror(result));
}

static rim_verdict on_change(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct rim__datagram *datagram = *(struct rim__datagram **)self;
    struct change change;
    rim__assert(rim_size(msg) == sizeof change);
    memcpy(&change, body, sizeof change);
    int result = change_here(ctx, datagram, &change);
    if (result != 0) {
        rim__datagram_output_tell(datagram, rim_from(msg), &change.group, result);
    }
    return RIM_DONE;
}

static bool is_ip(const rim_address *address) {
    return address != NULL && (address->family == 4 || address->family == 6);
}

static int change(rim_ctx *ctx, rim_ref socket, const struct rim__membership *what) {
    struct rim__datagram *datagram;
    int result = find(ctx, socket, &datagram);
    if (result != 0) {
        return result;
    }
    if (!is_ip(what->group) || (what->source != NULL && what->source->family != what->group->family)) {
        return rim__ctx_error(ctx, -EINVAL, "multicast: a group is an IPv4 or IPv6 address, and its source alike");
    }
    if (what->interface != NULL && strlen(what->interface) >= IF_NAMESIZE) {
        return rim__ctx_error(ctx, -EINVAL, "multicast: %.40s is no interface's name", what->interface);
    }
    struct change order = {.group = *what->group, .has_interface = what->interface != NULL, .join = what->join};
    if (what->source != NULL) {
        order.source = *what->source;
    }
    if (what->interface != NULL) {
        memcpy(order.interface, what->interface, strlen(what->interface) + 1);
    }
    return datagram != NULL ? change_here(ctx, datagram, &order) : rim_send(ctx, socket, CHANGE, &order, sizeof order);
}

int rim_datagram_join(rim_ctx *ctx, rim_ref socket, const rim_address *group, const char *interface) {
    return change(ctx, socket, &(struct rim__membership){.group = group, .interface = interface, .join = true});
}

int rim_datagram_leave(rim_ctx *ctx, rim_ref socket, const rim_address *group, const char *interface) {
    return change(ctx, socket, &(struct rim__membership){.group = group, .interface = interface});
}

static int change_source(rim_ctx *ctx, rim_ref socket, const struct rim__membership *what) {
    return what->source != NULL ? change(ctx, socket, what)
                                : rim__ctx_error(ctx, -EINVAL, "multicast: there is no source");
}

int rim_datagram_join_source(rim_ctx *ctx, rim_ref socket, const rim_address *group, const rim_address *source,
                             const char *interface) {
    const struct rim__membership what = {.group = group, .source = source, .interface = interface, .join = true};
    return change_source(ctx, socket, &what);
}

int rim_datagram_leave_source(rim_ctx *ctx, rim_ref socket, const rim_address *group, const rim_address *source,
                              const char *interface) {
    const struct rim__membership what = {.group = group, .source = source, .interface = interface};
    return change_source(ctx, socket, &what);
}

int rim_datagram_ask(rim_ctx *ctx, rim_ref socket, rim_datagram_state *out) {
    struct rim__datagram *datagram;
    int result = find(ctx, socket, &datagram);
    if (result == 0 && datagram == NULL) {
        return rim__ctx_error(ctx, -RIM_ECONTEXT, "a datagram socket can be asked on its own shard only");
    }
    if (result == 0) {
        *out = datagram->state;
    }
    return result;
}

/* ---- the actor ---- */

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    rim__assert(size == sizeof(struct rim__datagram *));
    memcpy(self, arg, size);
    return RIM_DONE;
}

static const rim_handler rows[] = {[POST & 0xffff] = on_post, [CHANGE & 0xffff] = on_change};

const rim_behaviour rim__datagram_behaviour = {
    .name = "rim datagrams",
    .state_size = sizeof(struct rim__datagram *),
    .on = rows,
    .on_count = RIM_COUNT(rows),
    .protocol = RIM_DATAGRAM_PROTOCOL,
    .init = init,
};
