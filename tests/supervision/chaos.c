/* SPDX-License-Identifier: MIT */
/*
 * A random tree in which anything may end at any moment: in init, before it has confirmed its start, in a handler, as
 * it is being stopped, and by force; what ends may take others along from its exit. Supervisors are killed while they
 * start, restart and stop. Meanwhile requests come in. Whenever all that has come to rest the tree is listed and held
 * against the workers that are alive: each runs in exactly one place (no orphan, no double child), and each that is
 * said to run does (no lost DOWN). At the end of the root nobody is left.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign.h"

enum { GO = RIM_USER, END };
#define QUIET_NS RIM_MS(60) /* longer than any wait, and than a faulty wake-up takes */
enum { NODES = 24, LIVES = 4000, DYNAMIC_MOST = 12 };
enum todo { KILL_WORKER, KILL_SUPERVISOR, KILL_ROOT, REQUEST, LIST, SHUT_DOWN, DRAIN };

/* What a worker is by its spec. */
struct kind {
    uint32_t node;
    bool is_dynamic;
};

struct node {
    uint32_t parent;
    bool is_supervisor;
    enum rim_strategy strategy;
    struct kind kind;
    rim_spawn_options options;
    char id[16];
};

struct life {
    rim_ref ref;
    struct kind kind;
    bool is_alive;
};

static struct chaos {
    struct node nodes[NODES];
    uint32_t count;
    rim_child children[NODES][NODES];
    rim_supervisor_spec specs[NODES];
    struct life lives[LIVES];
    uint32_t life_count, alive;
    rim_ref root;
    uint32_t starts, ends; /* of the root */
    uint32_t asked, answered;
    bool any_killed; /* a supervisor, or it is to be stopped so: its old children and its new ones may meet */
    bool is_begun;   /* the boss is there: even for that there may be no memory */
    bool is_ending;  /* the system */
    bool is_short;   /* of memory: calls fail now and then */
    enum todo todo;
    bool is_listed;
} chaos;

/* ---- the workers ---- */

struct worker {
    uint32_t life;
    bool is_starting, is_stopping;
};

static struct life *random_life(void) {
    if (chaos.alive == 0) {
        return NULL;
    }
    uint64_t skip = campaign_random(chaos.alive);
    for (uint32_t i = 0; i < chaos.life_count; i++) {
        if (chaos.lives[i].is_alive && skip-- == 0) {
            return &chaos.lives[i];
        }
    }
    return NULL;
}

static void check_alone(const struct kind *kind) {
    for (uint32_t i = 0; i < chaos.life_count && !chaos.any_killed && !kind->is_dynamic; i++) {
        CAMPAIGN_CHECK(!chaos.lives[i].is_alive || chaos.lives[i].kind.node != kind->node);
    }
}

/* Of a call that fails for want of memory alone. */
static bool succeeds(bool ok) {
    CAMPAIGN_CHECK(ok || chaos.is_short);
    return ok;
}

static rim_verdict live(rim_ctx *ctx, struct worker *self, const struct kind *kind) {
    if (chaos.life_count == LIVES) {
        return RIM_FAIL;
    }
    check_alone(kind);
    self->life = chaos.life_count++;
    chaos.lives[self->life] = (struct life){.ref = rim_self(ctx), .kind = *kind, .is_alive = true};
    chaos.alive++;
    return RIM_DONE;
}

static rim_verdict worker_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct worker *self = state;
    struct kind kind;
    CAMPAIGN_CHECK(size == sizeof kind);
    memcpy(&kind, arg, sizeof kind);
    uint64_t fate = campaign_random(100);
    if (fate < 6) {
        campaign_note(CAMPAIGN_chaos_crash_in_init);
        return rim_fail(ctx, RIM_EXIT_USER + 1, "chaos in init");
    }
    if (fate < 8) {
        return RIM_STOP;
    }
    if (fate < 30) {
        self->is_starting = true;
        if (!succeeds(rim_start_defer(ctx) == 0) ||
            !succeeds(rim_after(ctx, campaign_random(RIM_MS(3)), 0) != RIM_NIL)) {
            return RIM_FAIL;
        }
    }
    return live(ctx, self, &kind);
}

static void worker_exit(rim_ctx *ctx, void *state, rim_exit why) {
    const struct worker *self = state;
    (void)why;
    chaos.lives[self->life].is_alive = false;
    chaos.alive--;
    struct life *other = campaign_random(12) == 0 && !chaos.is_ending ? random_life() : NULL;
    if (other != NULL && rim_send(ctx, other->ref, END, NULL, 0) == 0) {
        campaign_note(CAMPAIGN_chaos_crash_in_exit);
    }
}

static rim_verdict worker_end(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    const struct worker *self = state;
    (void)body;
    (void)msg;
    campaign_note(self->is_starting   ? CAMPAIGN_chaos_crash_while_starting
                  : self->is_stopping ? CAMPAIGN_chaos_crash_while_stopping
                                      : CAMPAIGN_chaos_crash);
    uint64_t how = campaign_random(8);
    return how == 0   ? RIM_STOP
           : how == 1 ? rim_fail(ctx, RIM_EXIT_SHUTDOWN, "it is done")
                      : rim_fail(ctx, RIM_EXIT_USER + 2, "chaos");
}

static rim_verdict worker_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    (void)body;
    (void)msg;
    if (self->is_stopping) {
        return rim_fail(ctx, RIM_EXIT_SHUTDOWN, "it took its time");
    }
    if (campaign_random(8) == 0) {
        campaign_note(CAMPAIGN_chaos_crash_while_starting);
        return rim_fail(ctx, RIM_EXIT_USER + 3, "chaos before its start");
    }
    self->is_starting = false;
    return succeeds(rim_start_confirm(ctx) == 0) ? RIM_DONE : RIM_FAIL;
}

/* Of those that trap exits. */
static rim_verdict worker_signal(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct worker *self = state;
    const rim_exit_event *event = body;
    (void)msg;
    if (event->linked) { /* its supervisor has ended: whoever stays then is an orphan by its own will */
        return rim_fail(ctx, event->code, "%s", event->text);
    }
    self->is_stopping = true;
    switch (campaign_random(4)) {
    case 0:
        return RIM_DONE; /* until it is killed */
    case 1:
        campaign_note(CAMPAIGN_chaos_crash_while_stopping);
        return rim_fail(ctx, RIM_EXIT_USER + 4, "chaos while it is stopped");
    case 2:
        (void)succeeds(rim_after(ctx, campaign_random(RIM_MS(3)), 0) != RIM_NIL);
        return RIM_DONE;
    default:
        return rim_fail(ctx, event->code, "%s", event->text);
    }
}

static const rim_handler worker_on[] = {
    [END] = worker_end, [RIM_TIMER] = worker_timer, [RIM_EXIT_SIGNAL] = worker_signal};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(struct worker),
                                     .init = worker_init,
                                     .exit = worker_exit,
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on)};

/* ---- at rest ---- */

static const struct life *life_of(rim_ref ref) {
    for (uint32_t i = chaos.life_count; i-- > 0;) {
        if (chaos.lives[i].ref == ref && chaos.lives[i].is_alive) {
            return &chaos.lives[i];
        }
    }
    return NULL;
}

static void compare_with_list(const rim_child_list *list) {
    uint32_t running = 0;
    for (uint32_t i = 0; i < list->count; i++) {
        const rim_child_info *info = &list->children[i];
        CAMPAIGN_CHECK(info->state == RIM_CHILD_RUNNING || info->state == RIM_CHILD_DOWN);
        CAMPAIGN_CHECK((info->state == RIM_CHILD_DOWN) == (info->ref == RIM_NIL));
        if (info->is_supervisor || info->state == RIM_CHILD_DOWN) {
            continue;
        }
        const struct life *life = life_of(info->ref);
        campaign_check(life != NULL, "who is said to run is alive: no lost DOWN");
        if (life != NULL && !life->kind.is_dynamic) {
            CAMPAIGN_CHECK(strcmp(chaos.nodes[life->kind.node].id, info->id) == 0);
        }
        running++;
    }
    campaign_check(running == chaos.alive, "who is alive runs in one place: no orphan, no double child");
    campaign_note(CAMPAIGN_chaos_rest);
}

/* ---- the boss ---- */

static const rim_child_info *random_entry(const rim_child_list *list, bool is_supervisor) {
    for (int i = 0; i < 20 && list->count > 0; i++) {
        const rim_child_info *info = &list->children[campaign_random(list->count)];
        if (info->is_supervisor == is_supervisor && info->ref != RIM_NIL) {
            return info;
        }
    }
    return NULL;
}

static void kill_one(rim_ctx *ctx, const rim_child_list *list, bool is_supervisor) {
    const rim_child_info *info = random_entry(list, is_supervisor);
    if (info == NULL || rim_kill(ctx, info->ref) != 0) {
        return;
    }
    if (!is_supervisor) {
        campaign_note(CAMPAIGN_chaos_kill_worker);
        return;
    }
    chaos.any_killed = true;
    campaign_note(info->state == RIM_CHILD_STOPPING  ? CAMPAIGN_chaos_kill_supervisor_while_stopping
                  : info->state == RIM_CHILD_RUNNING ? CAMPAIGN_chaos_kill_supervisor
                  : info->restarts > 0               ? CAMPAIGN_chaos_kill_supervisor_while_restarting
                                                     : CAMPAIGN_chaos_kill_supervisor_while_starting);
}

static rim_verdict on_outcome(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)cookie;
    (void)error;
    (void)body;
    (void)msg;
    chaos.answered++;
    return RIM_DONE;
}

static int request_of(rim_ctx *ctx, const rim_supervisor_call *call, const struct node *node, rim_ref ref) {
    const struct node *of = &chaos.nodes[node->parent];
    if (of->strategy == RIM_DYNAMIC) {
        return ref != RIM_NIL && campaign_random(2) == 0 ? rim_supervisor_terminate_dynamic(ctx, call, ref)
                                                         : rim_supervisor_start_dynamic(ctx, call, NULL, 0);
    }
    switch (campaign_random(6)) {
    case 0:
        return rim_supervisor_delete_child(ctx, call, node->id);
    case 1:
        return rim_supervisor_terminate_child(ctx, call, node->id);
    case 2:
        return rim_supervisor_get_child(ctx, call, node->id);
    case 3:
        return rim_supervisor_restart_child(ctx, call, node->id);
    default:
        for (uint32_t i = 0; i < chaos.specs[node->parent].child_count; i++) {
            if (strcmp(chaos.children[node->parent][i].id, node->id) == 0) {
                return rim_supervisor_start_child(ctx, call, &chaos.children[node->parent][i], NULL);
            }
        }
        return -EINVAL;
    }
}

/* To the supervisor that a listed child stands below, or to the root. */
static void request_something(rim_ctx *ctx, const rim_child_list *list) {
    uint32_t number = 1 + (uint32_t)campaign_random(chaos.count - 1);
    uint32_t parent = chaos.nodes[number].parent;
    const struct life *life = random_life();
    rim_ref supervisor = parent == 0 ? chaos.root : RIM_NIL;
    for (uint32_t i = 0; i < list->count; i++) {
        if (strcmp(list->children[i].id, chaos.nodes[parent].id) == 0) {
            supervisor = list->children[i].ref;
        }
    }
    if (supervisor == RIM_NIL) {
        return;
    }
    rim_supervisor_call call = {.supervisor = supervisor,
                                .timeout_ns = 1 + campaign_random(RIM_MS(20)),
                                .on_outcome = on_outcome};
    if (request_of(ctx, &call, &chaos.nodes[number], life != NULL ? life->ref : RIM_NIL) == 0) {
        chaos.asked++;
        campaign_note(CAMPAIGN_chaos_request);
    }
}

static rim_verdict boss_ask(rim_ctx *ctx, void *self, const void *body, rim_msg *msg);

static rim_verdict on_list(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    const rim_child_list *list = body;
    (void)self;
    (void)cookie;
    (void)msg;
    if (chaos.todo == LIST && (error != 0 || list->unknown > 0) && chaos.ends == 0) { /* the way was full */
        (void)succeeds(rim_after(ctx, RIM_US(100), 0) != RIM_NIL);
        return RIM_DONE;
    }
    chaos.is_listed = error == 0;
    if (error != 0) {
        return RIM_DONE;
    }
    if (chaos.todo == LIST) {
        compare_with_list(list);
    } else if (chaos.todo == REQUEST) {
        request_something(ctx, list);
    } else {
        kill_one(ctx, list, chaos.todo == KILL_SUPERVISOR);
    }
    return RIM_DONE;
}

static rim_verdict boss_ask(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    rim_supervisor_call call = {.supervisor = chaos.root, .timeout_ns = RIM_MS(20), .on_outcome = on_list};
    int error = rim_supervisor_tree(ctx, &call);
    if ((error == -RIM_EFULL || error == -ENOMEM) && chaos.todo == LIST) {
        (void)succeeds(rim_after(ctx, RIM_US(100), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

static rim_verdict on_drained(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)cookie;
    (void)body;
    (void)msg;
    CAMPAIGN_CHECK(error == 0 || error == -ETIMEDOUT || (error == -ENOMEM && chaos.is_short));
    chaos.answered++;
    return RIM_DONE;
}

static rim_verdict boss_go(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    rim_ending drain = {.who = chaos.root, .word = RIM_WORD_DRAIN, .timeout_ns = RIM_MS(500), .on_outcome = on_drained};
    memcpy(&chaos.todo, body, sizeof chaos.todo);
    switch (chaos.todo) {
    case KILL_ROOT:
        (void)succeeds(rim_kill(ctx, chaos.root) == 0);
        break;
    case SHUT_DOWN:
        (void)succeeds(rim_exit_send(ctx, chaos.root, RIM_EXIT_SHUTDOWN, "it is over") == 0);
        break;
    case DRAIN:
        chaos.asked += succeeds(rim_end(ctx, &drain, NULL) == 0);
        break;
    default:
        return boss_ask(ctx, self, NULL, msg);
    }
    return RIM_DONE;
}

static rim_verdict boss_started(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    CAMPAIGN_CHECK(chaos.starts++ == 0 && chaos.ends == 0);
    return RIM_DONE;
}

static rim_verdict boss_signal(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)msg;
    CAMPAIGN_CHECK(((const rim_exit_event *)body)->from == chaos.root);
    CAMPAIGN_CHECK(chaos.ends++ == 0);
    return RIM_DONE;
}

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    if (rim_supervise(ctx, &chaos.specs[0], &chaos.root) != 0) {
        CAMPAIGN_CHECK(chaos.is_short);
        chaos.ends = 1; /* it has never been */
    }
    chaos.is_begun = true;
    return RIM_DONE;
}

static const rim_handler boss_on[] = {
    [GO] = boss_go, [RIM_TIMER] = boss_ask, [RIM_STARTED] = boss_started, [RIM_EXIT_SIGNAL] = boss_signal};
static const rim_behaviour boss = {.name = "boss", .init = boss_init, .on = boss_on, .on_count = RIM_COUNT(boss_on)};

/* ---- a random tree ---- */

static void make_spec(uint32_t number) {
    struct node *node = &chaos.nodes[number];
    bool waits = campaign_random(2) == 0;
    chaos.specs[number] = (rim_supervisor_spec){
        .strategy = node->strategy,
        .auto_shutdown = (enum rim_auto_shutdown)campaign_random(3),
        .intensity = (uint32_t)campaign_random(20),
        .period_ns = RIM_MS(1 + campaign_random(40)),
        .backoff_min_ns = waits ? 1 + campaign_random(RIM_MS(1)) : 0,
        .backoff_max_ns = waits ? RIM_MS(4) : 0,
        .children = chaos.children[number],
    };
}

static void make_node(uint32_t number) {
    struct node *node = &chaos.nodes[number];
    *node = (struct node){.kind.node = number, .strategy = (enum rim_strategy)campaign_random(4)};
    snprintf(node->id, sizeof node->id, "n%u", number);
    node->is_supervisor = number == 0 || campaign_random(3) == 0;
    node->strategy = number == 0 ? (enum rim_strategy)campaign_random(3) : node->strategy;
    node->options = (rim_spawn_options){.place = RIM_ON_SHARD, .shard = (uint32_t)campaign_random(3)};
    for (;;) {
        node->parent = number == 0 ? 0 : (uint32_t)campaign_random(number);
        const struct node *of = &chaos.nodes[node->parent];
        if (number == 0 || (of->is_supervisor && of->strategy != RIM_DYNAMIC)) {
            break;
        }
    }
    make_spec(number);
}

static void make_child(uint32_t number) {
    struct node *node = &chaos.nodes[number];
    rim_supervisor_spec *of = &chaos.specs[node->parent];
    rim_child *child = &chaos.children[node->parent][of->child_count++];
    bool is_dynamic = of->strategy == RIM_DYNAMIC;
    node->kind.is_dynamic = is_dynamic;
    node->options.trap_exit = !node->is_supervisor && campaign_random(3) == 0;
    node->options.keep = !node->is_supervisor && campaign_random(3) == 0;
    *child = (rim_child){.id = is_dynamic ? NULL : node->id,
                         .options = &node->options,
                         .restart = campaign_random(2) == 0 ? RIM_PERMANENT : (enum rim_restart)campaign_random(3),
                         .stop = (enum rim_child_stop)campaign_random(3),
                         .stop_ns = node->is_supervisor ? 0 : 1 + campaign_random(RIM_MS(4))};
    child->significant =
        child->restart != RIM_PERMANENT && of->auto_shutdown != RIM_AUTO_NEVER && campaign_random(3) == 0;
    if (node->is_supervisor) {
        chaos.any_killed = chaos.any_killed || child->stop == RIM_CHILD_KILL;
        child->supervisor = &chaos.specs[number];
    } else {
        child->behaviour = &worker;
        child->arg = &node->kind;
        child->size = sizeof node->kind;
    }
}

/* A dynamic supervisor has one child in its spec: a template worker, which is a node of its own. */
static void add_template(uint32_t parent) {
    uint32_t number = chaos.count++;
    struct node *node = &chaos.nodes[number];
    *node = (struct node){.parent = parent, .kind.node = number};
    node->options = (rim_spawn_options){.place = RIM_ON_SHARD, .shard = (uint32_t)campaign_random(3)};
    make_child(number);
}

static void make_tree(void) {
    uint32_t count = 3 + (uint32_t)campaign_random(NODES / 2 - 3);
    chaos.count = count;
    for (uint32_t i = 0; i < count; i++) {
        make_node(i);
    }
    for (uint32_t i = 1; i < count; i++) {
        make_child(i);
    }
    for (uint32_t i = 1; i < count; i++) {
        if (chaos.nodes[i].is_supervisor && chaos.nodes[i].strategy == RIM_DYNAMIC) {
            add_template(i);
        }
    }
}

/* ---- a run ---- */

static void tell_boss(rim_system *system, rim_ref boss_ref, enum todo todo) {
    CAMPAIGN_CHECK(rim_system_send(system, boss_ref, GO, &todo, sizeof todo) == 0);
}

static void act(rim_system *system, rim_ref boss_ref) {
    struct life *life = random_life();
    switch (campaign_random(8)) {
    case 0:
        tell_boss(system, boss_ref, KILL_WORKER);
        break;
    case 1:
        tell_boss(system, boss_ref, KILL_SUPERVISOR);
        break;
    case 2:
    case 3:
    case 4:
        tell_boss(system, boss_ref, REQUEST);
        break;
    default:
        if (life != NULL) {
            CAMPAIGN_CHECK(rim_system_send(system, life->ref, END, NULL, 0) == 0);
        }
        break;
    }
}

static void rest(rim_system *system, rim_ref boss_ref) {
    campaign_settle(system, QUIET_NS);
    CAMPAIGN_CHECK(chaos.asked == chaos.answered); /* each request has had its outcome */
    chaos.is_listed = false;
    if (chaos.ends == 0 && chaos.starts == 1) {
        tell_boss(system, boss_ref, LIST);
        campaign_settle(system, QUIET_NS);
        CAMPAIGN_CHECK(chaos.is_listed || chaos.is_short);
    } else {
        campaign_check(chaos.ends == 0 || chaos.alive == 0, "nobody is left when the root has ended");
    }
}

static void end_root(rim_system *system, rim_ref boss_ref) {
    static const enum todo ways[] = {KILL_ROOT, SHUT_DOWN, DRAIN};
    enum todo way = ways[campaign_random(RIM_COUNT(ways))];
    chaos.any_killed = chaos.any_killed || way == KILL_ROOT;
    campaign_note(way == KILL_ROOT ? CAMPAIGN_chaos_root_killed : CAMPAIGN_chaos_root_ended);
    for (int i = 0; i < (chaos.is_short ? 20 : 1) && chaos.ends == 0; i++) {
        tell_boss(system, boss_ref, way);
        campaign_settle(system, QUIET_NS);
    }
    CAMPAIGN_CHECK(chaos.ends == 1);
    CAMPAIGN_CHECK(chaos.asked == chaos.answered);
    campaign_check(chaos.alive == 0, "nobody is left when the root has ended");
}

void chaos_run(uint64_t seed) {
    rim_ref boss_ref;
    memset(&chaos, 0, sizeof chaos);
    make_tree();
    CAMPAIGN_CHECK(rim_supervisor_check(&chaos.specs[0], campaign.text) == 0);
    uint32_t no_memory = campaign_random(5) == 0 ? 1 + (uint32_t)campaign_random(10) : 0;
    chaos.is_short = no_memory > 0;
    campaign.events[CAMPAIGN_chaos_without_memory] += chaos.is_short;
    rim_system *system = campaign_system(seed, no_memory);
    CAMPAIGN_CHECK(rim_system_spawn(system, &boss, &(rim_spawn_options){.trap_exit = true}, NULL, 0, &boss_ref) == 0);
    for (uint64_t i = campaign_random(60); i > 0 && campaign.wrong == NULL && chaos.ends == 0; i--) {
        rim_sim_run(system, campaign_random(8) == 0 ? campaign_random(RIM_MS(10)) : campaign_random(RIM_US(200)));
        act(system, boss_ref);
        if (campaign_random(12) == 0) {
            rest(system, boss_ref);
        }
    }
    if (campaign_random(4) == 0) {
        campaign_note(CAMPAIGN_chaos_system_stopped);
    } else {
        rest(system, boss_ref);
        if (chaos.is_begun && chaos.ends == 0 && campaign.wrong == NULL) {
            end_root(system, boss_ref);
        }
    }
    chaos.is_ending = true;
    campaign_end(system);
    campaign_check(chaos.alive == 0, "nobody is left when the system has stopped");
}
