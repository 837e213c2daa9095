/* SPDX-License-Identifier: MIT */
#include "port_stage.h"

#include <poll.h>

rim_port *port_stage_open(rim_system *system, uint32_t capacity, uint32_t shard) {
    rim_port *port = NULL;
    CHECK(rim_port_open(system, &(rim_port_options){.capacity = capacity, .shard = shard}, &port) == 0);
    return port;
}

/* ---- the partner ---- */

ROLE_ON(partner_echo) {
    int error = rim_send(ctx, rim_sender(ctx), ADD, body, rim_size(msg));
    CHECK(error == 0 || error == -RIM_EFULL); /* who waits for an answer finds out */
    return RIM_DONE;
}

ROLE_ON(partner_answer) {
    CHECK(rim_is_request(ctx));
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    return RIM_DONE;
}

ROLE_ON(partner_ignore) {
    return RIM_DONE;
}

ROLE_ON(partner_refuse) {
    CHECK(rim_refuse(ctx, RIM_NIL, -EPERM) == 0);
    return RIM_DONE;
}

ROLE_ON(partner_keep) {
    CHECK(rim_defer(ctx) != RIM_NIL);
    return RIM_DONE;
}

ROLE_OUTCOME(partner_outcome) {
    struct port_stage *stage = role_world(self);
    stage->answer = error == 0 ? role_number(body) : 0;
    atomic_store(&stage->outcome, error == 0 ? 1 : error);
    return RIM_DONE;
}

ROLE_ON(partner_ask_port) {
    struct port_stage *stage = role_world(self);
    uint64_t number = 41;
    rim_ask ask = {.to = stage->port,
                   .tag = ASK,
                   .body = &number,
                   .size = sizeof number,
                   .timeout_ns = RIM_SECONDS(20),
                   .on_outcome = partner_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

/* Until it is refused, which takes a while where news of a full mailbox has to cross; and on when there is room. */
ROLE_ON(partner_flood) {
    struct port_stage *stage = role_world(self);
    for (uint32_t i = 0; i < 8; i++) {
        int error = role_tell(ctx, stage->port, WORD, stage->accepted);
        CHECK(error == 0 || error == -RIM_EFULL);
        if (error != 0) {
            stage->refused++;
            CHECK(rim_want_room(ctx, stage->port) == 0);
            atomic_store(&stage->flooded, stage->accepted);
            return RIM_DONE;
        }
        stage->accepted++;
    }
    role_say(ctx, rim_self(ctx), FLOOD_PORT, 0);
    return RIM_DONE;
}

ROLE_ON(partner_room) {
    struct port_stage *stage = role_world(self);
    atomic_fetch_add(&stage->rooms, 1);
    if (!atomic_load(&stage->over)) {
        role_say(ctx, rim_self(ctx), FLOOD_PORT, 0);
    }
    return RIM_DONE;
}

ROLE_ON(partner_stop_port) {
    struct port_stage *stage = role_world(self);
    CHECK(rim_stop(ctx, stage->port) == 0);
    return RIM_DONE;
}

ROLE_ON(partner_count) {
    struct port_stage *stage = role_world(self);
    atomic_fetch_add(&stage->counted, 1);
    return RIM_DONE;
}

static const rim_handler partner_on[] = {
    [ADD] = partner_echo,         [ECHO_ASK] = partner_answer,  [NO_REPLY] = partner_ignore,
    [REFUSE_IT] = partner_refuse, [NEVER] = partner_keep,       [ASK_PORT] = partner_ask_port,
    [RIM_ROOM] = partner_room,    [FLOOD_PORT] = partner_flood, [STOP_PORT] = partner_stop_port,
    [COUNT_ONLY] = partner_count,
};
const rim_behaviour port_partner = {.name = "port_partner",
                                    .state_size = sizeof(struct role),
                                    .init = role_init,
                                    .on = partner_on,
                                    .on_count = RIM_COUNT(partner_on)};

rim_port *port_stage_set_up(struct scenario *s, struct port_stage *stage, uint32_t capacity, uint32_t shard) {
    *stage = (struct port_stage){0};
    scenario_open_lanes(s);
    rim_system *system = scenario_system_with(s, &(rim_config){.shards = 2});
    stage->partner = role_spawn(s, &port_partner, shard, (struct role_cast){.world = stage});
    scenario_pass_time(s, 0);
    rim_port *port = port_stage_open(system, capacity, 0);
    stage->port = rim_port_ref(port);
    return port;
}

void port_stage_say(rim_port *port, rim_ref to, uint32_t tag, uint64_t number) {
    CHECK(rim_port_send(port, to, tag, &number, sizeof number) == 0);
}

rim_port_item port_stage_receive(rim_port *port) {
    rim_port_item item = {0};
    CHECK(rim_port_receive(port, &item, 1, WAIT_NS) == 1);
    return item;
}

void port_stage_ask(rim_port *port, rim_ref to, uint32_t tag, uint64_t timeout_ns, int error) {
    uint64_t number = 5;
    rim_token token = RIM_NIL;
    rim_port_ask ask = {
        .to = to, .tag = tag, .body = &number, .size = sizeof number, .timeout_ns = timeout_ns, .cookie = tag};
    CHECK(rim_port_request(port, &ask, &token) == 0);
    rim_port_item item = port_stage_receive(port);
    CHECK(item.kind == RIM_PORT_OUTCOME && item.cookie == tag && item.request == token);
    CHECK(item.error == error);
    CHECK((item.body == NULL) == (error != 0));
    CHECK(!rim_port_cancel(port, token));
}

void port_stage_await(struct scenario *s, struct port_stage *stage) {
    for (uint32_t i = 0; i < 20000 && atomic_load(&stage->outcome) == 0; i++) {
        scenario_pass_time(s, RIM_US(500));
    }
}

rim_stats port_stage_stats(struct scenario *s) {
    rim_stats stats;
    scenario_pass_time(s, RIM_MS(1));
    CHECK(rim_system_stats(scenario_system(s), RIM_ALL_SHARDS, &stats) == 0);
    return stats;
}

bool port_stage_is_readable(int fd, int ms) {
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, ms) == 1;
}
