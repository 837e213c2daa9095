/* SPDX-License-Identifier: MIT */
/*
 * Actors that do to their pipes and children, and to those of others, whatever comes to the seed's mind, at every
 * moment of their lives. Asserted is what holds always: each stream ends with exactly one RIM_SOCKET_CLOSED, each child
 * with one RIM_PROCESS_ENDED or, if it was stopped, with its actor's end, and nothing comes after them; and the
 * harness's part, that everything comes home.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "socket_world.h"

enum { MEDDLE = RIM_USER, FINISHED };

#define KEEPERS  4u
#define STREAMS  9u
#define CHILDREN 3u
#define ACTIONS  50u

struct chaos {
    struct scenario *s;
    rim_ref boss;
    bool wants_memory; /* allocations fail: then nothing is stopped, for word of that may lack memory */
};

/* ---- a child: what it reads it writes, and at times it ends ---- */

struct copier {
    rim_ref input, output;
};

static rim_verdict copier_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct copier *copier = self;
    (void)arg;
    (void)size;
    bool skips = rim_random(ctx) % 8 == 0; /* some never open their streams */
    if (skips || rim_pipe_standard(ctx, 0, &copier->input) != 0 || rim_pipe_standard(ctx, 1, &copier->output) != 0) {
        return rim_random(ctx) % 2 == 0 ? RIM_STOP : RIM_DONE;
    }
    return RIM_DONE;
}

static rim_verdict copier_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct copier *copier = self;
    (void)rim_socket_write(ctx, copier->output, body, rim_size(msg));
    (void)rim_sim_exit(ctx, (int)(rim_random(ctx) % 256));
    return rim_random(ctx) % 20 == 0 ? RIM_STOP : RIM_DONE;
}

static const rim_handler copier_rows[] = {[RIM_SOCKET_DATA] = copier_data};
static const rim_behaviour copier = {
    .name = "copier",
    .state_size = sizeof(struct copier),
    .on = copier_rows,
    .on_count = RIM_COUNT(copier_rows),
    .init = copier_init,
};

/* ---- actions ---- */

static void act_on_stream(rim_ctx *ctx, const struct chaos *chaos, rim_ref stream) {
    static const uint8_t bytes[40000];
    static const size_t sizes[] = {1, 100, 1025, 5000, 40000};
    uint64_t chance = rim_random(ctx);
    switch (chance % 20) {
    case 0:
        (void)rim_socket_close(ctx, stream);
        break;
    case 1:
        (void)rim_socket_abort(ctx, stream);
        break;
    case 2:
        (void)rim_socket_shutdown(ctx, stream);
        break;
    case 3:
    case 4:
        (void)rim_socket_pause(ctx, stream, true);
        break;
    case 5:
    case 6:
    case 7:
        (void)rim_socket_pause(ctx, stream, false);
        break;
    case 8:
        (void)rim_socket_flush(ctx, stream, chance);
        break;
    case 9:
        if ((chance & 1024) && !chaos->wants_memory) {
            (void)rim_stop(ctx, stream);
        }
        break;
    default:
        (void)rim_socket_write(ctx, stream, bytes, sizes[(chance >> 8) % RIM_COUNT(sizes)]);
        break;
    }
}

static void act_on_child(rim_ctx *ctx, const struct chaos *chaos, rim_ref process) {
    static const int signals[] = {0, SIGTERM, SIGKILL, SIGUSR1, SIGCONT};
    uint64_t chance = rim_random(ctx);
    switch (chance % 6) {
    case 0:
        (void)rim_process_end(ctx, process, 0);
        break;
    case 1:
        (void)rim_process_end(ctx, process, RIM_MS(1));
        break;
    case 2:
        if ((chance & 1024) && !chaos->wants_memory) {
            (void)rim_stop(ctx, process); /* its exit is told to nobody then */
        }
        break;
    default:
        (void)rim_process_signal(ctx, process, signals[(chance >> 8) % RIM_COUNT(signals)]);
        break;
    }
}

/* ---- a keeper ---- */

struct keeper {
    struct chaos *chaos;
    rim_ref streams[STREAMS];   /* RIM_NIL: none */
    rim_ref children[CHILDREN]; /* the same */
    uint32_t actions;
    bool finished;
};

static rim_verdict keeper_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct keeper *keeper = self;
    (void)size;
    memcpy(&keeper->chaos, arg, sizeof keeper->chaos);
    SCENARIO_CHECK(keeper->chaos->s, rim_every(ctx, 0, RIM_US(300), 0) != RIM_NIL);
    return RIM_DONE;
}

static rim_ref *find(rim_ref *refs, uint32_t count, rim_ref wanted) {
    for (uint32_t i = 0; i < count; i++) {
        if (refs[i] == wanted) {
            return &refs[i];
        }
    }
    return NULL;
}

static void keep_stream(rim_ctx *ctx, struct keeper *keeper, rim_ref stream) {
    rim_ref *place = find(keeper->streams, STREAMS, RIM_NIL);
    if (stream != RIM_NIL && place != NULL) {
        *place = stream;
        (void)rim_send(ctx, keeper->chaos->boss, MEDDLE, &stream, sizeof stream);
    }
}

static uint32_t places(const struct keeper *keeper) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < STREAMS; i++) {
        count += keeper->streams[i] == RIM_NIL;
    }
    return count;
}

static void add_pipe(rim_ctx *ctx, struct keeper *keeper) {
    rim_ref reader, writer;
    if (places(keeper) >= 2 && rim_pipe_make(ctx, &reader, &writer) == 0) {
        keep_stream(ctx, keeper, reader);
        keep_stream(ctx, keeper, writer);
    }
}

static void add_child(rim_ctx *ctx, struct keeper *keeper) {
    rim_ref *place = find(keeper->children, CHILDREN, RIM_NIL);
    rim_process_options options = {
        .program = "cat",
        .input.way = RIM_PROCESS_PIPE,
        .output.way = RIM_PROCESS_PIPE,
        .error.way = RIM_PROCESS_PIPE,
        .at_end = (enum rim_process_end)(rim_random(ctx) % 2),
        .patience_ns = RIM_MS(2),
        .group = rim_random(ctx) % 2 == 0,
    };
    rim_process child;
    if (place == NULL || places(keeper) < 3 || rim_process_start(ctx, &options, &child) != 0) {
        return;
    }
    *place = child.process;
    SCENARIO_CHECK(keeper->chaos->s, rim_monitor(ctx, child.process, 0) != 0 || keeper->chaos->wants_memory);
    keep_stream(ctx, keeper, child.input);
    keep_stream(ctx, keeper, child.output);
    keep_stream(ctx, keeper, child.error);
    (void)rim_send(ctx, keeper->chaos->boss, MEDDLE, &child.process, sizeof child.process);
}

static rim_verdict end_if_over(rim_ctx *ctx, struct keeper *keeper) {
    if (keeper->actions < ACTIONS || keeper->finished) {
        return RIM_DONE;
    }
    bool is_over = true;
    for (uint32_t i = 0; i < STREAMS; i++) {
        is_over = is_over && keeper->streams[i] == RIM_NIL;
        (void)rim_socket_abort(ctx, keeper->streams[i]);
    }
    for (uint32_t i = 0; i < CHILDREN; i++) {
        is_over = is_over && keeper->children[i] == RIM_NIL;
        if (keeper->children[i] != RIM_NIL) {
            (void)rim_process_end(ctx, keeper->children[i], 0);
        }
    }
    if (is_over && rim_send(ctx, keeper->chaos->boss, FINISHED, NULL, 0) == 0) {
        keeper->finished = true;
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict keeper_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    (void)body;
    (void)msg;
    if (keeper->chaos->wants_memory && keeper->actions <= ACTIONS) {
        rim_sim_options faults = {.no_memory = keeper->actions < ACTIONS ? 150 : 0};
        rim_sim_set_faults(scenario_system(keeper->chaos->s), &faults);
    }
    if (keeper->actions++ >= ACTIONS) {
        return end_if_over(ctx, keeper);
    }
    uint64_t chance = rim_random(ctx);
    rim_ref stream = keeper->streams[chance % STREAMS], child = keeper->children[(chance >> 8) % CHILDREN];
    if (stream != RIM_NIL) {
        act_on_stream(ctx, keeper->chaos, stream);
    } else if (child != RIM_NIL) {
        act_on_child(ctx, keeper->chaos, child);
    } else if (chance & 65536) {
        add_pipe(ctx, keeper);
    } else {
        add_child(ctx, keeper);
    }
    bool gives_up = rim_random(ctx) % 200 == 0; /* its pipes and children are ended for it */
    if (gives_up && rim_send(ctx, keeper->chaos->boss, FINISHED, NULL, 0) == 0) {
        keeper->finished = true;
        return RIM_STOP;
    }
    return RIM_DONE;
}

static rim_verdict keeper_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    (void)body;
    (void)msg;
    SCENARIO_CHECK(keeper->chaos->s, find(keeper->streams, STREAMS, rim_sender(ctx)) != NULL);
    return RIM_DONE;
}

static rim_verdict keeper_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct keeper *keeper = self;
    const rim_closed_event *event = body;
    rim_ref *place = find(keeper->streams, STREAMS, event->socket);
    (void)msg;
    bool is_memory = keeper->chaos->wants_memory && event->error == -ENOMEM;
    SCENARIO_CHECK(keeper->chaos->s, place != NULL && (event->error == 0 || event->error == -EPIPE || is_memory));
    if (place != NULL) {
        *place = RIM_NIL;
    }
    return end_if_over(ctx, keeper);
}

static rim_verdict forget_child(rim_ctx *ctx, struct keeper *keeper, rim_ref process, bool must_be_known) {
    rim_ref *place = find(keeper->children, CHILDREN, process);
    SCENARIO_CHECK(keeper->chaos->s, place != NULL || !must_be_known);
    if (place != NULL) {
        *place = RIM_NIL;
    }
    return end_if_over(ctx, keeper);
}

static rim_verdict keeper_ended(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    return forget_child(ctx, self, ((const rim_process_event *)body)->process, true);
}

/* Of one that was stopped there is no other word. */
static rim_verdict keeper_down(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    return forget_child(ctx, self, ((const rim_down_event *)body)->who, false);
}

static const rim_handler keeper_rows[] = {
    [RIM_TIMER] = keeper_timer,          [RIM_SOCKET_DATA] = keeper_data,    [RIM_SOCKET_END] = keeper_data,
    [RIM_SOCKET_CLOSED] = keeper_closed, [RIM_PROCESS_ENDED] = keeper_ended, [RIM_DOWN] = keeper_down,
};
static const rim_behaviour keeper = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .on = keeper_rows,
    .on_count = RIM_COUNT(keeper_rows),
    .init = keeper_init,
};

/* ---- the boss: meddles with the streams and children of every shard ---- */

struct boss {
    struct chaos *chaos;
    uint32_t finished;
};

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct boss *boss = self;
    (void)size;
    boss->chaos = socket_world_of(arg);
    boss->chaos->boss = rim_self(ctx);
    for (uint32_t i = 0; i < KEEPERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        rim_ref ref;
        if (rim_spawn(ctx, &keeper, &options, &boss->chaos, sizeof boss->chaos, &ref) != 0) {
            boss->finished++; /* the way was full: one less */
        }
    }
    return RIM_DONE;
}

/* It does not know which it is: what is meant for the other kind must do no harm. */
static rim_verdict boss_meddle(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    rim_ref ref = *(const rim_ref *)body;
    const struct boss *boss = self;
    (void)msg;
    for (uint64_t i = rim_random(ctx) % 3; i > 0; i--) {
        act_on_stream(ctx, boss->chaos, ref);
        act_on_child(ctx, boss->chaos, ref);
    }
    return RIM_DONE;
}

static rim_verdict boss_finished(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct boss *boss = self;
    (void)body;
    (void)msg;
    if (++boss->finished == KEEPERS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static const rim_handler boss_rows[] = {[MEDDLE] = boss_meddle, [FINISHED] = boss_finished};
static const rim_behaviour boss = {
    .name = "boss",
    .state_size = sizeof(struct boss),
    .on = boss_rows,
    .on_count = RIM_COUNT(boss_rows),
    .init = boss_init,
};

static void run(struct scenario *s, bool wants_memory) {
    static struct chaos chaos;
    chaos = (struct chaos){.s = s, .wants_memory = wants_memory};
    if (scenario_is_sim(s)) {
        SCENARIO_CHECK(s, rim_sim_program(scenario_system(s), "cat", &copier) == 0);
    }
    socket_world_run(s, &boss, &chaos);
}

void process_chaos_ends_well(struct scenario *s) {
    run(s, false);
}

void process_chaos_ends_well_for_want_of_memory(struct scenario *s) {
    if (scenario_is_sim(s)) {
        run(s, true);
    }
}
