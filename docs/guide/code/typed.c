/* SPDX-License-Identifier: MIT */
/*
 * typed.c - the same with typed messages: the compiler knows the structs, and that every message has a handler.
 */
#include <inttypes.h>
#include <ringmail.h>
#include <stdio.h>

/* clang-format off */
#define ACCOUNT(M, A)                               \
    M(A, account, deposit, { int64_t amount; })     \
    M(A, account, show, { char title[16]; })
/* clang-format on */
RIM_PROTOCOL(account, 1, ACCOUNT)

typedef struct holder {
    int64_t balance;
} holder;

RIM_ON(holder, account_deposit, ctx, self, in) {
    self->balance += in->amount;
    return RIM_DONE;
}

RIM_ON(holder, account_show, ctx, self, in) {
    printf("%s: %" PRId64 "\n", in->title, self->balance);
    return RIM_STOP;
}

RIM_BEHAVIOUR(holder, account, ACCOUNT, RIM_NO_EVENTS);

static rim_verdict customer_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    rim_ref mine;
    (void)state;
    (void)arg;
    (void)size;
    int error = rim_spawn(ctx, &holder_behaviour, NULL, NULL, 0, &mine);
    for (int64_t i = 1; i <= 4 && error == 0; i++) {
        error = rim_tell(ctx, mine, account_deposit, .amount = i * 10);
    }
    if (error == 0) {
        error = rim_tell(ctx, mine, account_show, .title = "balance");
    }
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
}

static const rim_behaviour customer = {.name = "customer", .init = customer_init};

int main(void) {
    rim_system *system;
    rim_ref someone;
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &customer, NULL, NULL, 0, &someone);
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
balance: 100
*/
