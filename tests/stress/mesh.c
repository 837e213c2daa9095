/* SPDX-License-Identifier: MIT */
/*
 * Shards that flood each other, every one every other one, with messages of random sizes, some of them with reserved
 * places, through lanes of very few parcels. Checked: order and content for each pair, nothing lost, nothing doubled,
 * parcels and backlogs bounded, everything home at the end. A deadlock or a lost wake-up hangs: no safety net is out.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "rig.h"
#include "shard/turns.h"
#include "stress.h"

#define SHARDS_MAX  8u
#define BACKLOG_MAX 200u
#define HELD_MAX    64u
#define BURST_MAX   40u

/* What the thread of one shard knows. */
struct node {
    struct rim__shard *shard;
    struct rim__random random;
    struct rim__task task;
    uint32_t goal; /* messages to each other shard */
    uint32_t sent[SHARDS_MAX], taken[SHARDS_MAX];
    bool waits[SHARDS_MAX]; /* for a WAY */
    bool is_ready;
    uint32_t done_from; /* peers of which all has come */
    struct rim_msg *held[HELD_MAX];
    uint32_t held_count;
    pthread_t thread;
};

static struct node nodes[SHARDS_MAX];
static _Atomic uint32_t nodes_done;

static unsigned char fill_of(uint32_t number) {
    return (unsigned char)(number * 37 + 5);
}

static void make_ready(struct node *self) {
    if (!self->is_ready) {
        self->is_ready = true;
        rim__run_queue_push(&self->shard->ready, &self->task);
    }
}

/* ---- receiving ---- */

static bool is_intact(const struct rim_msg *msg) {
    const unsigned char *body = rim__msg_body(msg);
    return msg->size == 0 || (body[0] == fill_of(msg->tag) && body[msg->size / 2] == fill_of(msg->tag) &&
                              body[msg->size - 1] == fill_of(msg->tag));
}

/* Some are held for a while, as a slow actor does, so that parcels come home out of order. */
static void hold_or_release(struct node *self, struct rim_msg *msg) {
    if (rim__random_below(&self->random, 16) != 0) {
        rim__msg_release(self->shard, msg);
        return;
    }
    uint64_t place = rim__random_below(&self->random, HELD_MAX);
    if (self->held[place] != NULL) {
        rim__msg_release(self->shard, self->held[place]);
        self->held_count--;
    }
    self->held[place] = msg;
    self->held_count++;
}

static void let_go(struct node *self) {
    for (uint32_t i = 0; i < HELD_MAX && self->held_count > 0; i++) {
        if (self->held[i] != NULL) {
            rim__msg_release(self->shard, self->held[i]);
            self->held[i] = NULL;
            self->held_count--;
        }
    }
}

static void deliver(struct rim__shard *shard, struct rim_msg *msg) {
    struct node *self = rig_member_of(shard)->arg;
    if (msg->kind == RIM_KIND_WAY) {
        stress_check(self->waits[msg->from]);
        self->waits[msg->from] = false;
        rim__msg_release(shard, msg);
        make_ready(self);
        return;
    }
    uint32_t from = (uint32_t)msg->from;
    stress_check(msg->tag == self->taken[from]);
    stress_check(is_intact(msg));
    self->taken[from]++;
    self->done_from += self->taken[from] == self->goal;
    hold_or_release(self, msg);
}

/* ---- sending ---- */

static bool send(struct node *self, uint32_t to, bool reserved) {
    uint32_t size = (uint32_t)rim__random_below(&self->random, rim__random_below(&self->random, 8) == 0 ? 1025 : 64);
    struct rim_msg *msg = rim__mesh_reserve(self->shard, to, (uint32_t)rim__msg_span(0, size), reserved);
    if (msg == NULL) {
        return false;
    }
    uint32_t home = msg->flags & RIM_MSG_IN_PARCEL;
    struct rim_msg *next = msg->next; /* the mesh's, while it is in a backlog */
    *msg = (struct rim_msg){.next = next,
                            .from = self->shard->index,
                            .kind = RIM_KIND_TELL,
                            .flags = (uint16_t)home,
                            .tag = self->sent[to]++,
                            .size = size};
    memset(rim__msg_body(msg), fill_of(msg->tag), size);
    return true;
}

static void send_burst(struct node *self, uint32_t to) {
    uint64_t burst = 1 + rim__random_below(&self->random, BURST_MAX);
    for (; burst > 0 && self->sent[to] < self->goal && !self->waits[to]; burst--) {
        bool reserved = rim__random_below(&self->random, 8) == 0 && self->shard->mesh.backlog < BACKLOG_MAX;
        if (!send(self, to, reserved)) {
            stress_check(!reserved);
            self->waits[to] = true;
            rim__mesh_want_room(self->shard, to);
        }
    }
}

/* The one task of a shard: sends until it is done, or every way is full. */
static void run(struct rim__shard *shard, struct rim__task *task) {
    struct node *self = rim__container_of(task, struct node, task);
    bool again = false;
    self->is_ready = false;
    for (uint32_t to = 0; to < shard->count; to++) {
        if (to != shard->index && !self->waits[to] && self->sent[to] < self->goal) {
            send_burst(self, to);
            again = again || (!self->waits[to] && self->sent[to] < self->goal);
        }
    }
    if (again) {
        make_ready(self);
    }
    if (rim__random_below(&self->random, 4) == 0) { /* more often than between turns */
        rim__mesh_hasten(shard);
    }
}

static void take_turns(struct rim__shard *shard) {
    rim__turns_take(shard, run);
}

/* Nobody sleeps with messages held: others may wait for their parcels. */
static void settle(struct rim__shard *shard) {
    struct node *self = rig_member_of(shard)->arg;
    if (rim__random_below(&self->random, 2) == 0) {
        let_go(self);
    } else if (self->held_count > 0) {
        make_ready(self);
    }
}

/* ---- running ---- */

static void check_bounds(const struct rim__shard *shard) {
    const struct rim__mesh *mesh = &shard->mesh;
    stress_check(mesh->backlog <= BACKLOG_MAX);
    stress_check(mesh->parcels_out <= (uint64_t)mesh->parcels_max * (shard->count - 1));
}

static void announce_done(struct node *self) {
    atomic_fetch_add(&nodes_done, 1);
    for (uint32_t i = 0; i < self->shard->count; i++) { /* who sleeps is to look */
        self->shard->driver->ops->wake(self->shard->driver, self->shard->peers[i]->driver);
    }
}

static void *run_node(void *arg) {
    struct node *self = arg;
    bool told = false;
    rim__shard_set_current(self->shard);
    make_ready(self);
    /* Everyone goes on until all have everything: parcels are to come home. */
    while (atomic_load(&nodes_done) < self->shard->count) {
        self->shard->safety_ns = RIM_DRIVER_FOREVER;
        rim__shard_tick(self->shard, true);
        check_bounds(self->shard);
        if (!told && self->done_from == self->shard->count - 1) {
            told = true;
            announce_done(self);
        }
    }
    let_go(self);
    rim__mesh_flush(self->shard);
    return NULL;
}

struct setup {
    uint32_t shards, parcels, goal;
};

static void check_end(struct rig *rig, uint32_t goal) {
    uint64_t posted = 0, drained = 0;
    for (uint32_t i = 0; i < rig->count; i++) {
        struct rim__shard *shard = rig->shards[i];
        rim__mesh_collect(shard);
        stress_check(shard->mesh.parcels_out == 0);
        stress_check(shard->mesh.backlog == 0);
        stress_check(rim__memory_blocks(&shard->memory) == 0);
        posted += shard->mesh.posted;
        drained += shard->mesh.drained;
        for (uint32_t k = 0; k < rig->count; k++) {
            stress_check(k == i || (nodes[i].taken[k] == goal && nodes[i].sent[k] == goal));
        }
    }
    stress_check(posted == drained);
    stress_check(posted == (uint64_t)goal * rig->count * (rig->count - 1));
}

static void flood(void *arg) {
    const struct setup *setup = arg;
    struct rig rig;
    rig_init(&rig, setup->shards, setup->parcels);
    atomic_store(&nodes_done, 0);
    for (uint32_t i = 0; i < rig.count; i++) {
        nodes[i] = (struct node){.shard = rig.shards[i], .goal = setup->goal};
        rim__random_init(&nodes[i].random, stress_seed() + i);
        rig.members[i].arg = &nodes[i];
        rig.members[i].is_real = true;
        rig.shards[i]->deliver = deliver;
        rig.shards[i]->turns = take_turns;
        rig.shards[i]->settle = settle;
    }
    for (uint32_t i = 0; i < rig.count; i++) {
        stress_check(pthread_create(&nodes[i].thread, NULL, run_node, &nodes[i]) == 0);
    }
    for (uint32_t i = 0; i < rig.count; i++) {
        pthread_join(nodes[i].thread, NULL);
    }
    check_end(&rig, setup->goal);
    rig_finish(&rig);
}

int main(int argc, char **argv) {
    static struct setup setups[] = {{2, 1, 150000}, {2, 4, 300000}, {2, 64, 300000}, {4, 2, 50000}, {8, 2, 10000}};
    stress_begin(argc, argv);
    for (uint32_t i = 0; i < sizeof setups / sizeof setups[0]; i++) {
        stress_case(stress_name("flood_of_shards", setups[i].shards), flood, &setups[i]);
    }
    return stress_end();
}
