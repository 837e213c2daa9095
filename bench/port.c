/* SPDX-License-Identifier: MIT */
/*
 * Ports: a thread that is no shard asks an actor, and floods it. The thread is pinned to the second CPU, the shard to
 * the first. Awake: both look out without pause. Asleep: both sleep between any two messages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <ringmail/port.h>
#include <sched.h>
#include <stdbool.h>

#include "harness.h"
#include "limit.h"
#include "world.h"

enum { ASK = RIM_USER, TELL, BATCH = 64, CAPACITY = 4096 };

struct run {
    struct world world;
    struct latencies latencies;
    rim_ref partner;
    uint64_t measure_ns, begin_ns, end_ns, n;
    bool asleep, floods;
    int error;
};

static rim_verdict on_ask(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    rim_reply(ctx, RIM_NIL, ASK, body, rim_size(msg));
    return RIM_DONE;
}

static rim_verdict on_tell(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    return RIM_DONE;
}

static const rim_handler partner_on[] = {[ASK] = on_ask, [TELL] = on_tell};
static const rim_behaviour partner = {.name = "partner", .on = partner_on, .on_count = RIM_COUNT(partner_on)};

/* ---- round trips ---- */

static int receive(const struct run *run, rim_port *port) {
    rim_port_item item;
    int count;
    do {
        count = rim_port_receive(port, &item, 1, run->asleep ? RIM_SECONDS(1) : 0);
    } while (count == 0);
    return count < 0 ? count : item.error;
}

static int ask(struct run *run, rim_port *port) {
    char body[32] = "";
    uint64_t begin_ns = now_ns();
    rim_port_ask ask = {
        .to = run->partner, .tag = ASK, .body = body, .size = sizeof body, .timeout_ns = RIM_SECONDS(10)};
    int error = rim_port_request(port, &ask, NULL);
    error = error != 0 ? error : receive(run, port);
    latencies_add(&run->latencies, (double)(now_ns() - begin_ns));
    run->n++;
    return error;
}

/* ---- one way ---- */

static int flood(struct run *run, rim_port *port) {
    char body[32] = "";
    for (int i = 0; i < BATCH; i++) {
        int error = rim_port_send(port, run->partner, TELL, body, sizeof body);
        if (error != 0 && error != -RIM_EFULL) {
            return error;
        }
        run->n += error == 0;
    }
    return 0;
}

/* What was sent is there when a request has come back. */
static int settle(struct run *run, rim_port *port) {
    rim_port_item items[BATCH];
    uint64_t n = run->n;
    bool over = false;
    int error;
    rim_port_ask ask = {.to = run->partner, .tag = ASK, .timeout_ns = RIM_SECONDS(10)};
    while ((error = rim_port_request(port, &ask, NULL)) == -RIM_EFULL) {
    }
    while (error == 0 && !over) {
        int count = rim_port_receive(port, items, BATCH, RIM_SECONDS(10));
        error = count < 0 ? count : 0;
        for (int i = 0; i < count; i++) {
            over = over || items[i].kind == RIM_PORT_OUTCOME;
            n -= items[i].tag == RIM_REFUSED ? ((const rim_refused_event *)items[i].body)->count : 0;
        }
    }
    run->n = n;
    return error;
}

/* ---- the thread ---- */

static int work(struct run *run, rim_port *port) {
    int error = 0;
    run->begin_ns = now_ns();
    while (error == 0 && now_ns() - run->begin_ns < run->measure_ns) {
        error = run->floods ? flood(run, port) : ask(run, port);
    }
    if (run->floods && error == 0) {
        error = settle(run, port);
    }
    run->end_ns = now_ns();
    return error;
}

static void *be_foreign(void *arg) {
    struct run *run = arg;
    rim_port *port;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpus_get(1), &cpus);
    run->error = -pthread_setaffinity_np(pthread_self(), sizeof cpus, &cpus);
    if (run->error == 0) {
        run->error = rim_port_open(run->world.system, &(rim_port_options){.capacity = CAPACITY}, &port);
    }
    if (run->error == 0) {
        run->error = work(run, port);
        rim_port_close(port);
    }
    return NULL;
}

static int run_thread(struct run *run) {
    pthread_t thread;
    cpus_note(2);
    int error = -pthread_create(&thread, NULL, be_foreign, run);
    return error != 0 ? error : (pthread_join(thread, NULL), run->error);
}

static int measure(struct run *run, double seconds, struct sample *out) {
    run->measure_ns = (uint64_t)(seconds * 1e9);
    int error = cpus_count() < 2 ? -ENOTSUP : latencies_init(&run->latencies);
    if (error != 0) {
        return error;
    }
    rim_spawn_options options = {.mailbox_count = 1u << 20, .mailbox_bytes = 1u << 30};
    error = world_open(&run->world, 1, run->asleep ? SPIN_NEVER : SPIN_ALWAYS);
    error = error != 0 ? error : world_spawn(&run->world, &partner, &options, run, &run->partner);
    error = error != 0 ? error : rim_system_start(run->world.system);
    error = error != 0 ? error : run_thread(run);
    error = world_close(&run->world, error);
    out->n = run->n;
    if (run->floods) {
        out->value = (double)run->n * 1e3 / (double)(run->end_ns - run->begin_ns);
    } else {
        latencies_read(&run->latencies, run->asleep ? 1e-3 : 1, out);
    }
    latencies_finish(&run->latencies);
    return error;
}

static int awake(double seconds, struct sample *out) {
    struct run run = {.asleep = false};
    return measure(&run, seconds, out);
}

static int asleep(double seconds, struct sample *out) {
    struct run run = {.asleep = true};
    return measure(&run, seconds, out);
}

static int one_way(double seconds, struct sample *out) {
    struct run run = {.floods = true};
    return measure(&run, seconds, out);
}

static const struct figure figures[] = {
    FIGURE("request and outcome, awake", "ns", false, awake, "two ck_rings", limit_ring_ping_pong),
    FIGURE("request and outcome, asleep", "us", false, asleep, "two eventfds", limit_eventfd),
    FIGURE("one way", "M/s", true, one_way, "pointers through a ck_ring", limit_ring),
};

const struct benchmark bench_port = BENCHMARK("port", "a thread that is no shard, by a port", figures);
