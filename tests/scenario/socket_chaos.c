/* SPDX-License-Identifier: MIT */
/*
 * Actors that do to their sockets, and to those of others, whatever comes to the seed's mind. Asserted is what holds
 * always: every connection that was asked for ends with exactly one RIM_SOCKET_CLOSED and nothing after it; and the
 * harness's part, that everything comes home.
 */
#include <string.h>

#include "socket_world.h"

enum { MEDDLE = RIM_USER, PORT, FINISHED };

#define CLIENTS 6u
#define SOCKETS 4u
#define ACTIONS 60u

struct chaos {
    struct scenario *s;
    rim_ref boss;
};

/* ---- an action ---- */

static void write_something(rim_ctx *ctx, rim_ref socket, uint64_t chance) {
    static const uint8_t bytes[40000];
    static const size_t sizes[] = {0, 1, 100, 1024, 1025, 3000, 40000};
    size_t size = sizes[chance % RIM_COUNT(sizes)];
    if (chance & 64) {
        rim_msg *msg = rim_msg_new(ctx, RIM_USER, size);
        if (msg != NULL) {
            memset(rim_body(msg), 0, size);
            (void)rim_socket_write_msg(ctx, socket, msg);
        }
    } else {
        (void)rim_socket_write(ctx, socket, bytes, size);
    }
}

static void act_on(rim_ctx *ctx, rim_ref socket) {
    uint64_t chance = rim_random(ctx);
    switch (chance % 24) {
    case 0:
        (void)rim_socket_close(ctx, socket);
        break;
    case 1:
        (void)rim_socket_abort(ctx, socket);
        break;
    case 2:
        (void)rim_socket_shutdown(ctx, socket);
        break;
    case 3:
    case 4:
        (void)rim_socket_pause(ctx, socket, true);
        break;
    case 5:
    case 6:
    case 7:
        (void)rim_socket_pause(ctx, socket, false);
        break;
    case 8:
        (void)rim_socket_flush(ctx, socket, chance);
        break;
    case 9:
        if (chance & 1024) {
            (void)rim_stop(ctx, socket);
        }
        break;
    default:
        write_something(ctx, socket, chance >> 8);
        break;
    }
}

/* ---- the owner of an accepted connection ---- */

struct guest {
    struct chaos *chaos;
    rim_ref socket;
    rim_msg *kept;
};

static rim_verdict guest_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    const rim_connection *connection = arg;
    struct guest *guest = self;
    guest->chaos = (struct chaos *)connection->arg;
    guest->socket = connection->socket;
    (void)rim_send(ctx, guest->chaos->boss, MEDDLE, &guest->socket, sizeof guest->socket);
    return rim_random(ctx) % 30 == 0 ? RIM_FAIL : RIM_DONE;
}

static void guest_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)why;
    struct guest *guest = self;
    write_something(ctx, guest->socket, rim_random(ctx));
    rim_msg_free(ctx, guest->kept);
}

static rim_verdict guest_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    struct guest *guest = self;
    uint64_t chance = rim_random(ctx) % 16;
    if (chance == 0 && guest->kept == NULL) {
        guest->kept = rim_take(ctx, msg);
    } else if (chance < 6) {
        rim_msg *taken = rim_take(ctx, msg);
        (void)rim_socket_write_msg(ctx, guest->socket, taken);
    } else if (chance < 12) {
        act_on(ctx, guest->socket);
    }
    return rim_random(ctx) % 100 == 0 ? RIM_STOP : RIM_DONE;
}

static const rim_handler guest_rows[] = {[RIM_SOCKET_DATA] = guest_data};

static const rim_behaviour guest = {
    .name = "guest",
    .state_size = sizeof(struct guest),
    .on = guest_rows,
    .on_count = RIM_COUNT(guest_rows),
    .init = guest_init,
    .exit = guest_exit,
};

/* ---- a client ---- */

struct client {
    struct chaos *chaos;
    uint16_t port;
    rim_ref sockets[SOCKETS]; /* RIM_NIL: none */
    uint32_t actions;
    bool finished;
};

struct errand {
    struct chaos *chaos;
    uint16_t port;
};

static rim_verdict client_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    const struct errand *errand = arg;
    struct client *client = self;
    client->chaos = errand->chaos;
    client->port = errand->port;
    SCENARIO_CHECK(client->chaos->s, rim_every(ctx, 0, RIM_US(200), 0) != RIM_NIL);
    return RIM_DONE;
}

static rim_ref *find(struct client *client, rim_ref socket) {
    for (uint32_t i = 0; i < SOCKETS; i++) {
        if (client->sockets[i] == socket) {
            return &client->sockets[i];
        }
    }
    return NULL;
}

static void connect_one(rim_ctx *ctx, struct client *client) {
    rim_ref *place = find(client, RIM_NIL);
    rim_connect_options options = {.host = "127.0.0.1", .port = client->port, .timeout_ns = RIM_MS(300)};
    rim_ref socket;
    if (place != NULL && rim_connect(ctx, &options, &socket) == 0) {
        *place = socket;
        (void)rim_send(ctx, client->chaos->boss, MEDDLE, &socket, sizeof socket);
    }
}

static rim_verdict end_if_over(rim_ctx *ctx, struct client *client) {
    if (client->actions < ACTIONS || client->finished) {
        return RIM_DONE;
    }
    bool is_over = true;
    for (uint32_t i = 0; i < SOCKETS; i++) {
        if (client->sockets[i] != RIM_NIL) {
            is_over = false;
            (void)rim_socket_pause(ctx, client->sockets[i], false); /* so that the other side can finish, too */
            (void)rim_socket_close(ctx, client->sockets[i]);
        }
    }
    if (is_over && rim_send(ctx, client->chaos->boss, FINISHED, NULL, 0) == 0) {
        client->finished = true;
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict client_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct client *client = self;
    if (client->actions++ >= ACTIONS) {
        if (client->actions > 10 * ACTIONS) { /* some peers read nothing any more */
            for (uint32_t i = 0; i < SOCKETS; i++) {
                (void)rim_socket_abort(ctx, client->sockets[i]);
            }
        }
        return end_if_over(ctx, client);
    }
    rim_ref socket = client->sockets[rim_random(ctx) % SOCKETS];
    if (socket == RIM_NIL) {
        connect_one(ctx, client);
    } else {
        act_on(ctx, socket);
    }
    return RIM_DONE;
}

static rim_verdict client_event(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct client *client = self;
    SCENARIO_CHECK(client->chaos->s, find(client, rim_sender(ctx)) != NULL);
    return RIM_DONE;
}

static rim_verdict client_sent(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)msg;
    struct client *client = self;
    SCENARIO_CHECK(client->chaos->s, find(client, ((const rim_sent_event *)body)->socket) != NULL);
    return RIM_DONE;
}

static rim_verdict client_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct client *client = self;
    const rim_closed_event *event = body;
    rim_ref *place = find(client, event->socket);
    SCENARIO_CHECK(client->chaos->s, place != NULL && event->text[0] != '\0');
    if (place != NULL) {
        *place = RIM_NIL;
    }
    return end_if_over(ctx, client);
}

static const rim_handler client_rows[] = {
    [RIM_TIMER] = client_timer,      [RIM_SOCKET_OPEN] = client_event, [RIM_SOCKET_DATA] = client_event,
    [RIM_SOCKET_END] = client_event, [RIM_SOCKET_SENT] = client_sent,  [RIM_SOCKET_CLOSED] = client_closed,
};

static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_rows,
    .on_count = RIM_COUNT(client_rows),
    .init = client_init,
};

/* ---- the boss: listens, and meddles with sockets of every shard ---- */

struct boss {
    struct chaos *chaos;
    uint32_t finished;
};

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)size;
    struct boss *boss = self;
    boss->chaos = socket_world_of(arg);
    boss->chaos->boss = rim_self(ctx);
    rim_spawn_options small = {.mailbox_count = 4, .budget = 2};
    rim_listen_options options = {.host = "127.0.0.1",
                                  .owner = &guest,
                                  .arg = boss->chaos,
                                  .distribute = (enum rim_distribute)(rim_random(ctx) % 4),
                                  .max_connections = rim_random(ctx) % 3 == 0 ? 5 : 0,
                                  .owner_options = rim_random(ctx) % 2 == 0 ? &small : NULL,
                                  .full_text = "full"};
    rim_ref listener;
    SCENARIO_CHECK(boss->chaos->s, rim_listen(ctx, &options, &listener) == 0);
    return RIM_DONE;
}

static rim_verdict boss_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    struct boss *boss = self;
    const rim_listening_event *event = body;
    struct errand errand = {.chaos = boss->chaos, .port = event->address.port};
    for (uint32_t i = 0; i < CLIENTS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        rim_ref ref;
        if (rim_spawn(ctx, &client, &options, &errand, sizeof errand, &ref) != 0) {
            boss->finished++; /* the way was full: one less */
        }
    }
    return RIM_DONE;
}

static rim_verdict boss_meddle(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)msg;
    rim_ref socket = *(const rim_ref *)body;
    for (uint64_t i = rim_random(ctx) % 3; i > 0; i--) {
        act_on(ctx, socket);
    }
    return RIM_DONE;
}

static rim_verdict boss_finished(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    struct boss *boss = self;
    if (++boss->finished == CLIENTS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {
    [RIM_LISTENING] = boss_listening,
    [MEDDLE] = boss_meddle,
    [FINISHED] = boss_finished,
};

static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_rows,
    .on_count = RIM_COUNT(boss_rows),
    .init = boss_init,
};

void socket_chaos_ends_well(struct scenario *s) {
    static struct chaos chaos;
    chaos = (struct chaos){.s = s};
    socket_world_run(s, &boss, &chaos);
}
