/* SPDX-License-Identifier: MIT */
/*
 * ports.c - the program's own thread takes part: it sends, asks, answers, and hears of an end.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

enum { ADD = RIM_USER, TOTAL, NAME, FINISH };

struct counter {
    uint64_t total;
    rim_ref user;
};

/* The counter asks back: the port answers requests like any actor. */
static rim_verdict on_name(rim_ctx *ctx UNUSED, void *state UNUSED, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg) {
    if (error == 0) {
        printf("the counter hears: %.*s\n", (int)rim_size(msg), (const char *)body);
    }
    return RIM_STOP;
}

static rim_verdict on_add(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct counter *self = state;
    self->total += *(const uint64_t *)body;
    return RIM_DONE;
}

static rim_verdict on_total(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct counter *self = state;
    rim_reply(ctx, RIM_NIL, TOTAL, &self->total, sizeof self->total);
    return RIM_DONE;
}

static rim_verdict on_finish(rim_ctx *ctx, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED) {
    rim_ask ask = {.to = rim_sender(ctx), .tag = NAME, .timeout_ns = RIM_SECONDS(1), .on_outcome = on_name};
    return rim_request(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_handler counter_on[] = {[ADD] = on_add, [TOTAL] = on_total, [FINISH] = on_finish};
static const rim_behaviour counter = {
    .name = "counter",
    .state_size = sizeof(struct counter),
    .on = counter_on,
    .on_count = RIM_COUNT(counter_on),
};

/* Returns false when there is nothing more to wait for. */
static bool handle(rim_port *port, const rim_port_item *item) {
    switch (item->kind) {
    case RIM_PORT_OUTCOME:
        if (item->error == 0) {
            printf("outcome %d: the total is %d\n", (int)item->cookie, (int)*(const uint64_t *)item->body);
        }
        return true;
    case RIM_PORT_REQUEST:
        rim_port_reply(port, item->request, NAME, "main", strlen("main"));
        return true;
    case RIM_PORT_EVENT:
        if (item->tag == RIM_DOWN) {
            printf("the counter has ended: %s\n", ((const rim_down_event *)item->body)->text);
            return false;
        }
        return true;
    default:
        return true;
    }
}

static void converse(rim_port *port, rim_ref to) {
    rim_port_ask ask = {.to = to, .tag = TOTAL, .timeout_ns = RIM_SECONDS(1), .cookie = 7};
    for (uint64_t by = 1; by <= 4; by++) {
        rim_port_send(port, to, ADD, &by, sizeof by);
    }
    if (rim_port_monitor(port, to, 0, NULL) != 0 || rim_port_request(port, &ask, NULL) != 0) {
        return;
    }
    rim_port_send(port, to, FINISH, NULL, 0);
    rim_port_item items[16];
    int count;
    bool more = true;
    while (more && (count = rim_port_receive(port, items, 16, RIM_SECONDS(5))) > 0) {
        for (int i = 0; i < count; i++) {
            more = handle(port, &items[i]) && more;
        }
    }
}

int main(void) {
    rim_system *system;
    rim_port *port;
    rim_ref someone;
    int error = rim_system_create(&(rim_config){.shards = 1}, &system);
    error = error != 0 ? error : rim_system_start(system);
    error = error != 0 ? error : rim_port_open(system, NULL, &port);
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    if (rim_port_spawn(port, &counter, NULL, NULL, 0, &someone) == 0) {
        converse(port, someone);
    }
    rim_port_close(port);
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
outcome 7: the total is 10
the counter hears: main
the counter has ended: stopped
*/
