/* SPDX-License-Identifier: MIT */
#include "io/sim_world.h"

#include <errno.h>
#include <stdlib.h>

#include "base/assert.h"
#include "io/driver_sim.h"
#include "io/sim_stream.h"
#include "io/sim_tree.h"

#define DEFAULT_LATENCY_NS   50000u
#define DEFAULT_BUFFERS      64u
#define DEFAULT_BUFFER_BYTES 2048u

/* ---- chance ---- */

uint64_t rim__sim_between(struct rim__sim *sim, uint64_t low, uint64_t high) {
    rim__assert(low <= high);
    return low + rim__random_below(&sim->random, high - low + 1);
}

uint64_t rim__sim_arrival(struct rim__sim *sim) {
    return sim->now_ns + rim__sim_between(sim, sim->latency_ns / 4, sim->latency_ns);
}

void rim__sim_note(struct rim__sim *sim, enum rim__sim_note what, uint64_t a, uint64_t b) {
    uint64_t hash = sim->trace;
    hash = (hash ^ rim__mix(a + what)) * 0x100000001b3u;
    hash = (hash ^ rim__mix(b)) * 0x100000001b3u;
    sim->trace = hash;
}

bool rim__sim_strikes(struct rim__sim *sim, enum rim__sim_fault fault) {
    rim__assert((unsigned)fault < RIM_FAULT_COUNT);
    if (sim->rates[fault] == 0 || rim__random_below(&sim->random, 1000) >= sim->rates[fault]) {
        return false;
    }
    sim->strikes[fault]++;
    rim__sim_note(sim, RIM_NOTE_FAULT, fault, sim->now_ns);
    return true;
}

/* ---- life ---- */

void rim__sim_set_faults(struct rim__sim *sim, const rim_sim_options *faults) {
    static const rim_sim_options none;
    const rim_sim_options *options = faults != NULL ? faults : &none;
    sim->latency_ns = options->latency_ns != 0 ? options->latency_ns : DEFAULT_LATENCY_NS;
#define RATE(name, text) sim->rates[RIM_FAULT_##name] = options->name;
    RIM_SIM_FAULTS(RATE)
#undef RATE
}

int rim__sim_create(const rim_config *config, struct rim__sim **out) {
    struct rim__sim *sim = calloc(1, sizeof *sim);
    if (sim == NULL) {
        return -ENOMEM;
    }
    sim->now_ns = RIM_SIM_START_NS;
    sim->trace = 0xcbf29ce484222325u;
    rim__random_init(&sim->random, config->seed != 0 ? config->seed : 1);
    rim__sim_set_faults(sim, config->sim);
    sim->buffers = config->buffers != 0 ? config->buffers : DEFAULT_BUFFERS;
    sim->buffer_bytes = config->buffer_bytes != 0 ? config->buffer_bytes : DEFAULT_BUFFER_BYTES;
    rim__sim_net_init(&sim->net, sim);
    sim->disk.ops = &rim__sim_paths;
    *out = sim;
    return 0;
}

int rim__sim_open(struct rim__sim *sim, struct rim__shard *shard, struct rim__driver **driver, struct rim__io **io) {
    if (shard->index >= RIM_SHARDS_MAX || sim->shards[shard->index] != NULL) {
        return -EINVAL;
    }
    struct rim__sim_shard *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return -ENOMEM;
    }
    self->sim = sim;
    self->shard = shard;
    self->wake_ns = RIM_SIM_NEVER;
    self->pool = (struct rim__sim_pool){.count = sim->buffers, .bytes = sim->buffer_bytes, .owner = self};
    self->driver = (struct rim__driver){.ops = &rim__driver_sim_ops, .shard = shard};
    self->io = (struct rim__io){.ops = &rim__sim_io_ops,
                                .disk = &sim->disk,
                                .shard = shard,
                                .message_max = sim->buffer_bytes,
                                .has_zero_copy = true};
    sim->shards[shard->index] = self;
    if (shard->index >= sim->shard_count) {
        sim->shard_count = shard->index + 1;
    }
    *driver = &self->driver;
    *io = &self->io;
    return 0;
}

void rim__sim_destroy(struct rim__sim *sim) {
    if (sim == NULL) {
        return;
    }
    rim__sim_event_finish(&sim->events);
    for (uint32_t i = 0; i < sim->shard_count; i++) {
        if (sim->shards[i] != NULL) {
            rim__sim_flight_finish(&sim->shards[i]->flights);
            free(sim->shards[i]);
        }
    }
    rim__sim_net_finish(&sim->net);
    rim__sim_tree_finish(&sim->files);
    free(sim);
}

uint64_t rim__sim_wall_ms(const struct rim__sim *sim) {
    return RIM_SIM_WALL_MS + (sim->now_ns - RIM_SIM_START_NS) / 1000000;
}

uint64_t rim__sim_buffers_out(const struct rim__sim *sim) {
    uint64_t out = 0;
    for (uint32_t i = 0; i < sim->shard_count; i++) {
        out += sim->shards[i] != NULL ? sim->shards[i]->pool.out : 0;
    }
    return out;
}

/* ---- the scheduler ---- */

void rim__sim_rouse(struct rim__sim_shard *self) {
    self->asleep = false;
    self->wake_ns = RIM_SIM_NEVER;
}

void rim__sim_settle(struct rim__sim *sim) {
    struct rim__sim_event event;
    while (rim__sim_event_take(&sim->events, sim->now_ns, &event)) {
        event.fire(&event);
    }
}

static bool is_there(const struct rim__sim *sim, uint32_t index) {
    return sim->shards[index] != NULL && !sim->shards[index]->closed;
}

/* One of the shards that are awake, by chance; NULL if all sleep. */
static struct rim__sim_shard *choose(struct rim__sim *sim) {
    struct rim__sim_shard *awake[RIM_SHARDS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->shard_count; i++) {
        if (!is_there(sim, i)) {
            continue;
        }
        if (sim->shards[i]->asleep && sim->shards[i]->wake_ns <= sim->now_ns) {
            rim__sim_rouse(sim->shards[i]);
        }
        if (!sim->shards[i]->asleep && sim->shards[i]->held_ns <= sim->now_ns) {
            awake[count++] = sim->shards[i];
        }
    }
    return count > 0 ? awake[rim__random_below(&sim->random, count)] : NULL;
}

/* One of the turn's first allocations is to fail, unless it makes none. */
static void plan_no_memory(struct rim__sim *sim, struct rim__memory *memory) {
    if (sim->rates[RIM_FAULT_no_memory] != 0 && memory->fail_at == 0 &&
        rim__random_below(&sim->random, 1000) < sim->rates[RIM_FAULT_no_memory]) {
        rim__memory_fail(memory, rim__sim_between(sim, 1, 8), false);
        sim->memory_planned = true;
    }
}

static void note_no_memory(struct rim__sim *sim, struct rim__memory *memory) {
    if (sim->memory_planned) {
        sim->memory_planned = false;
        sim->strikes[RIM_FAULT_no_memory] += memory->allocations >= memory->fail_at;
        rim__memory_fail(memory, 0, false);
    }
}

static void take_turn(struct rim__sim *sim, struct rim__shard *shard) {
    sim->stepping = true;
    plan_no_memory(sim, &shard->memory);
    rim__shard_set_current(shard);
    rim__shard_tick(shard, true);
    rim__shard_set_current(NULL);
    note_no_memory(sim, &shard->memory);
    sim->stepping = false;
}

int rim__sim_hold(struct rim__sim *sim, uint32_t shard, uint64_t duration_ns) {
    if (shard >= sim->shard_count || sim->shards[shard] == NULL || duration_ns > RIM_SIM_NEVER - sim->now_ns) {
        return -EINVAL;
    }
    sim->shards[shard]->held_ns = sim->now_ns + duration_ns;
    return 0;
}

int rim__sim_plan_crash(struct rim__sim *sim, rim_ref who, uint32_t after) {
    for (uint32_t i = 0; i < RIM_SIM_CRASHES_MAX; i++) {
        if (sim->crashes[i].who == RIM_NIL) {
            sim->crashes[i] = (struct rim__sim_crash){.who = who, .after = after};
            sim->crashes_planned++;
            return 0;
        }
    }
    return -RIM_ELIMIT;
}

bool rim__sim_crashes(struct rim__sim *sim, rim_ref who) {
    for (uint32_t i = 0; sim->crashes_planned > 0 && i < RIM_SIM_CRASHES_MAX; i++) {
        struct rim__sim_crash *plan = &sim->crashes[i];
        if (plan->who == who && plan->after-- == 0) {
            plan->who = RIM_NIL;
            sim->crashes_planned--;
            sim->strikes[RIM_FAULT_crash]++;
            rim__sim_note(sim, RIM_NOTE_FAULT, RIM_FAULT_crash, sim->now_ns);
            return true;
        }
    }
    return who != sim->spared && rim__sim_strikes(sim, RIM_FAULT_crash);
}

static void turn(struct rim__sim *sim, struct rim__sim_shard *self) {
    rim__sim_note(sim, RIM_NOTE_TURN, self->shard->index, sim->now_ns);
    if (!rim__sim_strikes(sim, RIM_FAULT_skip_turn)) {
        take_turn(sim, self->shard);
    }
    sim->now_ns += rim__sim_between(sim, 200, 2000);
}

bool rim__sim_turn(struct rim__sim *sim, uint32_t index) {
    if (sim->stepping || rim__sim_next(sim, index) != 0) {
        return false;
    }
    rim__sim_rouse(sim->shards[index]);
    turn(sim, sim->shards[index]);
    return true;
}

uint64_t rim__sim_next(struct rim__sim *sim, uint32_t index) {
    if (!is_there(sim, index)) {
        return RIM_SIM_NEVER;
    }
    rim__sim_settle(sim);
    const struct rim__sim_shard *self = sim->shards[index];
    if (!self->asleep) {
        return 0;
    }
    uint64_t next = rim__sim_event_next(&sim->events);
    if (!rim__shard_is_idle(self->shard) && self->wake_ns < next) {
        next = self->wake_ns;
    }
    return next == RIM_SIM_NEVER ? RIM_SIM_NEVER : next > sim->now_ns ? next - sim->now_ns : 0;
}

/* The next thing that will happen while all shards sleep; RIM_SIM_NEVER: nothing will. */
static uint64_t next_ns(const struct rim__sim *sim) {
    uint64_t next = rim__sim_event_next(&sim->events);
    uint64_t idle = RIM_SIM_NEVER;
    for (uint32_t i = 0; i < sim->shard_count; i++) {
        if (!is_there(sim, i)) {
            continue;
        }
        if (!sim->shards[i]->asleep && sim->shards[i]->held_ns < next) {
            next = sim->shards[i]->held_ns;
        }
        uint64_t *soonest = rim__shard_is_idle(sim->shards[i]->shard) ? &idle : &next;
        if (sim->shards[i]->wake_ns < *soonest) {
            *soonest = sim->shards[i]->wake_ns;
        }
    }
    if (next == RIM_SIM_NEVER) {
        return RIM_SIM_NEVER;
    }
    return idle < next ? idle : next;
}

static bool jump(struct rim__sim *sim, uint64_t until_ns) {
    uint64_t next = next_ns(sim);
    if (next == RIM_SIM_NEVER) {
        return false;
    }
    uint64_t to_ns = next < until_ns ? next : until_ns;
    sim->now_ns = to_ns > sim->now_ns ? to_ns : sim->now_ns;
    rim__sim_note(sim, RIM_NOTE_JUMP, 0, sim->now_ns);
    return true;
}

bool rim__sim_step_until(struct rim__sim *sim, uint64_t until_ns) {
    if (sim->stepping) {
        return false;
    }
    rim__sim_settle(sim);
    struct rim__sim_shard *self = choose(sim);
    if (self == NULL) {
        return jump(sim, until_ns);
    }
    turn(sim, self);
    return true;
}

bool rim__sim_step(struct rim__sim *sim) {
    return rim__sim_step_until(sim, RIM_SIM_NEVER);
}
