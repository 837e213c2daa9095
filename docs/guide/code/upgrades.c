/* SPDX-License-Identifier: MIT */
/*
 * upgrades.c - counters of version 1 become counters of version 2, which also keep the largest number.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

enum { NUMBER = RIM_USER, REPORT, COUNTERS = 4 };

struct counter_1 {
    uint64_t sum;
};

struct counter_2 {
    uint64_t sum, largest;
};

/* ---- version 1 ---- */

static rim_verdict number_1(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct counter_1 *self = state;
    self->sum += *(const uint64_t *)body;
    return RIM_DONE;
}

static const rim_handler on_1[] = {[NUMBER] = number_1};
static const rim_behaviour counter_1 = {
    .name = "counter",
    .version = 1,
    .state_size = sizeof(struct counter_1),
    .on = on_1,
    .on_count = RIM_COUNT(on_1),
};

/* ---- version 2 ---- */

static rim_verdict number_2(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct counter_2 *self = state;
    uint64_t number = *(const uint64_t *)body;
    self->sum += number;
    self->largest = number > self->largest ? number : self->largest;
    return RIM_DONE;
}

static rim_verdict report_2(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    const struct counter_2 *self = state;
    printf("sum %d; the largest is known: %s\n", (int)self->sum, self->largest >= 7 ? "yes" : "no");
    return RIM_DONE;
}

static const rim_handler on_2[] = {[NUMBER] = number_2, [REPORT] = report_2};
static const rim_behaviour counter_2 = {
    .name = "counter",
    .version = 2,
    .state_size = sizeof(struct counter_2),
    .on = on_2,
    .on_count = RIM_COUNT(on_2),
};

/* Fills the new state, which is zeroed, from the old one. */
static int migrate(rim_ctx *ctx UNUSED, const void *old, void *fresh, const void *arg UNUSED) {
    const struct counter_1 *from = old;
    struct counter_2 *to = fresh;
    to->sum = from->sum;
    return 0;
}

/* ---- the one who upgrades ---- */

struct operation {
    rim_ref counters[COUNTERS];
};

static void tell_all(rim_ctx *ctx, const struct operation *self, uint64_t number) {
    for (int i = 0; i < COUNTERS; i++) {
        rim_send(ctx, self->counters[i], NUMBER, &number, sizeof number);
    }
}

static rim_verdict on_upgraded(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                               rim_msg *msg UNUSED) {
    struct operation *self = state;
    rim_upgrade_report report;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
    }
    memcpy(&report, body, sizeof report);
    printf("%d upgraded, %d failed\n", (int)report.upgraded, (int)report.failed);
    tell_all(ctx, self, 7);
    tell_all(ctx, self, 5);
    rim_send(ctx, self->counters[COUNTERS - 1], REPORT, NULL, 0);
    return RIM_DONE;
}

static rim_verdict operator_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct operation *self = state;
    for (uint32_t i = 0; i < COUNTERS; i++) {
        rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = i % rim_shard_count(ctx)};
        if (rim_spawn(ctx, &counter_1, &options, NULL, 0, &self->counters[i]) != 0) {
            return RIM_FAIL;
        }
    }
    tell_all(ctx, self, 30);
    rim_upgrading backwards = {.from = &counter_2,
                               .to = &counter_1,
                               .timeout_ns = RIM_SECONDS(5),
                               .on_outcome = on_upgraded};
    if (rim_upgrade(ctx, &backwards, NULL) != 0) {
        printf("%s\n", rim_error_text(ctx));
    }
    rim_upgrading upgrading = {
        .from = &counter_1,
        .to = &counter_2,
        .migrate = migrate,
        .timeout_ns = RIM_SECONDS(5),
        .on_outcome = on_upgraded,
    };
    return rim_upgrade(ctx, &upgrading, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour operator_behaviour = {.name = "operator",
                                                 .state_size = sizeof(struct operation),
                                                 .init = operator_init};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(&(rim_config){.shards = 2}, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &operator_behaviour, NULL, NULL, 0, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "%s\n", rim_strerror(error));
        return 1;
    }
    error = rim_system_stop(system, RIM_SECONDS(5), NULL);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}

/* output:
upgrade of counter from version 2 to 1 refused: the new version is not above the old one
4 upgraded, 0 failed
sum 42; the largest is known: yes
*/
