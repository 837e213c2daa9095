/* SPDX-License-Identifier: MIT */
/* Typed messages: typed.h. */
#include "role.h"

#define METER(M, A)                                                                                                    \
    M(A, meter, add, { int64_t by; })                                                                                  \
    M(A, meter, get, { uint32_t flags; })                                                                              \
    M(A, meter, total, { int64_t value; })
RIM_PROTOCOL(meter, 0x0101, METER)

typedef struct gauge {
    int64_t total;
} gauge;

RIM_ON(gauge, meter_add, ctx, self, in) {
    self->total += in->by;
    return RIM_DONE;
}

RIM_ON(gauge, meter_get, ctx, self, in) {
    CHECK(in->flags == 9);
    return rim_answer(ctx, meter_total, .value = self->total);
}

RIM_ON(gauge, meter_total, ctx, self, in) {
    CHECK(!"nobody tells it a total of the right size");
    return RIM_DONE;
}
RIM_BEHAVIOUR(gauge, meter, METER, RIM_NO_EVENTS);

struct typed {
    rim_ref gauge;
    unsigned outcomes, letters;
};

ROLE_OUTCOME(typed_outcome) {
    struct typed *world = role_world(self);
    const meter_total *total = rim_as(meter_total, msg);
    if (cookie == 1) {
        CHECK(error == 0);
        CHECK(total != NULL && total->value == 7);
        CHECK(rim_as(meter_add, msg) == NULL);
    } else {
        CHECK(error == -EBADMSG);
        CHECK(total == NULL);
    }
    if (++world->outcomes == 2) {
        rim_after(ctx, RIM_MS(1), 0);
    }
    return RIM_DONE;
}

ROLE_ON(typed_letter) {
    struct typed *world = role_world(self);
    const rim_dead_letter *letter = body;
    static const struct {
        uint32_t tag;
        int reason;
        uint64_t size;
    } expected[] = {{meter_total_tag, -EBADMSG, 1}, {meter_get_tag, -EBADMSG, 0}, {WORD, -RIM_ENOHANDLER, 0}};
    CHECK(letter->to == world->gauge);
    CHECK(letter->tag == expected[world->letters].tag);
    CHECK(letter->reason == expected[world->letters].reason);
    CHECK(letter->size == expected[world->letters].size);
    world->letters++;
    return RIM_DONE;
}

ROLE_ON(typed_go) {
    struct typed *world = role_world(self);
    CHECK(rim_watch_dead_letters(ctx, true) == 0);
    CHECK(rim_tell(ctx, world->gauge, meter_add, .by = 3) == 0);
    CHECK(rim_tell(ctx, world->gauge, meter_add, .by = 4) == 0);
    CHECK(rim_send(ctx, world->gauge, meter_total_tag, "x", 1) == 0); /* of the wrong size */
    rim_ask ask = {.to = world->gauge,
                   RIM_ASK(meter_get, .flags = 9),
                   .timeout_ns = RIM_SECONDS(60),
                   .on_outcome = typed_outcome,
                   .cookie = 1};
    rim_ask mistyped = {.to = world->gauge,
                        .tag = meter_get_tag,
                        .timeout_ns = RIM_SECONDS(60),
                        .on_outcome = typed_outcome,
                        .cookie = 2};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    CHECK(rim_request(ctx, &mistyped, NULL) == 0);
    CHECK(rim_send(ctx, world->gauge, WORD, NULL, 0) == 0); /* of another protocol */
    return RIM_DONE;
}

ROLE_ON(typed_timer) {
    if (((struct typed *)role_world(self))->letters < 3) {
        CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
        return RIM_DONE;
    }
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler typed_on[] = {[GO] = typed_go, [RIM_TIMER] = typed_timer, [RIM_DEAD_LETTER] = typed_letter};
ROLE(typist, typed_on);

void typed_messages_arrive_and_mistyped_ones_do_not(struct scenario *s) {
    static struct typed world;
    world = (struct typed){0};
    CHECK(rim_system_spawn(scenario_system(s), &gauge_behaviour, NULL, NULL, 0, &world.gauge) == 0);
    role_rest(s);
    role_go(s, role_spawn(s, &typist, 0, (struct role_cast){.world = &world}));
    scenario_run(s, ROLE_LIMIT_NS);
}
