/* SPDX-License-Identifier: MIT */
/* Bad arguments give the documented codes: one scenario for each header. */
#include "role.h"

#define ONE_MORE(name, text) +1
#define FAULTS               (0 RIM_SIM_FAULTS(ONE_MORE))

static const rim_behaviour nameless = {.state_size = 8};
static const rim_behaviour rowless = {.name = "rowless", .on_count = 3};

static void check_spawning(rim_ctx *ctx) {
    static const char arg[1025];
    static const rim_behaviour fine = {.name = "fine"};
    rim_ref ref;
    CHECK(rim_spawn(ctx, NULL, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_spawn(ctx, &nameless, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_spawn(ctx, &rowless, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_spawn(ctx, &fine, NULL, arg, sizeof arg, &ref) == -EINVAL);
    CHECK(rim_spawn(ctx, &fine, NULL, NULL, 1, &ref) == -EINVAL);
    CHECK(rim_spawn(ctx, &fine, NULL, NULL, 0, NULL) == -EINVAL);
    CHECK(rim_spawn(ctx, &fine, &(rim_spawn_options){.place = RIM_ON_SHARD, .shard = 2}, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_spawn(ctx, &fine, &(rim_spawn_options){.place = (enum rim_place)9}, NULL, 0, &ref) == -EINVAL);
    static const rim_behaviour last = {.name = "last", .protocol = 0x7eff};
    static const rim_behaviour library = {.name = "library", .protocol = 0x7f00}; /* the library's own numbers */
    CHECK(rim_spawn(ctx, &last, NULL, NULL, 0, &ref) == 0);
    CHECK(rim_spawn(ctx, &library, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_system_spawn(rim_system_of(ctx), &library, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_become(ctx, &library) == -EINVAL);
}

static void check_sending(rim_ctx *ctx) {
    rim_ref self = rim_self(ctx), request = (self & ~(15ull << 60)) | 2ull << 60;
    rim_msg *none = NULL;
    CHECK(rim_send(ctx, RIM_NIL, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_send(ctx, request, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_send(ctx, UINT64_MAX, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_send(ctx, self | 7ull << 40, WORD, NULL, 0) == -RIM_EBADREF); /* no such shard */
    CHECK(rim_send(ctx, self, RIM_TIMER, NULL, 0) == -EINVAL);
    CHECK(rim_send(ctx, self, 63, NULL, 0) == -EINVAL);
    CHECK(rim_send(ctx, self, WORD, "", RIM_BODY_MAX + 1) == -RIM_ETOOBIG);
    CHECK(rim_send_msg(ctx, self, NULL) == -EINVAL);
    CHECK(rim_try_send(ctx, self, &none) == -EINVAL);
    CHECK(rim_msg_new(ctx, WORD, RIM_BODY_MAX + 1) == NULL);
    CHECK(rim_msg_wrap(ctx, WORD, NULL, RIM_BODY_MAX + 1, NULL, NULL) == NULL);
    CHECK(rim_want_room(ctx, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_stop(ctx, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_stop(ctx, request) == -RIM_EBADREF);
    rim_msg_free(ctx, NULL);
}

ROLE_OUTCOME(never) {
    CHECK(!"an outcome of a request that was not made");
    return RIM_DONE;
}

static void check_asking(rim_ctx *ctx) {
    rim_ref self = rim_self(ctx);
    rim_ask fine = {.to = self, .tag = ASK, .timeout_ns = 1000, .on_outcome = never}, ask = fine;
    ask.timeout_ns = 0;
    CHECK(rim_request(ctx, &ask, NULL) == -EINVAL);
    ask = fine;
    ask.on_outcome = NULL;
    CHECK(rim_request(ctx, &ask, NULL) == -EINVAL);
    ask = fine;
    ask.tag = RIM_ROOM;
    CHECK(rim_request(ctx, &ask, NULL) == -EINVAL);
    ask = fine;
    ask.to = RIM_NIL;
    ask.msg = rim_msg_new(ctx, ASK, 10); /* consumed all the same */
    CHECK(rim_request(ctx, &ask, NULL) == -RIM_EBADREF);
    CHECK(!rim_is_request(ctx));
    CHECK(rim_defer(ctx) == RIM_NIL);
    CHECK(rim_reply(ctx, RIM_NIL, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_reply(ctx, self, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_reply_msg(ctx, RIM_NIL, rim_msg_new(ctx, WORD, 5000)) == -RIM_EBADREF);
    CHECK(rim_reply_msg(ctx, RIM_NIL, NULL) == -EINVAL);
    CHECK(rim_refuse(ctx, RIM_NIL, -EPERM) == -RIM_EBADREF);
    CHECK(rim_take(ctx, NULL) == NULL);
}

ROLE_ON(arguments_go) {
    check_spawning(ctx);
    check_sending(ctx);
    check_asking(ctx);
    CHECK(rim_system_stop(rim_system_of(ctx), 0, NULL) == -RIM_ECONTEXT || scenario_is_sim(scenario_current()));
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler arguments_on[] = {[GO] = arguments_go};
ROLE(arguer, arguments_on);

void bad_arguments_of_actor_h(struct scenario *s) {
    role_go(s, role_spawn(s, &arguer, 1, (struct role_cast){.world = s}));
    scenario_run(s, ROLE_LIMIT_NS);
}

void bad_arguments_of_runtime_h(struct scenario *s) {
    rim_system *system = scenario_system(s), *none;
    rim_ref ref;
    CHECK(rim_system_create(&(rim_config){.shards = 257}, &none) == -EINVAL);
    CHECK(rim_system_create(&(rim_config){.cpu_count = 1}, &none) == -EINVAL);
    CHECK(rim_system_create(&(rim_config){.buffers = 3}, &none) == -EINVAL);
    CHECK(rim_system_create(&(rim_config){.parcels = 1025}, &none) == -EINVAL);
    CHECK(rim_system_create(&(rim_config){.driver = RIM_DRIVER_EPOLL, .wake = RIM_WAKE_MSG_RING}, &none) == -EINVAL);
    CHECK(rim_system_spawn(system, NULL, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_system_spawn(system, &nameless, NULL, NULL, 0, &ref) == -EINVAL);
    CHECK(rim_system_spawn(system, &arguer, NULL, NULL, 8, &ref) == -EINVAL);
    CHECK(rim_system_send(system, RIM_NIL, WORD, NULL, 0) == -RIM_EBADREF);
    ref = role_spawn(s, &arguer, 0, (struct role_cast){.world = s});
    CHECK(rim_system_send(system, ref, RIM_TIMER, NULL, 0) == -EINVAL);
    CHECK(rim_system_send(system, ref, WORD, "", RIM_BODY_MAX + 1) == -RIM_ETOOBIG);
    CHECK(rim_system_stop(system, 0, NULL) == -RIM_ECONTEXT); /* it does not run */
    scenario_pass_time(s, RIM_MS(1));
    CHECK(rim_system_start(system) == -RIM_ECONTEXT);
    CHECK(rim_usable_cpus() >= 1);
    CHECK(strcmp(rim_version(), "0.1.0") == 0);
}

void bad_arguments_of_stats_h_and_error_h(struct scenario *s) {
    rim_stats stats;
    uint32_t count = 0;
    CHECK(rim_system_stats(scenario_system(s), 2, &stats) == -EINVAL);
    CHECK(rim_system_stats(scenario_system(s), 1, &stats) == 0);
    while (rim_stats_name(count) != NULL) {
        CHECK(rim_stats_text(count) != NULL);
        count++;
    }
    CHECK(count * sizeof(uint64_t) == sizeof stats);
    CHECK(rim_stats_text(count) == NULL);
    CHECK(rim_stats_value(&stats, count) == 0);
    CHECK(strcmp(rim_strerror(123456), "unknown error") == 0);
    CHECK(strcmp(rim_strerror(-RIM_EFULL), rim_strerror(RIM_EFULL)) == 0);
    CHECK(strcmp(rim_error_name(-RIM_EFULL), "RIM_EFULL") == 0);
    CHECK(strcmp(rim_error_name(EADDRINUSE), "EADDRINUSE") == 0);
    CHECK(strcmp(rim_error_name(123456), "?") == 0);
}

void bad_arguments_of_sim_h(struct scenario *s) {
    rim_system *system = scenario_system(s);
    uint32_t count = 0;
    while (rim_sim_fault_name(count) != NULL) {
        count++;
    }
    CHECK(count == FAULTS);
    CHECK(rim_sim_fault_count(system, count) == 0);
    scenario_pass_time(s, RIM_MS(1));
    if (!scenario_is_sim(s)) {
        CHECK(!rim_sim_step(system));
        CHECK(rim_sim_run(system, RIM_MS(1)) == 0);
        CHECK(rim_sim_now(system) == 0);
        CHECK(rim_sim_trace(system) == 0);
    }
}

void structs_and_constants_are_found_by_name(struct scenario *s) {
    uint32_t offset = 0, size = 0;
    int64_t value = 0;
    SCENARIO_CHECK(s, rim_ffi_size("rim_config") == sizeof(rim_config));
    CHECK(rim_ffi_size("rim_nothing") == 0);
    CHECK(rim_ffi_field("rim_port_item.cookie", &offset, &size) == 0);
    CHECK(offset == offsetof(rim_port_item, cookie) && size == sizeof(uint64_t));
    CHECK(rim_ffi_field("rim_port_item.nothing", &offset, &size) == -ENOENT);
    CHECK(rim_ffi_value("RIM_EFULL", &value) == 0 && value == RIM_EFULL);
    CHECK(rim_ffi_value("RIM_ON_SHARD", &value) == 0 && value == RIM_ON_SHARD);
    CHECK(rim_ffi_value("RIM_NOTHING", &value) == -ENOENT);
}
