/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "actor/supervisor.h"

#define INTENSITY_MAX 1000000u
#define CHILDREN_MAX  10000u /* their ids are compared pair by pair */
#define DEPTH_MAX     64u

static int wrong(char *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static int wrong(char *text, const char *format, ...) {
    if (text != NULL) {
        va_list args;
        va_start(args, format);
        vsnprintf(text, RIM_CHECK_TEXT, format, args);
        va_end(args);
    }
    return -EINVAL;
}

static int check_spec(const rim_supervisor_spec *spec, char *text, uint32_t depth);

static int check_id(const rim_child *child, enum rim_strategy strategy, char *text) {
    if (strategy == RIM_DYNAMIC) {
        return child->id == NULL ? 0
                                 : wrong(text, "child '%.63s': the template of dynamic children has no id", child->id);
    }
    if (child->id == NULL || child->id[0] == '\0') {
        return wrong(text, "a child has no id");
    }
    if (strlen(child->id) >= RIM_CHILD_ID_MAX) {
        return wrong(text, "child '%.63s...': an id has at most 63 bytes", child->id);
    }
    return 0;
}

static int check_start(const rim_child *child, const char *id, char *text, uint32_t depth) {
    if ((child->behaviour == NULL) == (child->supervisor == NULL)) {
        return wrong(text, "child '%s': it needs either a behaviour or a supervisor", id);
    }
    if (child->supervisor != NULL) {
        return child->size == 0 ? check_spec(child->supervisor, text, depth + 1)
                                : wrong(text, "child '%s': a supervisor takes no argument", id);
    }
    if (child->behaviour->name == NULL) {
        return wrong(text, "child '%s': its behaviour has no name", id);
    }
    if (child->size > RIM_CHILD_ARG_MAX || (child->size > 0 && child->arg == NULL)) {
        return wrong(text, "child '%s': its argument is missing, or has more than 1,024 bytes", id);
    }
    return 0;
}

static int check_significance(const rim_child *child, const char *id, enum rim_auto_shutdown auto_shutdown,
                              char *text) {
    if (!child->significant) {
        return 0;
    }
    if (child->restart == RIM_PERMANENT) {
        return wrong(text, "child '%s': a permanent child cannot be significant", id);
    }
    if (auto_shutdown == RIM_AUTO_NEVER) {
        return wrong(text, "child '%s': it is significant, but its supervisor's auto_shutdown is never", id);
    }
    return 0;
}

static int check_options(const rim_child *child, const char *id, char *text) {
    const rim_spawn_options *options = child->options;
    if (options == NULL) {
        return 0;
    }
    if (options->place < RIM_HERE || options->place > RIM_BY_HASH) {
        return wrong(text, "child '%s': its options name no place", id);
    }
    if (options->name != NULL && (options->name[0] == '\0' || strlen(options->name) >= RIM_CHILD_ID_MAX)) {
        return wrong(text, "child '%s': a name has 1 to 63 bytes", id);
    }
    if (options->keep && child->supervisor != NULL) {
        return wrong(text, "child '%s': a supervisor that failed cannot be kept", id);
    }
    if (options->link || options->monitor || options->acknowledge) {
        return wrong(text, "child '%s': link, monitor and acknowledge are its supervisor's to set", id);
    }
    return 0;
}

static int check_child(const rim_child *child, enum rim_strategy strategy, enum rim_auto_shutdown auto_shutdown,
                       char *text, uint32_t depth) {
    int error = check_id(child, strategy, text);
    if (error != 0) {
        return error;
    }
    const char *id = child->id != NULL ? child->id : "(template)";
    if (child->restart < RIM_PERMANENT || child->restart > RIM_TEMPORARY) {
        return wrong(text, "child '%s': restart is permanent, transient or temporary", id);
    }
    if (child->stop < RIM_CHILD_SHUTDOWN || child->stop > RIM_CHILD_KILL) {
        return wrong(text, "child '%s': stop is shutdown, drain or kill", id);
    }
    error = check_start(child, id, text, depth);
    error = error != 0 ? error : check_options(child, id, text);
    return error != 0 ? error : check_significance(child, id, auto_shutdown, text);
}

static int check_unique(const rim_supervisor_spec *spec, char *text) {
    for (uint32_t i = 1; i < spec->child_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(spec->children[i].id, spec->children[k].id) == 0) {
                return wrong(text, "child '%s': the id is there twice", spec->children[i].id);
            }
        }
    }
    return 0;
}

static int check_flags(const rim_supervisor_spec *spec, char *text) {
    if (spec->strategy < RIM_ONE_FOR_ONE || spec->strategy > RIM_DYNAMIC) {
        return wrong(text, "strategy: there is no strategy %d", (int)spec->strategy);
    }
    if (spec->auto_shutdown < RIM_AUTO_NEVER || spec->auto_shutdown > RIM_AUTO_ALL) {
        return wrong(text, "auto_shutdown: it is never, any or all, not %d", (int)spec->auto_shutdown);
    }
    if (spec->intensity > INTENSITY_MAX) {
        return wrong(text, "intensity: at most 1,000,000");
    }
    if (spec->intensity > 0 && spec->period_ns == 0) {
        return wrong(text, "period_ns: an intensity needs a period");
    }
    if (spec->backoff_max_ns != 0 && spec->backoff_max_ns < spec->backoff_min_ns) {
        return wrong(text, "backoff_max_ns: it is less than backoff_min_ns");
    }
    if (spec->child_count > CHILDREN_MAX || (spec->child_count > 0 && spec->children == NULL)) {
        return wrong(text, "children: they are missing, or are more than 10,000: start them later, or dynamically");
    }
    if (spec->strategy == RIM_DYNAMIC && spec->child_count != 1) {
        return wrong(text, "children: a dynamic supervisor has one, the template");
    }
    return 0;
}

static int check_spec(const rim_supervisor_spec *spec, char *text, uint32_t depth) {
    if (spec == NULL || depth > DEPTH_MAX) {
        return wrong(text, depth > DEPTH_MAX ? "the tree is deeper than 64: does it contain itself?" : "no spec");
    }
    int error = check_flags(spec, text);
    for (uint32_t i = 0; i < spec->child_count && error == 0; i++) {
        error = check_child(&spec->children[i], spec->strategy, spec->auto_shutdown, text, depth);
    }
    error = error != 0 ? error : check_unique(spec, text);
    if (error == 0 && rim__pack_size(spec) > RIM_PACK_MAX) {
        return wrong(text, "the spec and its arguments are larger than 1 GiB");
    }
    return error;
}

int rim_supervisor_check(const rim_supervisor_spec *spec, char *text) {
    return check_spec(spec, text, 0);
}

int rim_child_check(const rim_child *child, enum rim_strategy strategy, enum rim_auto_shutdown auto_shutdown,
                    char *text) {
    if (child == NULL) {
        return wrong(text, "no child");
    }
    return check_child(child, strategy, auto_shutdown, text, 0);
}
