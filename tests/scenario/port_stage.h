/* SPDX-License-Identifier: MIT */
/*
 * port_stage.h - what the scenarios of ports share: a stage with a port on shard 0, and an actor that is its partner.
 */
#ifndef PORT_STAGE_H
#define PORT_STAGE_H

#include <stdatomic.h>

#include "role.h"

#define BATCH   16u
#define WAIT_NS RIM_SECONDS(10)

/* What the partner does, by tag; it echoes ADD. */
enum { ECHO_ASK = RIM_USER + 30, NO_REPLY, REFUSE_IT, NEVER, ASK_PORT, FLOOD_PORT, STOP_PORT, COUNT_ONLY };

struct port_stage {
    rim_ref port, partner;
    uint32_t accepted, refused;
    atomic_uint rooms, counted, released, dead, flooded;
    atomic_int outcome;
    atomic_bool over;
    uint64_t answer;
};

/* The partner's table. */
extern const rim_behaviour port_partner;

rim_port *port_stage_open(rim_system *system, uint32_t capacity, uint32_t shard);
/* A new system, started; the port on shard 0, its partner on `shard`. Lanes stay open: that is another scenario's
   matter. */
rim_port *port_stage_set_up(struct scenario *s, struct port_stage *stage, uint32_t capacity, uint32_t shard);
/* Sends a number. */
void port_stage_say(rim_port *port, rim_ref to, uint32_t tag, uint64_t number);
/* One item, which there has to be. */
rim_port_item port_stage_receive(rim_port *port);
/* Asks, and checks the outcome. */
void port_stage_ask(rim_port *port, rim_ref to, uint32_t tag, uint64_t timeout_ns, int error);
/* Lets time pass until the partner has the outcome of its request. */
void port_stage_await(struct scenario *s, struct port_stage *stage);
/* A millisecond later. */
rim_stats port_stage_stats(struct scenario *s);
bool port_stage_is_readable(int fd, int ms);

#endif
