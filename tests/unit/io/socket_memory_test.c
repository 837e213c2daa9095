/* SPDX-License-Identifier: MIT */
/*
 * What a connection has of memory: little while it is idle; and when an allocation of those that it needs fails, be it
 * for its names, its options, its time-outs or the pieces of a send, it ends with a word, and all comes home.
 */
#include <errno.h>
#include <string.h>

#include "ringmail.h"
#include "system.h"
#include "unit.h"

#define CONNECTIONS 200u
#define IDLE_BYTES  2400u /* of both ends and their two owners, as pools count */
#define FAIL_UNTIL  600u
#define PIECES      6u
#define PIECE       5000u

static rim_system *tested;
static struct plan {
    const char *host;
    uint32_t connections;
    rim_socket_options options;
    bool talks; /* the client writes, and then closes */
} plan;
static uint32_t open, closed, refused;
static uint64_t received;

static struct rim__memory *memory_of_shard(void) {
    return &tested->shards[0]->memory;
}

/* ---- the server's side ---- */

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body;
    received += rim_size(msg);
    return RIM_DONE;
}
static rim_verdict on_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    return RIM_STOP;
}
static const rim_handler server_on[] = {[RIM_SOCKET_DATA] = on_data, [RIM_SOCKET_END] = on_end};
static const rim_behaviour server = {.name = "server",
                                     .state_size = 24,
                                     .on = server_on,
                                     .on_count = RIM_COUNT(server_on)};

/* ---- the client's ---- */

static rim_verdict caller_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)size;
    rim_connect_options options = {.host = plan.host,
                                   .port = *(const uint16_t *)arg,
                                   .timeout_ns = RIM_SECONDS(5),
                                   .socket = plan.options};
    int error = rim_connect(ctx, &options, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    refused += error != 0;
    return error == 0 ? RIM_DONE : RIM_STOP;
}

static rim_verdict on_open(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    static const char piece[PIECE];
    const rim_open_event *event = body;
    (void)state, (void)msg;
    open++;
    for (uint32_t i = 0; plan.talks && i < PIECES; i++) {
        (void)rim_socket_write(ctx, event->socket, piece, sizeof piece);
    }
    if (plan.talks) {
        (void)rim_socket_close(ctx, event->socket);
    }
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)ctx, (void)state, (void)body, (void)msg;
    closed++;
    return RIM_STOP;
}
static const rim_handler caller_on[] = {[RIM_SOCKET_OPEN] = on_open, [RIM_SOCKET_CLOSED] = on_closed};
static const rim_behaviour caller = {
    .name = "caller", .state_size = 24, .init = caller_init, .on = caller_on, .on_count = RIM_COUNT(caller_on)};

/* ---- who begins ---- */

static rim_verdict starter_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    (void)state, (void)arg, (void)size;
    rim_listen_options options = {.host = plan.host, .owner = &server, .socket = plan.options};
    int error = rim_listen(ctx, &options, NULL);
    CU_ASSERT(error == 0 || error == -ENOMEM);
    return error == 0 ? RIM_DONE : RIM_STOP;
}

static rim_verdict on_listening(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const rim_listening_event *event = body;
    (void)state, (void)msg;
    for (uint32_t i = 0; i < plan.connections; i++) {
        rim_ref who;
        int error = rim_spawn(ctx, &caller, NULL, &event->address.port, sizeof event->address.port, &who);
        CU_ASSERT(error == 0 || error == -ENOMEM);
        refused += error != 0;
    }
    return RIM_DONE;
}
static const rim_handler starter_on[] = {[RIM_LISTENING] = on_listening};
static const rim_behaviour starter = {.name = "starter",
                                      .init = starter_init,
                                      .on = starter_on,
                                      .on_count = RIM_COUNT(starter_on)};

static void start(void) {
    rim_config config = {.shards = 1, .driver = RIM_DRIVER_SIM, .seed = unit_seed()};
    rim_ref ref;
    open = closed = refused = 0;
    received = 0;
    CU_ASSERT_EQUAL_FATAL(rim_system_create(&config, &tested), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_spawn(tested, &starter, NULL, NULL, 0, &ref), 0);
    CU_ASSERT_EQUAL_FATAL(rim_system_start(tested), 0);
}

static void stop(void) {
    rim_stop_report report;
    rim__memory_fail(memory_of_shard(), 0, false);
    CU_ASSERT_EQUAL(rim_system_stop(tested, RIM_SECONDS(10), &report), 0);
    CU_ASSERT(report.adds_up);
    CU_ASSERT(!report.leaks);
    rim_system_destroy(tested);
}

/* ---- idle ---- */

static uint64_t bytes_of(uint32_t connections) {
    plan.connections = connections;
    start();
    (void)rim_sim_run(tested, RIM_SECONDS(1));
    CU_ASSERT_EQUAL(open, connections);
    CU_ASSERT_EQUAL(refused, 0);
    uint64_t bytes = rim__memory_bytes(memory_of_shard());
    stop();
    return bytes;
}

static void socket_that_is_idle_holds_little(void) {
    plan = (struct plan){.host = "127.0.0.1"};
    uint64_t one = bytes_of(1);
    uint64_t each = (bytes_of(1 + CONNECTIONS) - one) / CONNECTIONS;
    CU_ASSERT(each <= IDLE_BYTES);
}

/* ---- without memory ---- */

static bool run_failing(uint64_t fail_at) {
    start();
    rim__memory_fail(memory_of_shard(), fail_at, false);
    (void)rim_sim_run(tested, RIM_SECONDS(5));
    bool reached = memory_of_shard()->allocations >= fail_at;
    if (!reached) { /* nothing was in the way */
        CU_ASSERT_EQUAL(open, plan.connections);
        CU_ASSERT_EQUAL(closed, plan.connections);
        CU_ASSERT_EQUAL(received, (uint64_t)PIECES * PIECE * plan.connections);
    }
    stop();
    return reached;
}

static void fail_each(void) {
    uint64_t fail_at = 1;
    while (fail_at < FAIL_UNTIL && run_failing(fail_at)) {
        fail_at++;
    }
    CU_ASSERT(fail_at > 20 && fail_at < FAIL_UNTIL);
}

static const rim_socket_options rich = {.idle_ns = RIM_SECONDS(2),
                                        .read_ns = RIM_SECONDS(3),
                                        .write_ns = RIM_SECONDS(2),
                                        .keepalive_s = 60};

static void socket_ends_well_whatever_finds_no_memory(void) {
    plan = (struct plan){.host = "127.0.0.1", .connections = 2, .options = rich, .talks = true};
    fail_each();
}

static void socket_of_a_file_ends_well_whatever_finds_no_memory(void) {
    plan = (struct plan){.host = "unix:@memory", .connections = 2, .options = rich, .talks = true};
    fail_each();
}

#define TESTS(X)                                                                                                       \
    X(socket_that_is_idle_holds_little)                                                                                \
    X(socket_ends_well_whatever_finds_no_memory)                                                                       \
    X(socket_of_a_file_ends_well_whatever_finds_no_memory)
UNIT_SUITE(socket_memory, TESTS)
