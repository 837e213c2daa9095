/* SPDX-License-Identifier: MIT */
#include "answerer.h"

#include "ringmail/request.h"

ROLE_ON(on_echo) {
    CHECK(rim_reply(ctx, RIM_NIL, ADD, body, rim_size(msg)) == 0);
    return RIM_DONE;
}

ROLE_ON(on_refuse) {
    CHECK(rim_refuse(ctx, RIM_NIL, -EDOM) == 0);
    return RIM_DONE;
}

ROLE_ON(on_never) {
    CHECK(rim_defer(ctx) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(on_fall) {
    return RIM_STOP;
}

ROLE_ON(on_when) {
    uint64_t deadline_ns = rim_deadline(ctx);
    CHECK(rim_reply(ctx, RIM_NIL, ADD, &deadline_ns, sizeof deadline_ns) == 0);
    return RIM_DONE;
}

ROLE_ON(on_pass) {
    CHECK(rim_forward(ctx, ((struct role *)self)->cast.who, msg) == 0);
    return RIM_DONE;
}

static const rim_handler rows[] = {
    [ECHO] = on_echo, [REFUSE] = on_refuse, [NEVER] = on_never, [FALL] = on_fall, [WHEN] = on_when, [PASS] = on_pass};
const rim_behaviour answerer = {
    .name = "answerer", .state_size = sizeof(struct role), .init = role_init, .on = rows, .on_count = RIM_COUNT(rows)};

rim_ref answerer_spawn(struct scenario *s, uint32_t shard) {
    return role_spawn(s, &answerer, shard, (struct role_cast){0});
}
