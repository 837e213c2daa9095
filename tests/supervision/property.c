/* SPDX-License-Identifier: MIT */
/*
 * The same tree as a model and as actors. One thing after the other is done to both; each time the traces must be
 * alike, and the outcomes, and the tree as it is listed. Where a supervisor was killed, those below it end in no
 * order: then the words must be the same ones.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "campaign.h"
#include "model.h"

enum { DO = RIM_USER, END };
enum todo { CRASH, KILL, TERMINATE, RESTART, DELETE, ADD, LIST, STOP, TODOS };

struct order {
    enum todo todo;
    uint32_t number, code;
};

static struct property {
    struct model model;
    rim_child children[MODEL_NODES][MODEL_NODES];
    rim_supervisor_spec specs[MODEL_NODES];
    rim_spawn_options options[MODEL_NODES];
    uint64_t numbers[MODEL_NODES];
    char ids[MODEL_NODES][16];
    /* what the actors did */
    char trace[MODEL_TRACE];
    size_t length;
    uint32_t starts[MODEL_NODES];
    rim_ref refs[MODEL_NODES];
    bool started, ended, answered;
    uint32_t end_code;
    int outcome;
    struct order order;
    char list[2048];
} property;

/* ---- the workers ---- */

static void trace(const char *format, uint64_t number, uint32_t code) {
    property.length += (size_t)snprintf(property.trace + property.length, MODEL_TRACE - property.length, format,
                                        (unsigned)number, code);
}

static rim_verdict worker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    uint64_t number;
    CAMPAIGN_CHECK(size == sizeof number);
    memcpy(&number, arg, sizeof number);
    *(uint64_t *)self = number;
    switch (model_plan(property.model.nodes[number].plan, property.starts[number]++)) {
    case '-':
        trace("!%u ", number, 0);
        return rim_fail(ctx, RIM_EXIT_USER, "by its plan");
    case 'i':
        trace("?%u ", number, 0);
        return RIM_STOP;
    default:
        trace("+%u ", number, 0);
        return RIM_DONE;
    }
}

static void worker_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    trace("-%u:%u ", *(uint64_t *)self, why.code);
}

static rim_verdict worker_end(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    uint32_t code;
    (void)self;
    (void)msg;
    memcpy(&code, body, sizeof code);
    return code == RIM_EXIT_NORMAL ? RIM_STOP : rim_fail(ctx, code, "it was told to");
}

static const rim_handler worker_on[] = {[END] = worker_end};
static const rim_behaviour worker = {.name = "worker",
                                     .state_size = sizeof(uint64_t),
                                     .init = worker_init,
                                     .exit = worker_exit,
                                     .on = worker_on,
                                     .on_count = RIM_COUNT(worker_on)};

/* ---- the boss ---- */

static void note_entry(const rim_child_info *info, char **at) {
    uint32_t number = (uint32_t)strtoul(info->id + 1, NULL, 10);
    property.refs[number] = info->ref;
    char state = info->state == RIM_CHILD_RUNNING ? '+' : info->state == RIM_CHILD_DOWN ? '-' : '?';
    *at += sprintf(*at, "%.*s%s%c ", (int)info->depth, "................", info->id, state);
}

static rim_verdict on_answer(rim_ctx *ctx, void *self, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)self;
    (void)cookie;
    (void)msg;
    property.outcome = error;
    property.answered = true;
    if (property.order.todo == LIST && error == 0) {
        const rim_child_list *list = body;
        char *at = property.list;
        if (list->unknown > 0) { /* the way to one of them was full */
            property.answered = false;
            CAMPAIGN_CHECK(rim_after(ctx, RIM_US(100), 0) != RIM_NIL);
            return RIM_DONE;
        }
        *at = '\0';
        for (uint32_t i = 0; i < list->count; i++) {
            note_entry(&list->children[i], &at);
        }
    }
    return RIM_DONE;
}

static int ask(rim_ctx *ctx, const struct order *order) {
    const struct model_node *node = &property.model.nodes[order->number];
    rim_supervisor_call call = {.supervisor = property.refs[order->todo == LIST ? 0 : node->parent],
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = on_answer};
    const char *id = property.ids[order->number];
    switch (order->todo) {
    case TERMINATE:
        return rim_supervisor_terminate_child(ctx, &call, id);
    case RESTART:
        return rim_supervisor_restart_child(ctx, &call, id);
    case DELETE:
        return rim_supervisor_delete_child(ctx, &call, id);
    case ADD:
        for (uint32_t i = 0; i < property.specs[node->parent].child_count; i++) {
            const rim_child *child = &property.children[node->parent][i];
            if (strcmp(child->id, id) == 0) {
                return rim_supervisor_start_child(ctx, &call, child, NULL);
            }
        }
        return -EINVAL;
    default:
        return rim_supervisor_tree(ctx, &call);
    }
}

/* The way may be full: then it asks again. */
static rim_verdict boss_ask(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)self;
    (void)body;
    (void)msg;
    int error = ask(ctx, &property.order);
    property.answered = false;
    CAMPAIGN_CHECK(error == 0 || error == -RIM_EFULL);
    if (error == -RIM_EFULL) {
        CAMPAIGN_CHECK(rim_after(ctx, RIM_US(100), 0) != RIM_NIL);
    }
    return RIM_DONE;
}

static rim_verdict boss_do(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)msg;
    memcpy(&property.order, body, sizeof property.order);
    const struct order *order = &property.order;
    rim_ref who = property.refs[order->number];
    property.answered = true;
    switch (order->todo) {
    case CRASH:
        if (order->code == RIM_EXIT_KILLED) {
            CAMPAIGN_CHECK(rim_kill(ctx, who) == 0);
        } else {
            CAMPAIGN_CHECK(rim_exit_send(ctx, who, order->code, "crash") == 0);
        }
        break;
    case KILL:
        CAMPAIGN_CHECK(rim_kill(ctx, who) == 0);
        break;
    case STOP:
        CAMPAIGN_CHECK(rim_exit_send(ctx, property.refs[0], RIM_EXIT_SHUTDOWN, "stop") == 0);
        break;
    default:
        return boss_ask(ctx, self, NULL, NULL);
    }
    return RIM_DONE;
}

static rim_verdict boss_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    return rim_supervise(ctx, &property.specs[0], &property.refs[0]) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict boss_started(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)ctx;
    (void)self;
    (void)body;
    (void)msg;
    CAMPAIGN_CHECK(!property.started && !property.ended);
    property.started = true;
    return RIM_DONE;
}

static rim_verdict boss_signal(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_exit_event *event = body;
    (void)ctx;
    (void)self;
    (void)msg;
    CAMPAIGN_CHECK(event->from == property.refs[0] && !property.ended);
    property.ended = true;
    property.end_code = event->code;
    return RIM_DONE;
}

static const rim_handler boss_on[] = {
    [DO] = boss_do, [RIM_TIMER] = boss_ask, [RIM_STARTED] = boss_started, [RIM_EXIT_SIGNAL] = boss_signal};
static const rim_behaviour boss = {.name = "boss", .init = boss_init, .on = boss_on, .on_count = RIM_COUNT(boss_on)};

/* ---- a random tree ---- */

static void make_plan(char *plan) {
    static const char letters[] = "+++++++++++++--i";
    uint64_t length = 1 + campaign_random(MODEL_PLAN - 2);
    for (uint64_t i = 0; i < length; i++) {
        plan[i] = letters[campaign_random(i == 0 ? 12 : sizeof letters - 1)];
    }
    if (campaign_random(60) == 0) {
        plan[0] = campaign_random(2) == 0 ? '-' : 'i';
    }
    plan[length] = '\0';
    if (campaign_random(8) != 0) {
        plan[length - 1] = '+'; /* for ever */
    }
}

static void make_node(struct model *model, uint32_t number) {
    struct model_node *node = &model->nodes[number];
    *node = (struct model_node){.number = number};
    do { /* a parent among those before */
        node->parent = number == 0 ? 0 : (uint32_t)campaign_random(number);
    } while (number != 0 && !model->nodes[node->parent].is_supervisor);
    node->is_supervisor = number == 0 || campaign_random(3) == 0;
    node->strategy = (enum rim_strategy)campaign_random(3);
    node->auto_shutdown = (enum rim_auto_shutdown)campaign_random(3);
    node->intensity = (uint32_t)campaign_random(6);
    node->restart = campaign_random(2) == 0 ? RIM_PERMANENT : (enum rim_restart)campaign_random(3);
    node->brutal = campaign_random(6) == 0;
    node->position = number;
    node->significant = number != 0 && node->restart != RIM_PERMANENT && campaign_random(4) == 0 &&
                        model->nodes[node->parent].auto_shutdown != RIM_AUTO_NEVER;
    make_plan(node->plan);
}

static void make_spec(uint32_t number) {
    const struct model_node *node = &property.model.nodes[number];
    property.specs[number] = (rim_supervisor_spec){.strategy = node->strategy,
                                                   .auto_shutdown = node->auto_shutdown,
                                                   .intensity = node->intensity,
                                                   .period_ns = RIM_SECONDS(1000000),
                                                   .children = property.children[number]};
}

static void make_child(uint32_t number) {
    const struct model_node *node = &property.model.nodes[number];
    rim_supervisor_spec *of = &property.specs[node->parent];
    rim_child *child = &property.children[node->parent][of->child_count++];
    snprintf(property.ids[number], sizeof property.ids[number], "n%u", number);
    property.numbers[number] = number;
    property.options[number] = (rim_spawn_options){.place = RIM_ON_SHARD, .shard = (uint32_t)campaign_random(3)};
    *child = (rim_child){.id = property.ids[number],
                         .options = &property.options[number],
                         .restart = node->restart,
                         .significant = node->significant,
                         .stop = node->brutal ? RIM_CHILD_KILL : RIM_CHILD_SHUTDOWN};
    if (node->is_supervisor) {
        child->supervisor = &property.specs[number];
    } else {
        child->behaviour = &worker;
        child->arg = &property.numbers[number];
        child->size = sizeof property.numbers[number];
    }
}

static void make_tree(void) {
    struct model *model = &property.model;
    model->count = 2 + (uint32_t)campaign_random(MODEL_NODES / 2);
    for (uint32_t i = 0; i < model->count; i++) {
        make_node(model, i);
        make_spec(i);
    }
    for (uint32_t i = 1; i < model->count; i++) {
        make_child(i);
    }
}

/* ---- comparing ---- */

static int compare_words(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort_words(char *text) {
    static char *words[MODEL_TRACE / 3];
    static char copy[MODEL_TRACE];
    size_t count = 0;
    strcpy(copy, text);
    for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " ")) {
        words[count++] = word;
    }
    qsort(words, count, sizeof words[0], compare_words);
    char *at = text;
    for (size_t i = 0; i < count; i++) {
        at += sprintf(at, "%s ", words[i]);
    }
}

static void differ(const char *what, const char *is, const char *wanted) {
    if (campaign.wrong == NULL) {
        campaign.wrong = what;
        snprintf(campaign.text, sizeof campaign.text, "    order: %d of %u, %u\n    is:   %.1500s\n    want: %.1500s\n",
                 property.order.todo, property.order.number, property.order.code, is, wanted);
    }
}

static void compare_traces(void) {
    if (property.model.is_unordered) {
        sort_words(property.trace);
        sort_words(property.model.trace);
    }
    if (strcmp(property.trace, property.model.trace) != 0) {
        differ("the trace is the model's", property.trace, property.model.trace);
    }
    property.model.is_unordered = false;
    property.model.length = property.length = 0;
    property.model.trace[0] = property.trace[0] = '\0';
}

static void compare_ends(void) {
    CAMPAIGN_CHECK(property.ended == property.model.is_over);
    CAMPAIGN_CHECK(!property.ended || property.end_code == property.model.end_code);
}

static void do_order(rim_system *system, rim_ref boss_ref, struct order order) {
    property.order = order;
    property.answered = true;
    if (order.todo == CRASH && order.code != RIM_EXIT_KILLED && order.code != RIM_EXIT_SHUTDOWN) {
        CAMPAIGN_CHECK(rim_system_send(system, property.refs[order.number], END, &order.code, sizeof order.code) == 0);
    } else {
        CAMPAIGN_CHECK(rim_system_send(system, boss_ref, DO, &order, sizeof order) == 0);
    }
    campaign_settle(system, RIM_MS(30));
    CAMPAIGN_CHECK(property.answered);
}

/* ---- doing the same to both ---- */

static int do_to_model(struct model *model, const struct order *order) {
    switch (order->todo) {
    case CRASH:
        model_crash(model, order->number, order->code);
        return 0;
    case KILL:
        model_kill(model, order->number);
        return 0;
    case TERMINATE:
        return model_terminate(model, order->number);
    case RESTART:
        return model_restart(model, order->number);
    case DELETE:
        return model_delete(model, order->number);
    case ADD:
        return model_add(model, order->number);
    case STOP:
        model_stop(model);
        return 0;
    default:
        return 0;
    }
}

static bool is_possible(const struct model *model, const struct order *order) {
    const struct model_node *node = &model->nodes[order->number];
    switch (order->todo) {
    case CRASH:
        return node->up && !node->is_supervisor;
    case KILL:
        return node->up && node->is_supervisor && node->number != 0;
    default:
        return model_has_parent(model, order->number);
    }
}

static struct order choose(const struct model *model) {
    static const uint32_t codes[] = {RIM_EXIT_NORMAL, RIM_EXIT_SHUTDOWN, RIM_EXIT_KILLED, RIM_EXIT_USER + 1,
                                     RIM_EXIT_USER + 1};
    static const enum todo todos[] = {CRASH, CRASH, CRASH, CRASH, KILL, TERMINATE, RESTART, RESTART, DELETE, ADD};
    for (int i = 0; i < 200; i++) {
        struct order order = {.todo = todos[campaign_random(RIM_COUNT(todos))],
                              .number = (uint32_t)campaign_random(model->count),
                              .code = codes[campaign_random(RIM_COUNT(codes))]};
        if (order.number != 0 && is_possible(model, &order)) {
            return order;
        }
    }
    return (struct order){.todo = STOP};
}

static void note_order(const struct order *order, int outcome) {
    campaign_note(order->todo == CRASH  ? CAMPAIGN_property_crash
                  : order->todo == KILL ? CAMPAIGN_property_kill
                  : order->todo == STOP ? CAMPAIGN_property_stop
                  : outcome == 0        ? CAMPAIGN_property_request
                                        : CAMPAIGN_property_request_refused);
}

static void step(rim_system *system, rim_ref boss_ref, bool is_last) {
    static char wanted[4096];
    struct model *model = &property.model;
    do_order(system, boss_ref, (struct order){.todo = LIST});
    model_list(model, wanted);
    if (property.outcome != 0 || strcmp(wanted, property.list) != 0) {
        differ("the tree is the model's", property.list, wanted);
        return;
    }
    struct order order = is_last ? (struct order){.todo = STOP} : choose(model);
    do_order(system, boss_ref, order);
    int wanted_outcome = do_to_model(model, &order);
    note_order(&order, wanted_outcome);
    bool is_request = order.todo != CRASH && order.todo != KILL && order.todo != STOP;
    if (is_request && property.outcome != wanted_outcome) {
        differ("the outcome is the model's", rim_error_name(property.outcome), rim_error_name(wanted_outcome));
    }
    compare_traces();
    compare_ends();
}

void property_run(uint64_t seed) {
    rim_ref boss_ref;
    memset(&property, 0, sizeof property);
    make_tree();
    rim_system *system = campaign_system(seed, 0);
    CAMPAIGN_CHECK(rim_system_spawn(system, &boss, &(rim_spawn_options){.trap_exit = true}, NULL, 0, &boss_ref) == 0);
    campaign_settle(system, RIM_MS(30));
    bool is_started = model_start(&property.model);
    campaign_note(is_started ? CAMPAIGN_property_started : CAMPAIGN_property_not_started);
    CAMPAIGN_CHECK(property.started == is_started);
    compare_traces();
    compare_ends();
    for (uint64_t i = 3 + campaign_random(40); i > 0 && !property.model.is_over && campaign.wrong == NULL; i--) {
        step(system, boss_ref, i == 1);
    }
    if (property.model.is_over && is_started) {
        campaign_note(CAMPAIGN_property_root_ended);
    }
    campaign_end(system);
}
