/* SPDX-License-Identifier: MIT */
/* Actors change their code while they live: one by itself, and all of a behaviour. */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "role.h"

#define COUNTERS 60u
#define SHARDS   3u

struct lab {
    rim_ref counters[COUNTERS], keeper;
    atomic_uint born, migrated, ended, fired, handled[4]; /* by version */
    atomic_bool refuse_odd;
    rim_upgrade_report report;
    unsigned reports, again;
    int error;
};

static struct lab lab;

/* Version 1 counts, version 2 has a table as well, version 3 is small again. */
struct one {
    struct role role;
    uint64_t count;
};
struct two {
    struct role role;
    uint64_t table[100];
    uint64_t count;
};
struct three {
    uint64_t count, version;
};

static int to_two(rim_ctx *ctx, const void *old, void *fresh, const void *arg) {
    const struct one *from = old;
    struct two *to = fresh;
    CHECK(arg == &lab);
    CHECK(rim_self(ctx) != RIM_NIL && rim_sender(ctx) == RIM_NIL && !rim_is_request(ctx));
    CHECK((uintptr_t)fresh % 16 == 0 && to->table[99] == 0);
    CHECK(rim_become(ctx, NULL) == -RIM_ECONTEXT);
    if (atomic_load(&lab.refuse_odd) && from->role.cast.index % 2 != 0) {
        return -EDOM;
    }
    to->role = from->role;
    to->count = from->count;
    to->table[99] = 99;
    atomic_fetch_add(&lab.migrated, 1);
    return 0;
}

static int to_three(rim_ctx *ctx, const void *old, void *fresh, const void *arg) {
    const struct two *from = old;
    (void)ctx, (void)arg;
    CHECK(from->table[99] == 99);
    *(struct three *)fresh = (struct three){.count = from->count, .version = 3};
    atomic_fetch_add(&lab.migrated, 1);
    return 0;
}

static const rim_behaviour counter_one, counter_two, counter_three;

static rim_verdict one_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct one *state = self;
    rim_verdict verdict = role_init(ctx, &state->role, arg, size);
    atomic_fetch_add(&lab.born, 1);
    CHECK(rim_after(ctx, RIM_MS(20), 7) != RIM_NIL);
    return verdict;
}

ROLE_ON(one_add) {
    ((struct one *)self)->count++;
    atomic_fetch_add(&lab.handled[1], 1);
    return RIM_DONE;
}

ROLE_ON(two_add) {
    CHECK(((struct two *)self)->table[99] == 99 || ((struct two *)self)->table[99] == 0);
    ((struct two *)self)->count++;
    atomic_fetch_add(&lab.handled[2], 1);
    return RIM_DONE;
}

ROLE_ON(three_add) {
    CHECK(((struct three *)self)->version == 3 || ((struct three *)self)->count == 0);
    ((struct three *)self)->count++;
    atomic_fetch_add(&lab.handled[3], 1);
    return RIM_DONE;
}

ROLE_ON(timer_fired) {
    CHECK(((const rim_timer_event *)body)->cookie == 7);
    atomic_fetch_add(&lab.fired, 1);
    return RIM_DONE;
}

ROLE_ON(one_ask) {
    rim_reply(ctx, RIM_NIL, WORD, &((struct one *)self)->count, sizeof(uint64_t));
    return RIM_DONE;
}

ROLE_ON(two_ask) {
    rim_reply(ctx, RIM_NIL, WORD, &((struct two *)self)->count, sizeof(uint64_t));
    return RIM_DONE;
}

ROLE_ON(three_ask) {
    rim_reply(ctx, RIM_NIL, WORD, &((struct three *)self)->count, sizeof(uint64_t));
    return RIM_DONE;
}

static void two_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx, (void)why;
    CHECK(((struct two *)self)->count > 0);
    atomic_fetch_add(&lab.ended, 1);
}

static const rim_handler one_on[] = {[RIM_TIMER] = timer_fired, [ADD] = one_add, [ASK] = one_ask};
static const rim_handler two_on[] = {[RIM_TIMER] = timer_fired, [ADD] = two_add, [ASK] = two_ask};
static const rim_handler three_on[] = {[RIM_TIMER] = timer_fired, [ADD] = three_add, [ASK] = three_ask};
#define COUNTER(number, row)                                                                                           \
    .name = "lab_counter", .version = number, .state_size = sizeof(struct row), .on = row##_on,                        \
    .on_count = RIM_COUNT(row##_on)
static const rim_behaviour counter_one = {COUNTER(1, one), .init = one_init};
static const rim_behaviour counter_two = {COUNTER(2, two), .exit = two_exit};
static const rim_behaviour counter_three = {COUNTER(3, three)};

static void open_lab(struct scenario *s) {
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = SHARDS, .mailbox_count = 1000000});
    memset(&lab, 0, sizeof lab);
}

static void spawn_counters(struct scenario *s) {
    for (uint32_t i = 0; i < COUNTERS; i++) {
        lab.counters[i] = role_spawn(s, &counter_one, i % SHARDS, (struct role_cast){.world = &lab, .index = i});
    }
    for (unsigned i = 0; i < 5000 && atomic_load(&lab.born) < COUNTERS; i++) {
        scenario_pass_time(s, RIM_MS(1)); /* one that is not born yet has nothing to migrate */
    }
    CHECK(atomic_load(&lab.born) == COUNTERS);
}

static void add_all(rim_ctx *ctx, unsigned times) {
    for (unsigned n = 0; n < times; n++) {
        for (uint32_t i = 0; i < COUNTERS; i++) {
            CHECK(rim_send(ctx, lab.counters[i], ADD, NULL, 0) == 0);
        }
    }
}

static int ask_upgrade(rim_ctx *ctx, const rim_behaviour *from, const rim_behaviour *to, rim_migrate migrate,
                       rim_outcome on_outcome) {
    rim_upgrading upgrading = {.from = from,
                               .to = to,
                               .migrate = migrate,
                               .arg = &lab,
                               .timeout_ns = RIM_SECONDS(10),
                               .on_outcome = on_outcome};
    return rim_upgrade(ctx, &upgrading, NULL);
}

ROLE_OUTCOME(took_report) {
    CHECK(error == 0 && rim_size(msg) == sizeof lab.report);
    if (error == 0) {
        memcpy(&lab.report, body, sizeof lab.report);
    }
    lab.reports++;
    scenario_done(ctx);
    return RIM_DONE;
}

static void run_operator(struct scenario *s, const rim_behaviour *behaviour) {
    role_go(s, role_spawn(s, behaviour, 1, (struct role_cast){.world = &lab}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- one by itself ---- */

ROLE_ON(grow_add) {
    struct one *state = self;
    if (++state->count == 3) {
        CHECK(rim_become_with(ctx, &counter_two, NULL, NULL) == -EINVAL); /* its state is larger */
        atomic_store(&lab.refuse_odd, true);
        CHECK(rim_become_with(ctx, &counter_two, to_two, &lab) == -EDOM);
        CHECK(state->count == 3);
        atomic_store(&lab.refuse_odd, false);
        CHECK(rim_become_with(ctx, &counter_two, to_two, &lab) == 0);
        CHECK(state->count == 3); /* the old state is there until the handler returns */
        state->count = 1000;      /* and is of no use any more */
    }
    return RIM_DONE;
}
static const rim_handler grow_on[] = {[ADD] = grow_add};
static const rim_behaviour growing = {.name = "growing",
                                      .state_size = sizeof(struct one),
                                      .init = role_init,
                                      .on = grow_on,
                                      .on_count = RIM_COUNT(grow_on)};

ROLE_OUTCOME(grown) {
    CHECK(error == 0 && role_number(body) == 10);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(grow_go) {
    rim_ref actor = role_add(ctx, &growing, 0, (struct role_cast){.world = &lab, .index = 1});
    for (unsigned i = 0; i < 10; i++) {
        CHECK(rim_send(ctx, actor, ADD, NULL, 0) == 0);
    }
    rim_ask ask = {.to = actor, .tag = ASK, .timeout_ns = RIM_SECONDS(10), .on_outcome = grown};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler grow_go_on[] = {[GO] = grow_go};
ROLE(grow_operator, grow_go_on);

void actor_becomes_another_with_a_larger_state(struct scenario *s) {
    open_lab(s);
    run_operator(s, &grow_operator);
    CHECK(atomic_load(&lab.handled[2]) == 7 && atomic_load(&lab.migrated) == 1);
}

/* ---- all of a behaviour ---- */

/* Adds before and after: what was sent before may be handled by either. */
ROLE_ON(swap_go) {
    add_all(ctx, 5);
    CHECK(ask_upgrade(ctx, &counter_one, &counter_two, to_two, took_report) == 0);
    add_all(ctx, 5);
    return RIM_DONE;
}

ROLE_OUTCOME(counted) {
    CHECK(error == 0 && role_number(body) == 10);
    if (++lab.again == COUNTERS) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(count_them) {
    for (uint32_t i = 0; i < COUNTERS; i++) {
        rim_ask ask = {.to = lab.counters[i], .tag = ASK, .timeout_ns = RIM_SECONDS(10), .on_outcome = counted};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
    }
    return RIM_DONE;
}
static const rim_handler swap_on[] = {[GO] = swap_go, [MORE] = count_them};
ROLE(swap_operator, swap_on);

void upgrade_changes_all_actors_on_all_shards(struct scenario *s) {
    open_lab(s);
    spawn_counters(s);
    rim_ref operator= role_spawn(s, &swap_operator, 1, (struct role_cast){.world = &lab});
    scenario_pass_time(s, RIM_MS(1));
    role_go(s, operator);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(lab.report.upgraded == COUNTERS && lab.report.failed == 0 && lab.report.waiting == 0);
    CHECK(atomic_load(&lab.migrated) == COUNTERS);
    CHECK(rim_system_send(scenario_system(s), operator, MORE, NULL, 0) == 0);
    scenario_run(s, ROLE_LIMIT_NS); /* none of their messages was lost */
    CHECK(atomic_load(&lab.handled[2]) >= COUNTERS);
    for (unsigned i = 0; i < 5000 && atomic_load(&lab.fired) < COUNTERS; i++) {
        scenario_pass_time(s, RIM_MS(1)); /* and their timers were kept */
    }
    CHECK(atomic_load(&lab.fired) == COUNTERS);
    rim_stop_report report;
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks);
    CHECK(atomic_load(&lab.ended) == COUNTERS);
}

/* ---- who is spawned later ---- */

ROLE_OUTCOME(twice) {
    rim_upgrade_report report;
    CHECK(error == 0);
    memcpy(&report, body, sizeof report);
    CHECK(report.upgraded == COUNTERS && report.failed + report.waiting + report.unreached == 0);
    if (cookie == 0 && lab.reports++ == 0) {
        CHECK(ask_upgrade(ctx, &counter_two, &counter_three, to_three, twice) == 0);
        return RIM_DONE;
    }
    for (uint32_t i = 0; i < SHARDS; i++) {
        rim_ref late = role_add(ctx, &counter_one, i, (struct role_cast){.world = &lab});
        CHECK(rim_send(ctx, late, ADD, NULL, 0) == 0);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(twice_go) {
    CHECK(ask_upgrade(ctx, &counter_one, &counter_two, to_two, twice) == 0);
    return RIM_DONE;
}
static const rim_handler twice_on[] = {[GO] = twice_go};
ROLE(twice_operator, twice_on);

void upgrade_also_changes_who_is_spawned_later(struct scenario *s) {
    open_lab(s);
    spawn_counters(s);
    run_operator(s, &twice_operator);
    rim_ref late = role_spawn(s, &counter_one, 2, (struct role_cast){.world = &lab});
    CHECK(rim_system_send(scenario_system(s), late, ADD, NULL, 0) == 0);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&lab.handled[3]) == SHARDS + 1);
    CHECK(atomic_load(&lab.migrated) == 2 * COUNTERS);
}

/* ---- those that cannot ---- */

ROLE_OUTCOME(half_failed) {
    rim_upgrade_report report;
    CHECK(error == 0);
    memcpy(&report, body, sizeof report);
    CHECK(report.upgraded == COUNTERS / 2 && report.failed == COUNTERS / 2);
    CHECK(report.error == -EDOM && report.who != RIM_NIL);
    add_all(ctx, 1);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(half_go) {
    atomic_store(&lab.refuse_odd, true);
    CHECK(ask_upgrade(ctx, &counter_one, &counter_two, to_two, half_failed) == 0);
    return RIM_DONE;
}
static const rim_handler half_on[] = {[GO] = half_go};
ROLE(half_operator, half_on);

void upgrade_leaves_those_whose_migration_fails(struct scenario *s) {
    open_lab(s);
    spawn_counters(s);
    run_operator(s, &half_operator);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&lab.handled[1]) == COUNTERS / 2 && atomic_load(&lab.handled[2]) == COUNTERS / 2);
}

/* ---- open requests ---- */

/* Asks the keeper, who answers when told: its outcome is the old code's. */
ROLE_OUTCOME(old_outcome) {
    CHECK(error == 0);
    CHECK(((struct one *)self)->role.cast.index == 5);
    ((struct one *)self)->count += 100;
    return RIM_DONE;
}

ROLE_ON(asker_go) {
    rim_ask ask = {.to = lab.keeper, .tag = ASK, .timeout_ns = RIM_SECONDS(10), .on_outcome = old_outcome};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

static const rim_handler asker_one_on[] = {[GO] = asker_go, [ADD] = one_add};
static const rim_handler asker_two_on[] = {[ADD] = two_add, [ASK] = two_ask};
static const rim_behaviour asker_one = {.name = "lab_asker",
                                        .version = 1,
                                        .state_size = sizeof(struct one),
                                        .init = role_init,
                                        .on = asker_one_on,
                                        .on_count = RIM_COUNT(asker_one_on)};
static const rim_behaviour asker_two = {.name = "lab_asker",
                                        .version = 2,
                                        .state_size = sizeof(struct two),
                                        .on = asker_two_on,
                                        .on_count = RIM_COUNT(asker_two_on)};

ROLE_OUTCOME(saw_all) {
    CHECK(error == 0 && role_number(body) == 101);
    CHECK(atomic_load(&lab.migrated) == 1);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(saw_waiting) {
    struct role *role = self;
    rim_upgrade_report report;
    CHECK(error == 0);
    memcpy(&report, body, sizeof report);
    CHECK(report.upgraded == 0 && report.failed == 0 && report.waiting == 1);
    CHECK(rim_send(ctx, role->cast.who, ADD, NULL, 0) == 0); /* still handled by the old code */
    CHECK(rim_reply(ctx, role->handle, WORD, NULL, 0) == 0);
    rim_ask ask = {.to = role->cast.who, .tag = ASK, .timeout_ns = RIM_SECONDS(10), .on_outcome = saw_all};
    CHECK(rim_request(ctx, &ask, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(keep_request) {
    struct role *role = self;
    role->handle = rim_defer(ctx);
    role->cast.who = rim_from(msg);
    CHECK(ask_upgrade(ctx, &asker_one, &asker_two, to_two, saw_waiting) == 0);
    return RIM_DONE;
}
static const rim_handler keeper_on[] = {[ASK] = keep_request};
ROLE(lab_keeper, keeper_on);

void upgrade_waits_for_open_requests(struct scenario *s) {
    open_lab(s);
    lab.keeper = role_spawn(s, &lab_keeper, 0, (struct role_cast){.world = &lab});
    role_go(s, role_spawn(s, &asker_one, 2, (struct role_cast){.world = &lab, .index = 5}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- the one who asks ---- */

static const rim_behaviour self_two;

ROLE_OUTCOME(self_report) {
    rim_upgrade_report report;
    struct one *state = self;
    CHECK(error == 0);
    memcpy(&report, body, sizeof report);
    CHECK(report.waiting == 1); /* this very request */
    CHECK(state->count == 1);
    CHECK(rim_send(ctx, rim_self(ctx), ADD, NULL, 0) == 0);
    return RIM_DONE;
}

static const rim_behaviour self_one;
ROLE_ON(self_go) {
    ((struct one *)self)->count = 1;
    CHECK(ask_upgrade(ctx, &self_one, &self_two, to_two, self_report) == 0);
    return RIM_DONE;
}

ROLE_ON(self_add) {
    struct two *state = self;
    CHECK(state->count == 1 && state->table[99] == 99);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_handler self_one_on[] = {[GO] = self_go};
static const rim_handler self_two_on[] = {[ADD] = self_add};
static const rim_behaviour self_one = {.name = "lab_self",
                                       .version = 1,
                                       .state_size = sizeof(struct one),
                                       .init = role_init,
                                       .on = self_one_on,
                                       .on_count = RIM_COUNT(self_one_on)};
static const rim_behaviour self_two = {.name = "lab_self",
                                       .version = 2,
                                       .state_size = sizeof(struct two),
                                       .on = self_two_on,
                                       .on_count = RIM_COUNT(self_two_on)};

void upgrade_changes_the_one_who_asks_too(struct scenario *s) {
    open_lab(s);
    run_operator(s, &self_one);
    CHECK(atomic_load(&lab.migrated) == 1);
}

/* ---- refused ---- */

static int try_upgrade(rim_ctx *ctx, const rim_behaviour *from, const rim_behaviour *to, rim_migrate migrate,
                       const char *text) {
    int error = ask_upgrade(ctx, from, to, migrate, took_report);
    if (text != NULL) {
        CHECK(strstr(rim_error_text(ctx), text) != NULL);
    }
    return error;
}

ROLE_ON(refused_go) {
    rim_behaviour other = counter_two;
    CHECK(try_upgrade(ctx, &counter_two, &counter_one, to_two, "not above the old one") == -EINVAL);
    CHECK(try_upgrade(ctx, &counter_one, &counter_one, to_two, "another table") == -EINVAL);
    CHECK(try_upgrade(ctx, &counter_one, &counter_two, NULL, "differ in size") == -EINVAL);
    other.name = "somebody_else";
    CHECK(try_upgrade(ctx, &counter_one, &other, to_two, "same name") == -EINVAL);
    other.name = counter_two.name;
    other.protocol = 9;
    CHECK(try_upgrade(ctx, &counter_one, &other, to_two, "protocols differ") == -EINVAL);
    CHECK(try_upgrade(ctx, NULL, &counter_two, to_two, NULL) == -EINVAL);
    CHECK(try_upgrade(ctx, &counter_one, NULL, to_two, NULL) == -EINVAL);
    rim_upgrading upgrading = {.from = &counter_one, .to = &counter_two, .migrate = to_two};
    CHECK(rim_upgrade(ctx, &upgrading, NULL) == -EINVAL);
    CHECK(rim_become_with(ctx, NULL, to_two, NULL) == -EINVAL);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler refused_on[] = {[GO] = refused_go};
ROLE(refused_operator, refused_on);

void upgrade_is_refused_where_the_versions_do_not_fit(struct scenario *s) {
    open_lab(s);
    spawn_counters(s);
    run_operator(s, &refused_operator);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(atomic_load(&lab.migrated) == 0);
}

/* ---- a supervisor's children ---- */

static struct {
    rim_behaviour *old; /* in a page of its own, as if from a shared object */
    size_t size;
    atomic_uint ones, twos;
    rim_ref child;
} house;

static rim_verdict house_one_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self, (void)arg, (void)size;
    house.child = rim_self(ctx);
    atomic_fetch_add(&house.ones, 1);
    return RIM_DONE;
}

static rim_verdict house_two_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self, (void)arg, (void)size;
    CHECK(rim_self(ctx) != house.child);
    atomic_fetch_add(&house.twos, 1);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour house_two = {.name = "house_child", .version = 2, .state_size = 8, .init = house_two_init};

/* Nothing looks into the old table any more. */
ROLE_OUTCOME(house_upgraded) {
    rim_upgrade_report report;
    CHECK(error == 0);
    memcpy(&report, body, sizeof report);
    CHECK(report.upgraded == 1 && report.failed + report.waiting + report.unreached == 0);
    CHECK(rim_upgrade_newest(ctx, house.old, 1) == &house_two);
    CHECK(rim_upgrade_newest(ctx, house.old, 7) == house.old); /* another table at this address */
    CHECK(munmap(house.old, house.size) == 0);
    CHECK(rim_kill(ctx, house.child) == 0);
    return RIM_DONE;
}

ROLE_ON(house_go) {
    rim_child child = {.id = "child", .behaviour = house.old};
    rim_supervisor_spec spec = {.children = &child, .child_count = 1, .intensity = 5, .period_ns = RIM_SECONDS(5)};
    rim_ref supervisor;
    CHECK(rim_supervise(ctx, &spec, &supervisor) == 0);
    return rim_after(ctx, RIM_US(50), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

ROLE_ON(house_timer) {
    if (atomic_load(&house.ones) == 0) {
        return rim_after(ctx, RIM_US(50), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
    }
    CHECK(ask_upgrade(ctx, house.old, &house_two, NULL, house_upgraded) == 0);
    return RIM_DONE;
}
static const rim_handler house_on[] = {[GO] = house_go, [RIM_TIMER] = house_timer};
ROLE(house_operator, house_on);

void upgrade_reaches_what_a_supervisor_will_restart(struct scenario *s) {
    open_lab(s);
    atomic_store(&house.ones, 0);
    atomic_store(&house.twos, 0);
    house.size = (size_t)sysconf(_SC_PAGESIZE);
    house.old = mmap(NULL, house.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(house.old != MAP_FAILED);
    *house.old = (rim_behaviour){.name = "house_child", .version = 1, .state_size = 8, .init = house_one_init};
    run_operator(s, &house_operator);
    CHECK(atomic_load(&house.ones) == 1 && atomic_load(&house.twos) == 1);
}
