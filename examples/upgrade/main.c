/* SPDX-License-Identifier: MIT */
/*
 * upgrade - a program whose actors come from a shared object, and get the next version of it while they work.
 *
 *     upgrade COUNTER_V1.so COUNTER_V2.so
 *
 * Counters on all shards are told to add, without a pause. In the middle the second object is loaded, all counters
 * change to it, and when nobody uses the first one any more it is unloaded. In the end no addition is missing.
 */
#include <dlfcn.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "upgrade/plugin.h"

enum { COUNTERS = 12, ROUNDS = 200, UPGRADE_AT = 80, AGAIN_NS = 1000000 };

/* What the operator is told by main, and tells it. */
struct plan {
    void *old_object, *next_object;
    const struct plugin *plugin;
    const struct plugin *next;
    sem_t over;
    uint64_t total, upgraded, of_version_2;
};

struct operation {
    struct plan *plan;
    rim_ref counters[COUNTERS];
    unsigned rounds, answers;
    bool is_upgraded;
};

static const struct plugin *load(const char *path, void **object) {
    *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct plugin *plugin = *object != NULL ? dlsym(*object, "plugin") : NULL;
    if (plugin == NULL) {
        fprintf(stderr, "upgrade: %s\n", dlerror());
    }
    return plugin;
}

/* ---- the end: how many were counted? ---- */

static rim_verdict on_answer(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct operation *self = state;
    struct answer answer;
    (void)ctx, (void)cookie, (void)msg;
    if (error != 0) {
        return RIM_STOP;
    }
    memcpy(&answer, body, sizeof answer);
    self->plan->total += answer.total;
    self->plan->of_version_2 += answer.version == 2;
    return ++self->answers == COUNTERS ? RIM_STOP : RIM_DONE;
}

static rim_verdict ask_all(rim_ctx *ctx, struct operation *self) {
    for (int i = 0; i < COUNTERS; i++) {
        rim_ask ask = {.to = self->counters[i], .tag = TOTAL, .timeout_ns = RIM_SECONDS(5), .on_outcome = on_answer};
        if (rim_request(ctx, &ask, NULL) != 0) {
            return RIM_FAIL;
        }
    }
    return RIM_DONE;
}

/* ---- the upgrade ---- */

static rim_verdict ask_upgrade(rim_ctx *ctx, struct operation *self);

/* As long as somebody waits or has failed, the old object is in use. */
static rim_verdict on_upgraded(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct operation *self = state;
    rim_upgrade_report report;
    (void)cookie, (void)msg;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "upgrade: %s", rim_strerror(error));
    }
    memcpy(&report, body, sizeof report);
    self->plan->upgraded += report.upgraded;
    if (report.failed + report.waiting + report.unreached > 0) {
        return rim_after(ctx, AGAIN_NS, 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
    }
    dlclose(self->plan->old_object);
    self->plan->old_object = NULL;
    self->is_upgraded = true;
    return self->rounds == ROUNDS ? ask_all(ctx, self) : RIM_DONE;
}

static rim_verdict ask_upgrade(rim_ctx *ctx, struct operation *self) {
    rim_upgrading upgrading = {
        .from = self->plan->plugin->behaviour,
        .to = self->plan->next->behaviour,
        .migrate = self->plan->next->migrate,
        .timeout_ns = RIM_SECONDS(5),
        .on_outcome = on_upgraded,
    };
    int error = rim_upgrade(ctx, &upgrading, NULL);
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "upgrade: %s", rim_strerror(error));
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)body, (void)msg;
    return ask_upgrade(ctx, state);
}

/* ---- the work ---- */

static rim_verdict on_round(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct operation *self = state;
    (void)body, (void)msg;
    for (int i = 0; i < COUNTERS; i++) {
        if (rim_send(ctx, self->counters[i], ADD, NULL, 0) != 0) {
            return RIM_FAIL;
        }
    }
    if (++self->rounds == UPGRADE_AT && ask_upgrade(ctx, self) != RIM_DONE) {
        return RIM_FAIL;
    }
    if (self->rounds < ROUNDS) {
        return rim_send(ctx, rim_self(ctx), ADD, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
    }
    return self->is_upgraded ? ask_all(ctx, self) : RIM_DONE;
}

static rim_verdict operator_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct operation *self = state;
    (void)size;
    memcpy(&self->plan, arg, sizeof self->plan);
    for (uint32_t i = 0; i < COUNTERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        if (rim_spawn(ctx, self->plan->plugin->behaviour, &options, NULL, 0, &self->counters[i]) != 0) {
            return RIM_FAIL;
        }
    }
    return rim_send(ctx, rim_self(ctx), ADD, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

static void operator_exit(rim_ctx *ctx, void *state, rim_exit why) {
    struct operation *self = state;
    (void)ctx, (void)why;
    sem_post(&self->plan->over);
}

static const rim_handler operator_on[] = {[RIM_TIMER] = on_timer, [ADD] = on_round};
static const rim_behaviour operator_behaviour = {
    .name = "operator",
    .state_size = sizeof(struct operation),
    .init = operator_init,
    .on = operator_on,
    .on_count = RIM_COUNT(operator_on),
    .exit = operator_exit,
};

static void tell(void *arg, int level, const char *text) {
    (void)arg, (void)level;
    fprintf(stderr, "%s\n", text);
}

static int run(struct plan *plan) {
    rim_system *system;
    rim_ref ref;
    rim_config config = {.shards = 2, .log = tell, .log_level = RIM_LOG_WARNING};
    int error = rim_system_create(&config, &system);
    if (error != 0) {
        return error;
    }
    error = rim_system_spawn(system, &operator_behaviour, NULL, &plan, sizeof plan, &ref);
    error = error != 0 ? error : rim_system_start(system);
    if (error == 0) {
        sem_wait(&plan->over);
        error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    }
    rim_system_destroy(system);
    return error;
}

int main(int argc, char **argv) {
    struct plan plan = {0};
    if (argc != 3) {
        fprintf(stderr, "usage: upgrade COUNTER_V1.so COUNTER_V2.so\n");
        return 2;
    }
    plan.plugin = load(argv[1], &plan.old_object);
    plan.next = plan.plugin != NULL ? load(argv[2], &plan.next_object) : NULL;
    if (plan.next == NULL) {
        return 1;
    }
    sem_init(&plan.over, 0, 0);
    int error = run(&plan);
    if (error != 0) {
        fprintf(stderr, "upgrade: %s\n", rim_strerror(error));
        return 1;
    }
    void *again = dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD);
    printf("%d additions, %d counted; %d of %d counters are of version 2; version 1 is %s\n", COUNTERS * ROUNDS,
           (int)plan.total, (int)plan.of_version_2, COUNTERS, again == NULL ? "unloaded" : "still there");
    bool good = plan.total == COUNTERS * ROUNDS && plan.of_version_2 == COUNTERS && again == NULL;
    return good && plan.upgraded == COUNTERS ? 0 : 1;
}
