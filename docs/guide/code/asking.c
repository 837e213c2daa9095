/* SPDX-License-Identifier: MIT */
/*
 * asking.c - three replicas are asked at once and two answers are enough; what cannot be answered here is passed on.
 */
#include <errno.h>
#include <ringmail.h>
#include <stdio.h>

#define UNUSED __attribute__((unused))

enum { READ = RIM_USER, VALUE };

/* ---- a replica: has the value, passes the question on to the one who has, or is slow ---- */

struct replica {
    int value; /* 0: it has none */
    rim_ref next;
};

static rim_verdict replica_init(rim_ctx *ctx UNUSED, void *state, const void *arg, size_t size UNUSED) {
    *(struct replica *)state = *(const struct replica *)arg;
    return RIM_DONE;
}

static rim_verdict on_read(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg) {
    struct replica *self = state;
    if (self->next != RIM_NIL) {
        rim_forward(ctx, self->next, msg); /* it answers whoever asked us, and until the same deadline */
        return RIM_DONE;
    }
    if (self->value == 0) {
        (void)rim_defer(ctx); /* never */
        return RIM_DONE;
    }
    rim_reply(ctx, RIM_NIL, VALUE, &self->value, sizeof self->value);
    return RIM_DONE;
}

static const rim_handler replica_on[] = {[READ] = on_read};
static const rim_behaviour replica = {
    .name = "replica",
    .state_size = sizeof(struct replica),
    .on = replica_on,
    .on_count = RIM_COUNT(replica_on),
    .init = replica_init,
};

/* ---- who asks ---- */

static rim_verdict on_read_two(rim_ctx *ctx UNUSED, void *state UNUSED, uint64_t cookie UNUSED, int error,
                               const rim_answer *answers, uint32_t count) {
    printf("two of three: %s\n", error == 0 ? "yes" : rim_error_name(error));
    for (uint32_t i = 0; i < count; i++) {
        if (answers[i].error == 0) {
            printf("replica %u: %d\n", i, *(const int *)answers[i].body);
        } else {
            printf("replica %u: %s\n", i, rim_error_name(answers[i].error));
        }
    }
    return RIM_STOP;
}

static rim_verdict reader_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    rim_ref primary, replicas[3];
    struct replica roles[4] = {{.value = 42}, {.value = 42}, {.value = 0}, {.value = 0}};
    if (rim_spawn(ctx, &replica, NULL, &roles[0], sizeof roles[0], &primary) != 0) {
        return RIM_FAIL;
    }
    roles[3].next = primary;
    for (int i = 0; i < 3; i++) {
        if (rim_spawn(ctx, &replica, NULL, &roles[i + 1], sizeof roles[0], &replicas[i]) != 0) {
            return RIM_FAIL;
        }
    }
    rim_ask asks[3] = {
        {.to = replicas[0], .tag = READ},
        {.to = replicas[1], .tag = READ},
        {.to = replicas[2], .tag = READ},
    };
    rim_gathering two_of_three = {
        .asks = asks,
        .count = 3,
        .quorum = 2,
        .timeout_ns = RIM_SECONDS(5),
        .on_gathered = on_read_two,
    };
    return rim_gather(ctx, &two_of_three, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static const rim_behaviour reader = {.name = "reader", .init = reader_init};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &reader, NULL, NULL, 0, &someone);
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
two of three: yes
replica 0: 42
replica 1: ECANCELED
replica 2: 42
*/
