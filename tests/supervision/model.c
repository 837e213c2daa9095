/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum started { OK, FAILED, IGNORED };

static enum started start(struct model *model, struct model_node *node);
static void ended(struct model *model, struct model_node *node, uint32_t code);

static void trace(struct model *model, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void trace(struct model *model, const char *format, ...) {
    va_list args;
    va_start(args, format);
    model->length += (size_t)vsnprintf(model->trace + model->length, MODEL_TRACE - model->length, format, args);
    va_end(args);
}

char model_plan(const char *plan, uint32_t start_number) {
    size_t length = strlen(plan);
    return length == 0 ? '+' : plan[start_number < length ? start_number : length - 1];
}

static bool is_child(const struct model_node *node, const struct model_node *of) {
    return node->number != 0 && node->parent == of->number;
}

/* The children of a supervisor, in the order of start, one way or the other; NULL after the last. */
static struct model_node *next_child(struct model *model, const struct model_node *of, struct model_node *after) {
    struct model_node *next = NULL;
    for (uint32_t i = 1; i < model->count; i++) {
        struct model_node *node = &model->nodes[i];
        bool is_later = after == NULL || node->position > after->position;
        if (is_child(node, of) && node->present && is_later && (next == NULL || node->position < next->position)) {
            next = node;
        }
    }
    return next;
}

static struct model_node *previous_child(struct model *model, const struct model_node *of, struct model_node *before) {
    struct model_node *previous = NULL;
    for (uint32_t i = 1; i < model->count; i++) {
        struct model_node *node = &model->nodes[i];
        bool is_earlier = before == NULL || node->position < before->position;
        if (is_child(node, of) && node->present && is_earlier &&
            (previous == NULL || node->position > previous->position)) {
            previous = node;
        }
    }
    return previous;
}

#define EACH_CHILD(model, of, child)                                                                                   \
    for (struct model_node *child = NULL; (child = next_child(model, of, child)) != NULL;)
#define EACH_CHILD_BACK(model, of, child)                                                                              \
    for (struct model_node *child = NULL; (child = previous_child(model, of, child)) != NULL;)

/* ---- stopping ---- */

/* With `code` for itself; those below a supervisor that ends in an orderly way get a shutdown. */
static void stop(struct model *model, struct model_node *node, uint32_t code);

static void stop_children(struct model *model, struct model_node *node) {
    EACH_CHILD_BACK(model, node, child) {
        if (child->up) {
            stop(model, child, child->brutal ? RIM_EXIT_KILLED : RIM_EXIT_SHUTDOWN);
        }
    }
}

/* By the link: workers die with the code; supervisors trap it, and end in an orderly way. */
static void die_children(struct model *model, struct model_node *node) {
    EACH_CHILD_BACK(model, node, child) {
        if (child->up && child->is_supervisor) {
            stop(model, child, RIM_EXIT_SHUTDOWN);
        } else if (child->up) {
            stop(model, child, RIM_EXIT_KILLED);
        }
    }
}

static void stop(struct model *model, struct model_node *node, uint32_t code) {
    node->up = false;
    if (!node->is_supervisor) {
        trace(model, "-%u:%u ", node->number, code);
    } else if (code == RIM_EXIT_KILLED) {
        model->is_unordered = true;
        die_children(model, node);
    } else {
        stop_children(model, node);
    }
}

/* ---- starting ---- */

static void forget_below(struct model *model, const struct model_node *node) {
    for (uint32_t i = 1; i < model->count; i++) {
        if (is_child(&model->nodes[i], node)) {
            model->nodes[i].present = true; /* the spec of a supervisor is as it was */
            model->nodes[i].up = false;
            model->nodes[i].position = i;
        }
    }
}

/* Starts all from the first on. NULL, or the one that did not start. */
static struct model_node *start_from(struct model *model, struct model_node *of, struct model_node *first) {
    EACH_CHILD(model, of, child) {
        if (first != NULL && child->position < first->position) {
            continue;
        }
        enum started result = start(model, child);
        if (result == FAILED) {
            return child;
        }
        if (result == IGNORED && child->restart == RIM_TEMPORARY) {
            child->present = false;
        }
    }
    return NULL;
}

static enum started start_worker(struct model *model, struct model_node *node) {
    switch (model_plan(node->plan, node->starts++)) {
    case '-':
        trace(model, "!%u ", node->number);
        return FAILED;
    case 'i':
        trace(model, "?%u ", node->number);
        return IGNORED;
    default:
        trace(model, "+%u ", node->number);
        node->up = true;
        return OK;
    }
}

static enum started start(struct model *model, struct model_node *node) {
    if (!node->is_supervisor) {
        return start_worker(model, node);
    }
    node->restarts = 0;
    forget_below(model, node);
    if (start_from(model, node, NULL) != NULL) {
        stop_children(model, node);
        return FAILED;
    }
    node->up = true;
    return OK;
}

/* ---- restarting ---- */

static void give_up(struct model *model, struct model_node *node, uint32_t code) {
    stop_children(model, node);
    node->up = false;
    ended(model, node, code);
}

static void stop_group(struct model *model, struct model_node *of, const struct model_node *first) {
    EACH_CHILD_BACK(model, of, child) {
        if (first != NULL && child->position < first->position) {
            break;
        }
        if (child->up) {
            stop(model, child, child->brutal ? RIM_EXIT_KILLED : RIM_EXIT_SHUTDOWN);
        }
        if (child->restart == RIM_TEMPORARY) {
            child->present = false;
        }
    }
}

/* Until the restart succeeds, or was one too many. */
static void restart(struct model *model, struct model_node *of, struct model_node *child) {
    while (child != NULL) {
        if (++of->restarts > of->intensity) {
            give_up(model, of, RIM_EXIT_SHUTDOWN);
            return;
        }
        if (of->strategy == RIM_ONE_FOR_ONE) {
            enum started result = start(model, child);
            child->present = result != IGNORED || child->restart != RIM_TEMPORARY;
            child = result == FAILED ? child : NULL;
        } else {
            struct model_node *first = of->strategy == RIM_ONE_FOR_ALL ? NULL : child;
            stop_group(model, of, first);
            child = start_from(model, of, first);
        }
    }
}

static bool any_significant(struct model *model, struct model_node *of) {
    EACH_CHILD(model, of, child) {
        if (child->significant && child->up) {
            return true;
        }
    }
    return false;
}

static bool is_normal(uint32_t code) {
    return code == RIM_EXIT_NORMAL || code == RIM_EXIT_SHUTDOWN;
}

/* A child is down, and was not told to. */
static void ended(struct model *model, struct model_node *node, uint32_t code) {
    if (node->number == 0) {
        model->is_over = true;
        model->end_code = code;
        return;
    }
    struct model_node *of = &model->nodes[node->parent];
    if (node->restart == RIM_PERMANENT || (node->restart == RIM_TRANSIENT && !is_normal(code))) {
        restart(model, of, node);
        return;
    }
    if (node->restart == RIM_TEMPORARY) {
        node->present = false;
    }
    if (!node->significant || of->auto_shutdown == RIM_AUTO_NEVER) {
        return;
    }
    if (of->auto_shutdown == RIM_AUTO_ANY || !any_significant(model, of)) {
        give_up(model, of, RIM_EXIT_SHUTDOWN);
    }
}

/* ---- what is done to it ---- */

bool model_start(struct model *model) {
    bool is_ok = start(model, &model->nodes[0]) == OK;
    model->is_over = !is_ok;
    model->end_code = is_ok ? 0 : RIM_EXIT_INIT;
    return is_ok;
}

void model_crash(struct model *model, uint32_t number, uint32_t code) {
    stop(model, &model->nodes[number], code);
    ended(model, &model->nodes[number], code);
}

void model_kill(struct model *model, uint32_t number) {
    stop(model, &model->nodes[number], RIM_EXIT_KILLED);
    ended(model, &model->nodes[number], RIM_EXIT_KILLED);
}

void model_stop(struct model *model) {
    stop_children(model, &model->nodes[0]);
    model->nodes[0].up = false;
    ended(model, &model->nodes[0], RIM_EXIT_SHUTDOWN);
}

bool model_has_parent(const struct model *model, uint32_t number) {
    return number != 0 && model->nodes[model->nodes[number].parent].up;
}

static void list_below(struct model *model, const struct model_node *of, int depth, char **at) {
    EACH_CHILD(model, of, child) {
        *at += sprintf(*at, "%.*sn%u%c ", depth, "................", child->number, child->up ? '+' : '-');
        if (child->is_supervisor && child->up) {
            list_below(model, child, depth + 1, at);
        }
    }
}

void model_list(struct model *model, char *text) {
    *text = '\0';
    list_below(model, &model->nodes[0], 0, &text);
}

int model_terminate(struct model *model, uint32_t number) {
    struct model_node *node = &model->nodes[number];
    if (!node->present) {
        return -RIM_ENOCHILD;
    }
    if (node->up) {
        stop(model, node, node->brutal ? RIM_EXIT_KILLED : RIM_EXIT_SHUTDOWN);
        node->present = node->restart != RIM_TEMPORARY;
    }
    return 0;
}

static int start_alone(struct model *model, struct model_node *node) {
    enum started result = start(model, node);
    if (result == IGNORED && node->restart == RIM_TEMPORARY) {
        node->present = false;
    }
    return result == FAILED ? -RIM_ESTART : 0;
}

int model_restart(struct model *model, uint32_t number) {
    struct model_node *node = &model->nodes[number];
    return !node->present ? -RIM_ENOCHILD : node->up ? -RIM_ERUNNING : start_alone(model, node);
}

int model_delete(struct model *model, uint32_t number) {
    struct model_node *node = &model->nodes[number];
    if (!node->present || node->up) {
        return node->present ? -RIM_ERUNNING : -RIM_ENOCHILD;
    }
    node->present = false;
    return 0;
}

int model_add(struct model *model, uint32_t number) {
    struct model_node *node = &model->nodes[number];
    if (node->present) {
        return node->up ? -RIM_ESTARTED : -RIM_EPRESENT;
    }
    node->present = true;
    node->position = MODEL_NODES + model->added++;
    int error = start_alone(model, node);
    node->present = node->present && error == 0;
    return error;
}
