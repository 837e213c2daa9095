/* SPDX-License-Identifier: MIT */
/* Who of the shards gets a connection, how many there may be, and what becomes of them when the listener ends. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "socket_world.h"

enum { HERE = RIM_USER, BYE };

#define CONNECTIONS 16u
#define SHARDS_MAX  256u

/* An owner says which shard it is on, and goes when its connection does. */
struct arrival {
    uint32_t shard, socket_shard;
};

static rim_verdict guest_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)size;
    const rim_connection *connection = arg;
    rim_ref boss = *(const rim_ref *)connection->arg;
    struct arrival arrival = {.shard = rim_shard_index(ctx), .socket_shard = rim_shard_of(connection->socket)};
    *(rim_ref *)self = boss;
    (void)rim_send(ctx, boss, HERE, &arrival, sizeof arrival);
    return RIM_DONE;
}

static rim_verdict guest_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    (void)rim_send(ctx, *(rim_ref *)self, BYE, NULL, 0);
    return RIM_STOP;
}

static const rim_handler guest_rows[] = {[RIM_SOCKET_CLOSED] = guest_closed};

static const rim_behaviour guest = {
    .name = "guest",
    .state_size = sizeof(rim_ref),
    .on = guest_rows,
    .on_count = RIM_COUNT(guest_rows),
    .init = guest_init,
};

/* ---- each way to distribute ---- */

struct host {
    struct scenario *s;
    rim_ref self, listener;
    rim_ref sockets[CONNECTIONS];
    enum rim_distribute distribute;
    uint16_t port;
    uint32_t opened, arrived, closed, gone;
    uint32_t on[SHARDS_MAX];
};

static rim_verdict open_house(rim_ctx *ctx, struct host *host) {
    rim_listen_options options = {.host = "127.0.0.1",
                                  .owner = &guest,
                                  .arg = &host->self,
                                  .distribute = host->distribute};
    host->opened = host->arrived = host->closed = host->gone = 0;
    memset(host->on, 0, sizeof host->on);
    SCENARIO_CHECK(host->s, rim_listen(ctx, &options, &host->listener) == 0);
    return RIM_DONE;
}

static rim_verdict host_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct host *host = self;
    host->s = socket_world_of(arg);
    host->self = rim_self(ctx);
    return open_house(ctx, host);
}

static rim_verdict host_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct host *host = self;
    const rim_listening_event *event = body;
    for (uint32_t i = 0; i < CONNECTIONS; i++) {
        host->sockets[i] = socket_world_connect(ctx, host->s, "127.0.0.1", event->address.port);
    }
    return RIM_DONE;
}

static void judge(rim_ctx *ctx, const struct host *host) {
    uint32_t shards = rim_shard_count(ctx), least = CONNECTIONS, most = 0;
    for (uint32_t i = 0; i < shards; i++) {
        least = host->on[i] < least ? host->on[i] : least;
        most = host->on[i] > most ? host->on[i] : most;
    }
    if (host->distribute == RIM_DISTRIBUTE_ROUND_ROBIN || host->distribute == RIM_DISTRIBUTE_LEAST) {
        SCENARIO_CHECK(host->s, most - least <= 1);
    }
}

static void go_on_if_complete(rim_ctx *ctx, struct host *host) {
    if (host->arrived == CONNECTIONS && host->opened == CONNECTIONS) {
        judge(ctx, host);
        for (uint32_t i = 0; i < CONNECTIONS; i++) {
            SCENARIO_CHECK(host->s, rim_socket_close(ctx, host->sockets[i]) == 0);
        }
        host->opened = UINT32_MAX;
    }
}

static rim_verdict host_here(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct host *host = self;
    const struct arrival *arrival = body;
    SCENARIO_CHECK(host->s, arrival->shard == arrival->socket_shard && arrival->shard < rim_shard_count(ctx));
    host->on[arrival->shard]++;
    host->arrived++;
    go_on_if_complete(ctx, host);
    return RIM_DONE;
}

static rim_verdict host_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct host *host = self;
    host->opened++;
    go_on_if_complete(ctx, host);
    return RIM_DONE;
}

static rim_verdict leave_if_empty(rim_ctx *ctx, struct host *host) {
    if (host->closed < CONNECTIONS || host->gone < CONNECTIONS) {
        return RIM_DONE;
    }
    SCENARIO_CHECK(host->s, rim_stop(ctx, host->listener) == 0);
    if (host->distribute == RIM_DISTRIBUTE_REUSEPORT) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    host->distribute++;
    return open_house(ctx, host);
}

static rim_verdict host_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct host *host = self;
    SCENARIO_CHECK(host->s, ((const rim_closed_event *)body)->error == 0);
    host->closed++;
    return leave_if_empty(ctx, host);
}

static rim_verdict host_bye(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct host *host = self;
    host->gone++;
    return leave_if_empty(ctx, host);
}

static const rim_handler host_rows[] = {
    [RIM_LISTENING] = host_listening,
    [RIM_SOCKET_OPEN] = host_open,
    [RIM_SOCKET_CLOSED] = host_closed,
    [HERE] = host_here,
    [BYE] = host_bye,
};

static const rim_behaviour host = {
    .name = "host",
    .state_size = sizeof(struct host),
    .on = host_rows,
    .on_count = RIM_COUNT(host_rows),
    .init = host_init,
};

void socket_connections_are_distributed_as_asked(struct scenario *s) {
    scenario_open_lanes(s); /* the guests' words to the host are not what this is about */
    socket_world_run(s, &host, s);
}

/* ---- no more than max_connections ---- */

static const char full_text[] = "full, come back later\n";

/* Connects one after the other, each when the one before is there. The third is one too many; when the first has
   gone, there is room again. */
static rim_verdict door_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct host *door = self;
    door->s = socket_world_of(arg);
    door->self = rim_self(ctx);
    rim_listen_options options = {
        .host = "127.0.0.1", .owner = &guest, .arg = &door->self, .max_connections = 2, .full_text = full_text};
    SCENARIO_CHECK(door->s, rim_listen(ctx, &options, &door->listener) == 0);
    return RIM_DONE;
}

static void knock(rim_ctx *ctx, struct host *door) {
    door->sockets[door->opened++] = socket_world_connect(ctx, door->s, "127.0.0.1", door->port);
}

static rim_verdict door_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct host *door = self;
    door->port = ((const rim_listening_event *)body)->address.port;
    knock(ctx, door);
    return RIM_DONE;
}

static rim_verdict door_here(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct host *door = self;
    door->arrived++;
    if (door->arrived == 3) {
        scenario_done(ctx);
    } else {
        knock(ctx, door);
    }
    return RIM_DONE;
}

/* A refused one hears the text, and closed; an admitted one hears nothing. */
static rim_verdict door_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct host *door = self;
    SCENARIO_CHECK(door->s, rim_sender(ctx) == door->sockets[door->opened - 1] && door->arrived == 2);
    SCENARIO_CHECK(door->s, door->gone + rim_size(msg) < sizeof full_text);
    SCENARIO_CHECK(door->s, memcmp(body, full_text + door->gone, rim_size(msg)) == 0);
    door->gone += (uint32_t)rim_size(msg);
    return RIM_DONE;
}

static rim_verdict door_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct host *door = self;
    const rim_closed_event *event = body;
    if (event->socket == door->sockets[2]) {
        SCENARIO_CHECK(door->s, door->gone == sizeof full_text - 1);
        SCENARIO_CHECK(door->s, rim_socket_close(ctx, door->sockets[0]) == 0);
        door->gone = 0;
    } else if (door->opened > 3 && event->socket == door->sockets[3] && door->gone > 0) { /* too early */
        SCENARIO_CHECK(door->s, door->gone == sizeof full_text - 1);
        SCENARIO_CHECK(door->s, rim_after(ctx, RIM_MS(20), 0) != RIM_NIL);
        door->gone = 0;
        door->opened--;
    }
    return RIM_DONE;
}

static rim_verdict door_bye(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    /* The listener hears of it on its own way: a moment later. */
    SCENARIO_CHECK(((struct host *)self)->s, rim_after(ctx, RIM_MS(20), 0) != RIM_NIL);
    return RIM_DONE;
}

static rim_verdict door_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    knock(ctx, self);
    return RIM_DONE;
}

static const rim_handler door_rows[] = {
    [RIM_LISTENING] = door_listening,
    [RIM_SOCKET_DATA] = door_data,
    [RIM_SOCKET_CLOSED] = door_closed,
    [RIM_TIMER] = door_timer,
    [HERE] = door_here,
    [BYE] = door_bye,
};

static const rim_behaviour door = {
    .name = "door",
    .state_size = sizeof(struct host),
    .on = door_rows,
    .on_count = RIM_COUNT(door_rows),
    .init = door_init,
};

void socket_one_connection_too_many_is_told(struct scenario *s) {
    scenario_open_lanes(s);
    socket_world_run(s, &door, s);
}

/* ---- names ---- */

/* An owner writes what it was told of both ends; the client holds that against what it was told. */
struct names {
    uint32_t at; /* of hosts */
    rim_ref listener, socket;
    char want[2 * RIM_ADDRESS_TEXT_MAX + 2], got[2 * RIM_ADDRESS_TEXT_MAX + 2];
    uint32_t size;
};

static const char *const hosts[] = {"127.0.0.1", "0.0.0.0"};

static void write_names(const rim_address *local, const rim_address *peer, char *text, size_t size) {
    char one[RIM_ADDRESS_TEXT_MAX], other[RIM_ADDRESS_TEXT_MAX];
    snprintf(text, size, "%s %s", rim_address_format(local, one), rim_address_format(peer, other));
}

static rim_verdict teller_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    char text[2 * RIM_ADDRESS_TEXT_MAX + 2];
    (void)self;
    (void)size;
    write_names(&connection->local, &connection->peer, text, sizeof text);
    SCENARIO_CHECK(scenario_current(), rim_socket_write(ctx, connection->socket, text, strlen(text)) == 0);
    return RIM_DONE;
}

static const rim_behaviour teller = {.name = "teller", .init = teller_init};

static rim_verdict names_next(rim_ctx *ctx, struct names *names) {
    if (names->at == RIM_COUNT(hosts)) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    rim_listen_options options = {.host = hosts[names->at], .owner = &teller};
    names->size = 0;
    SCENARIO_CHECK(scenario_current(), rim_listen(ctx, &options, &names->listener) == 0);
    return RIM_DONE;
}

static rim_verdict names_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)arg;
    (void)size;
    return names_next(ctx, self);
}

static rim_verdict names_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    struct names *names = self;
    (void)msg;
    names->socket = socket_world_connect(ctx, scenario_current(), "127.0.0.1", event->address.port);
    return RIM_DONE;
}

static rim_verdict names_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_open_event *event = body;
    struct names *names = self;
    (void)ctx;
    (void)msg;
    write_names(&event->peer, &event->local, names->want, sizeof names->want);
    SCENARIO_CHECK(scenario_current(), strncmp(names->want, "127.0.0.1:", 10) == 0);
    return RIM_DONE;
}

static rim_verdict names_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct names *names = self;
    uint32_t size = (uint32_t)rim_size(msg);
    SCENARIO_CHECK(scenario_current(), names->size + size < sizeof names->got);
    memcpy(names->got + names->size, body, size);
    names->size += size;
    if (names->size == strlen(names->want)) {
        SCENARIO_CHECK(scenario_current(), memcmp(names->got, names->want, names->size) == 0);
        SCENARIO_CHECK(scenario_current(), rim_socket_close(ctx, names->socket) == 0);
    }
    return RIM_DONE;
}

static rim_verdict names_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct names *names = self;
    (void)body;
    (void)msg;
    SCENARIO_CHECK(scenario_current(), rim_stop(ctx, names->listener) == 0);
    names->at++;
    return names_next(ctx, names);
}

static const rim_handler names_rows[] = {
    [RIM_LISTENING] = names_listening,
    [RIM_SOCKET_OPEN] = names_open,
    [RIM_SOCKET_DATA] = names_data,
    [RIM_SOCKET_CLOSED] = names_closed,
};

static const rim_behaviour names_of_both = {
    .name = "names",
    .state_size = sizeof(struct names),
    .on = names_rows,
    .on_count = RIM_COUNT(names_rows),
    .init = names_init,
};

void socket_both_ends_agree_on_their_names(struct scenario *s) {
    socket_world_run(s, &names_of_both, NULL);
}
