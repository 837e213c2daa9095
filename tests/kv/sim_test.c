/* SPDX-License-Identifier: MIT */
/*
 * The whole server in the simulated world: clients that know what every reply must be, and faults by seed.
 *
 *     kv_sim_test [SEEDS [FIRST]]
 */
#include <inttypes.h>
#include <ringmail/sim.h>
#include <ringmail/stats.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "resp.h"
#include "server.h"

enum { CLIENTS = 5, KEYS = 6, COMMANDS = 300 };

/* What a run is about, and how it went. */
struct run {
    uint64_t seed;
    uint32_t finished; /* clients whose last reply was right */
    uint32_t broken;   /* clients whose connection was cut: a fault */
    uint32_t wrong;    /* clients who got what they should not */
    bool resets;       /* connections may be cut */
    bool listens;      /* the server does */
};

/* ---- a client: it makes up commands, and writes down what the replies must be ---- */

struct client {
    struct run *run;
    rim_ref socket;
    uint32_t number;
    uint32_t made;         /* commands so far */
    int64_t values[KEYS];  /* of its own keys; -1: none */
    struct reply out;      /* commands that are not sent yet */
    struct reply expected; /* replies that have not come yet */
    bool waiting, quit;
};

static void key_name(const struct client *self, uint32_t key, char name[32]) {
    snprintf(name, 32, "client%u:%u", self->number, key);
}

static void command(struct client *self, const char *const *words, uint32_t count) {
    reply_head(&self->out, '*', count);
    for (uint32_t i = 0; i < count; i++) {
        reply_bulk(&self->out, text_of(words[i]));
    }
}

static void expect_value(struct client *self, int64_t value) {
    char text[32];
    if (value < 0) {
        reply_null(&self->expected);
        return;
    }
    snprintf(text, sizeof text, "%" PRId64, value);
    reply_bulk(&self->expected, text_of(text));
}

static void make_get(struct client *self, uint32_t key, const char *name) {
    command(self, (const char *[]){"GET", name}, 2);
    expect_value(self, self->values[key]);
}

static void make_set(struct client *self, uint32_t key, const char *name, int64_t value) {
    char text[32];
    snprintf(text, sizeof text, "%" PRId64, value);
    command(self, (const char *[]){"SET", name, text}, 3);
    reply_status(&self->expected, "OK");
    self->values[key] = value;
}

static void make_incr(struct client *self, uint32_t key, const char *name) {
    command(self, (const char *[]){"INCR", name}, 2);
    self->values[key] = self->values[key] < 0 ? 1 : self->values[key] + 1;
    reply_integer(&self->expected, self->values[key]);
}

static void make_mget(struct client *self) {
    char names[KEYS][32];
    const char *words[KEYS + 1] = {"MGET"};
    reply_head(&self->expected, '*', KEYS);
    for (uint32_t i = 0; i < KEYS; i++) {
        key_name(self, i, names[i]);
        words[i + 1] = names[i];
        expect_value(self, self->values[i]);
    }
    command(self, words, KEYS + 1);
}

static void make_del(struct client *self, uint32_t key, const char *name) {
    command(self, (const char *[]){"DEL", name, name, "nobody"}, 4);
    reply_integer(&self->expected, self->values[key] >= 0);
    self->values[key] = -1;
}

static void make_rename(struct client *self, uint32_t key, const char *name, bool only_new) {
    uint32_t other = (key + 1) % KEYS;
    char other_name[32];
    key_name(self, other, other_name);
    command(self, (const char *[]){only_new ? "RENAMENX" : "RENAME", name, other_name}, 3);
    bool moves = self->values[key] >= 0 && !(only_new && self->values[other] >= 0);
    if (self->values[key] < 0) {
        reply_error(&self->expected, "no such key");
    } else if (only_new) {
        reply_integer(&self->expected, moves);
    } else {
        reply_status(&self->expected, "OK");
    }
    if (moves) {
        self->values[other] = self->values[key];
        self->values[key] = -1;
    }
}

static void make_msetnx(struct client *self, uint32_t key, const char *name) {
    uint32_t other = (key + 1) % KEYS;
    char other_name[32];
    key_name(self, other, other_name);
    command(self, (const char *[]){"MSETNX", name, "7", other_name, "8"}, 5);
    bool sets = self->values[key] < 0 && self->values[other] < 0;
    reply_integer(&self->expected, sets);
    if (sets) {
        self->values[key] = 7;
        self->values[other] = 8;
    }
}

/* A value that is not copied on its way, set and read several times. */
static void make_large(rim_ctx *ctx, struct client *self) {
    static char bytes[100000];
    struct text value = {bytes, 1000 + rim_random(ctx) % (sizeof bytes - 1000)};
    char name[32];
    memset(bytes, 'a' + (int)(rim_random(ctx) % 26), sizeof bytes);
    snprintf(name, sizeof name, "client%u:large", self->number);
    reply_head(&self->out, '*', 3);
    reply_strings(&self->out, (const char *const[]){"SET", name, NULL});
    reply_bulk(&self->out, value);
    reply_status(&self->expected, "OK");
    for (uint64_t i = rim_random(ctx) % 3; i > 0; i--) {
        command(self, (const char *[]){"GET", name}, 2);
        reply_bulk(&self->expected, value);
    }
}

static void make_command(rim_ctx *ctx, struct client *self) {
    char name[32];
    uint32_t key = (uint32_t)(rim_random(ctx) % KEYS);
    if (rim_random(ctx) % 50 == 0) {
        make_large(ctx, self);
    }
    key_name(self, key, name);
    switch (rim_random(ctx) % 10) {
    case 0:
        make_mget(self);
        break;
    case 1:
        make_del(self, key, name);
        break;
    case 2:
        make_rename(self, key, name, rim_random(ctx) % 2 == 0);
        break;
    case 3:
        make_msetnx(self, key, name);
        break;
    case 4:
        command(self, (const char *[]){"PING"}, 1);
        reply_status(&self->expected, "PONG");
        break;
    case 5:
        make_incr(self, key, name);
        break;
    case 6:
    case 7:
        make_set(self, key, name, (int64_t)(rim_random(ctx) % 1000000));
        break;
    default:
        make_get(self, key, name);
    }
    self->made++;
}

static void skip(struct reply *bytes, size_t size) {
    bytes->size -= size;
    memmove(bytes->bytes, bytes->bytes + size, bytes->size);
}

/* Makes some commands and writes a piece of them, of any length. */
static void go_on(rim_ctx *ctx, struct client *self) {
    for (uint64_t i = rim_random(ctx) % 30; i > 0 && self->made < COMMANDS; i--) {
        make_command(ctx, self);
    }
    if (self->made == COMMANDS && !self->quit) {
        command(self, (const char *[]){"QUIT"}, 1);
        reply_status(&self->expected, "OK");
        self->quit = true;
    }
    size_t piece = self->out.size > 0 ? 1 + rim_random(ctx) % self->out.size : 0;
    if (piece > 0 && !self->waiting) {
        int error = rim_socket_write(ctx, self->socket, self->out.bytes, piece);
        if (error == 0) {
            skip(&self->out, piece);
        } else if (error == -RIM_EFULL) {
            self->waiting = rim_want_room(ctx, self->socket) == 0;
        }
    }
    if (self->out.size > 0 || !self->quit) {
        rim_after(ctx, RIM_US(1 + rim_random(ctx) % 300), 0);
    }
}

static rim_verdict client_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct client *self = state;
    rim_connect_options options = {.host = "127.0.0.1", .port = 6379, .timeout_ns = RIM_SECONDS(60)};
    (void)size;
    memcpy(&self->run, arg, sizeof self->run);
    memcpy(&self->number, (const char *)arg + sizeof self->run, sizeof self->number);
    self->out.version = self->expected.version = 2;
    for (uint32_t i = 0; i < KEYS; i++) {
        self->values[i] = -1;
    }
    return rim_connect(ctx, &options, &self->socket) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_open_or_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    go_on(ctx, state);
    return RIM_DONE;
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    self->waiting = false;
    return RIM_DONE;
}

static rim_verdict on_data(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    size_t size = rim_size(msg);
    if (size > self->expected.size || memcmp(body, self->expected.bytes, size) != 0) {
        printf("seed %" PRIu64 ", client %u: got '%.*s', wanted '%.*s'\n", self->run->seed, self->number, (int)size,
               (const char *)body, (int)self->expected.size, self->expected.bytes);
        self->run->wrong++;
        rim_socket_abort(ctx, self->socket);
        return RIM_STOP;
    }
    skip(&self->expected, size);
    return RIM_DONE;
}

static rim_verdict on_closed(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct client *self = state;
    (void)ctx;
    (void)body;
    (void)msg;
    if (self->quit && self->expected.size == 0 && self->out.size == 0) {
        self->run->finished++;
    } else {
        self->run->broken++;
    }
    return RIM_STOP;
}

static void client_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct client *self = state;
    (void)ctx;
    (void)why;
    reply_free(&self->out);
    reply_free(&self->expected);
}

static const rim_handler client_on[] = {
    [RIM_TIMER] = on_open_or_timer,       [RIM_ROOM] = on_room,
    [RIM_SOCKET_OPEN] = on_open_or_timer, [RIM_SOCKET_DATA] = on_data,
    [RIM_SOCKET_CLOSED] = on_closed,
};
static const rim_behaviour client = {
    .name = "client",
    .state_size = sizeof(struct client),
    .on = client_on,
    .on_count = RIM_COUNT(client_on),
    .init = client_init,
    .exit = client_exit,
};

/* ---- a run ---- */

static rim_sim_options faults_of(uint64_t seed) {
    rim_sim_options faults = {0};
    if (seed % 4 != 0) {
        faults.skip_turn = 50;
        faults.late_wake = 50;
        faults.false_wake = 20;
        faults.late_completion = 100;
        faults.short_read = 200;
        faults.short_write = 200;
        faults.drop_more = 50;
        faults.no_buffers = 20;
        faults.lane_full = 20;
    }
    if (seed % 4 == 3) {
        faults.reset = 2;
        faults.accept_error = 20;
    }
    return faults;
}

static bool spawn_clients(rim_system *system, struct run *run) {
    for (uint32_t i = 0; i < CLIENTS; i++) {
        char arg[sizeof run + sizeof i];
        rim_ref someone;
        rim_spawn_options place = {.place = RIM_ON_SHARD, .shard = i % rim_system_shards(system)};
        memcpy(arg, &run, sizeof run);
        memcpy(arg + sizeof run, &i, sizeof i);
        if (rim_system_spawn(system, &client, &place, arg, sizeof arg, &someone) != 0) {
            return false;
        }
    }
    return true;
}

static bool judge(const struct run *run, int error, const rim_stop_report *report) {
    bool all = run->finished + run->broken == CLIENTS && (run->resets || run->broken == 0);
    if (all && run->wrong == 0 && error == 0 && report->adds_up && !report->leaks) {
        return true;
    }
    printf("seed %" PRIu64 ": finished %u, broken %u, wrong %u; stop %d, adds up %d, leaks %d, lost %" PRIu64 " (%s)\n",
           run->seed, run->finished, run->broken, run->wrong, error, report->adds_up, report->leaks, report->lost,
           report->held_up_by);
    return false;
}

static void on_ready(void *arg, int error, const char *text) {
    struct run *run = arg;
    (void)text;
    run->listens = error == 0;
}

static bool run_seed(uint64_t seed, uint64_t *trace) {
    static struct server server;
    rim_sim_options faults = faults_of(seed);
    rim_config config = {.shards = 1 + (uint32_t)(seed % 3), .driver = RIM_DRIVER_SIM, .seed = seed, .sim = &faults};
    struct server_options options = {.bind = "127.0.0.1", .port = 6379};
    struct run run = {.seed = seed, .resets = faults.reset > 0};
    options.ready = on_ready;
    options.arg = &run;
    rim_system *system;
    rim_stop_report report = {0};
    if (rim_system_create(&config, &system) != 0) {
        return false;
    }
    bool fine = server_start(system, &server, &options) == 0 && rim_system_start(system) == 0;
    for (int i = 0; i < 1000 && !run.listens; i++) {
        rim_sim_run(system, RIM_MS(1));
    }
    fine = fine && spawn_clients(system, &run);
    for (int i = 0; i < 600 && run.finished + run.broken + run.wrong < CLIENTS; i++) {
        rim_sim_run(system, RIM_MS(100));
    }
    *trace = rim_sim_trace(system);
    int error = rim_system_stop(system, RIM_SECONDS(5), &report);
    rim_system_destroy(system);
    server_finish(&server);
    return judge(&run, error, &report) && fine;
}

int main(int argc, char **argv) {
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 200;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    unsigned passed = 0;
    unsigned failed = 0;
    if (sodium_init() < 0) {
        return 1;
    }
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        uint64_t trace, again;
        bool fine = run_seed(seed, &trace);
        if (fine && seed % 10 == 0 && run_seed(seed, &again) && again != trace) {
            printf("seed %" PRIu64 ": two runs differ\n", seed);
            fine = false;
        }
        passed += fine;
        failed += !fine;
    }
    printf("%u passed, %u failed\n", passed, failed);
    return failed == 0 ? 0 : 1;
}
