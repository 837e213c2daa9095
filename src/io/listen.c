/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/listener.h"
#include "io/socket.h"

enum { LISTENER_PROTOCOL = 0x7f03 };

/* What the actor of a listener on another shard is made with: REUSEPORT. */
struct further {
    struct rim__listener_plan plan;
    bool is_further; /* else the listener has been made by rim_listen, and the rest is empty */
};
_Static_assert(sizeof(struct further) <= 1024, "it has to fit into the argument of a spawn");

static const char *unix_advice(int error) {
    switch (error) {
    case -EADDRINUSE:
        return ": somebody listens there, or it is a file that is no socket: stop it or choose another";
    case -EACCES:
    case -ENOENT:
        return ": its folder has to be there, and to be writable";
    default:
        return "";
    }
}

static const char *advice(int error) {
    switch (error) {
    case -EADDRINUSE:
        return ": another program, or another listener of this one, has the port: stop it or choose another";
    case -EACCES:
        return ": ports below 1024 need the capability CAP_NET_BIND_SERVICE";
    case -EADDRNOTAVAIL:
        return ": no interface of this machine has this address";
    case -EMFILE:
    case -ENFILE:
        return ": raise the limit of open files (ulimit -n)";
    case -EAFNOSUPPORT:
        return ": this machine has no such addresses: choose an IPv4 one";
    default:
        return "";
    }
}

static int explain(rim_ctx *ctx, const rim_address *address, int error) {
    char text[RIM_ADDRESS_TEXT_MAX];
    if (address->family == 0) {
        return rim__ctx_error(ctx, error, "adopt a listener: %s%s", rim_strerror(error),
                              error == -EINVAL ? ": the descriptor is no stream socket that listens" : "");
    }
    return rim__ctx_error(ctx, error, "listen on %s: %s%s", rim_address_format(address, text), rim_strerror(error),
                          address->family == RIM_FAMILY_UNIX ? unix_advice(error) : advice(error));
}

static rim_verdict init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    struct further further;
    rim__assert(size == sizeof further);
    memcpy(&further, arg, sizeof further);
    if (!further.is_further) {
        return RIM_DONE;
    }
    struct rim__service *service = rim__ctx_io(ctx);
    struct rim__listener *listener = NULL;
    int result = rim__service_start(ctx);
    if (result == 0) {
        result = rim__listener_create(service, &further.plan, &listener);
    }
    if (result == 0) {
        result = rim__listener_attach(listener, rim_self(ctx));
    }
    if (result != 0) {
        explain(ctx, &further.plan.address, result);
        struct rim__notice notice = {.listener = further.plan.first};
        rim__service_tell(service, further.plan.first_clerk, &notice);
        if (listener != NULL) {
            rim__listener_close(listener);
        }
        (void)rim_stop(ctx, rim_self(ctx));
    }
    return RIM_DONE;
}

static const rim_behaviour behaviour = {.name = "rim listener", .protocol = LISTENER_PROTOCOL, .init = init};

static int make_plan(rim_ctx *ctx, const rim_listen_options *options, struct rim__listener_plan *plan) {
    if (options == NULL || options->owner == NULL || options->owner->name == NULL ||
        (unsigned)options->distribute > RIM_DISTRIBUTE_REUSEPORT) {
        return rim__ctx_error(ctx, -EINVAL, "listen: needs the behaviour of the connections' owner");
    }
    int result = rim__socket_check(ctx, &options->socket);
    if (result != 0) {
        return result;
    }
    const char *host = options->host != NULL ? options->host : "";
    const char *why;
    if (options->tls != NULL && (result = rim__tls_check_server(options->tls, &why)) != 0) {
        return rim__ctx_error(ctx, result, "listen on %s: TLS: %s", host, why);
    }
    memset(plan, 0, sizeof *plan);
    plan->options = *options;
    plan->options.host = NULL; /* may be gone when this returns; the address says it */
    plan->options.owner_options = NULL;
    if (options->owner_options != NULL) {
        plan->owner_options = *options->owner_options;
    }
    plan->caller = rim_self(ctx);
    if (options->adopt) {
        return options->distribute == RIM_DISTRIBUTE_REUSEPORT
                   ? rim__ctx_error(ctx, -EINVAL, "adopt a listener: it cannot be RIM_DISTRIBUTE_REUSEPORT")
                   : 0;
    }
    result = rim_address_parse(host, options->port, &plan->address);
    if (result == -ENAMETOOLONG) {
        return rim__ctx_error(ctx, result, "listen on %s: the path has over 107 bytes", host);
    }
    if (result != 0) {
        return rim__ctx_error(ctx, result, "listen on %s: not a numeric address of this machine", host);
    }
    if (plan->address.family == RIM_FAMILY_UNIX && options->distribute == RIM_DISTRIBUTE_REUSEPORT) {
        return rim__ctx_error(ctx, -EINVAL, "listen on %s: Unix sockets have no RIM_DISTRIBUTE_REUSEPORT", host);
    }
    return 0;
}

/* A further listener gets what the first has, its port and its part of max_connections too. */
int rim__listen_spawn(struct rim__listener *listener, uint32_t shard, rim_ref *out) {
    struct rim__service *service = listener->service;
    struct further further = {
        .plan = {.options = listener->options,
                 .owner_options = listener->owner_options,
                 .address = listener->address,
                 .first = listener,
                 .first_clerk = service->clerk},
        .is_further = true,
    };
    further.plan.options.full_text = listener->full_text; /* the user's may be gone by then */
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = shard};
    void *previous = rim__ctx_enter(service->ctx, listener->self);
    int result = rim__spawn_own(service->ctx, &behaviour, &options, &further, sizeof further, out);
    rim__ctx_leave(service->ctx, previous);
    if (result != 0) {
        *out = RIM_NIL;
    }
    return result == 0 || result == -RIM_EFULL ? result : explain(service->ctx, &listener->address, result);
}

static int start(rim_ctx *ctx, struct rim__listener *listener, rim_ref *self) {
    struct further none = {.is_further = false};
    int result = rim__spawn_own(ctx, &behaviour, NULL, &none, sizeof none, self);
    if (result != 0) {
        return result;
    }
    result = rim__listener_attach(listener, *self);
    if (result != 0) {
        (void)rim_stop(ctx, *self);
    }
    return result;
}

int rim_listen(rim_ctx *ctx, const rim_listen_options *options, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    struct rim__listener_plan plan = {0};
    int result = service == NULL || service->closing ? -RIM_ESTOPPING : make_plan(ctx, options, &plan);
    if (result != 0) {
        return result;
    }
    if (plan.options.distribute == RIM_DISTRIBUTE_REUSEPORT && plan.options.max_connections != 0) {
        uint32_t part = plan.options.max_connections / rim_shard_count(ctx);
        plan.options.max_connections = part > 0 ? part : 1;
    }
    result = rim__service_start(ctx);
    struct rim__listener *listener = NULL;
    if (result == 0) {
        result = rim__listener_create(service, &plan, &listener);
    }
    if (result != 0) {
        return explain(ctx, &plan.address, result);
    }
    rim_ref self = RIM_NIL;
    result = start(ctx, listener, &self);
    if (result != 0) {
        rim__listener_close(listener);
        return explain(ctx, &plan.address, result);
    }
    if (out != NULL) {
        *out = self;
    }
    return 0;
}
