/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/listener.h"

enum { LISTENER_PROTOCOL = 0x7f03 };

/* What the actor of a listener on another shard is made with: REUSEPORT. */
struct further {
    struct rim__listener_plan plan;
    bool is_further; /* else the listener has been made by rim_listen, and the rest is empty */
};
_Static_assert(sizeof(struct further) <= 1024, "it has to fit into the argument of a spawn");

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
    return rim__ctx_error(ctx, error, "listen on %s: %s%s", rim_address_format(address, text), rim_strerror(error),
                          advice(error));
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
        struct rim__notice notice = {.listener = further.plan.first, .error = result};
        rim__service_tell(service, further.plan.first_clerk, RIM_SERVICE_ARMED, &notice);
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
    const char *host = options->host != NULL ? options->host : "";
    memset(plan, 0, sizeof *plan);
    plan->options = *options;
    plan->options.host = NULL; /* may be gone when this returns; the address says it */
    plan->options.owner_options = NULL;
    if (options->owner_options != NULL) {
        plan->owner_options = *options->owner_options;
    }
    plan->caller = rim_self(ctx);
    int result = rim_address_parse(host, options->port, &plan->address);
    if (result != 0) {
        return rim__ctx_error(ctx, result, "listen on %s: not a numeric address of this machine", host);
    }
    return 0;
}

/* The further listeners get copies of the first's own, with its port and their part of the connections. */
static int spawn_further(rim_ctx *ctx, struct rim__listener *first, const struct rim__listener_plan *plan) {
    struct further further = {.plan = *plan, .is_further = true};
    further.plan.caller = RIM_NIL;
    further.plan.first = first;
    further.plan.first_clerk = first->service->clerk;
    further.plan.address.port = first->address.port;
    for (uint32_t i = 0; i < first->shards; i++) {
        if (i == first->service->shard->index) {
            continue;
        }
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i};
        int result = rim_spawn(ctx, &behaviour, &options, &further, sizeof further, &first->on[i].further);
        if (result != 0) {
            first->on[i].further = RIM_NIL;
            return result;
        }
        first->unarmed++;
    }
    return 0;
}

static int start(rim_ctx *ctx, struct rim__listener *listener, const struct rim__listener_plan *plan, rim_ref *self) {
    struct further none = {.is_further = false};
    int result = rim_spawn(ctx, &behaviour, NULL, &none, sizeof none, self);
    if (result != 0) {
        return result;
    }
    if (plan->options.distribute == RIM_DISTRIBUTE_REUSEPORT) {
        result = spawn_further(ctx, listener, plan);
    }
    if (result == 0) {
        result = rim__listener_attach(listener, *self);
    }
    if (result != 0) {
        (void)rim_stop(ctx, *self);
    }
    return result;
}

int rim_listen(rim_ctx *ctx, const rim_listen_options *options, rim_ref *out) {
    struct rim__service *service = rim__ctx_io(ctx);
    struct rim__listener_plan plan;
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
    result = start(ctx, listener, &plan, &self);
    if (result != 0) {
        rim__listener_close(listener);
        return explain(ctx, &plan.address, result);
    }
    if (out != NULL) {
        *out = self;
    }
    return 0;
}
