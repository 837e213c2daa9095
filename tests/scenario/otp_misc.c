/* SPDX-License-Identifier: MIT */
/* The cases of OTP's supervisor_SUITE, by name: significant children, and the rest. */
#include <stdio.h>

#include "company.h"

static const struct company_worker a = {.id = 'a'}, b = {.id = 'b'}, c = {.id = 'c'}, any = {.id = '*'};

/* ---- significant children ---- */

#define ANY .auto_shutdown = RIM_AUTO_ANY, TOLERANT
#define ALL .auto_shutdown = RIM_AUTO_ALL, TOLERANT

static const rim_child plain_temporary[] = {WORKER("a", a, .restart = RIM_TEMPORARY), WORKER("b", b)};
static const rim_child plain_transient[] = {WORKER("a", a, .restart = RIM_TRANSIENT), WORKER("b", b)};
static const rim_supervisor_spec any_plain_temporary = SUPERVISE(plain_temporary, ANY);
static const rim_supervisor_spec any_plain_transient = SUPERVISE(plain_transient, ANY);
static const struct company_step nonsignificant_temporary[] = {{BEGIN, .spec = &any_plain_temporary},
                                                               {CRASH, .text = "a"},
                                                               {UNTIL, .text = "b+"},
                                                               {.op = STOP}};
COMPANY(otp_nonsignificant_temporary, nonsignificant_temporary)
static const struct company_step nonsignificant_transient[] = {{BEGIN, .spec = &any_plain_transient},
                                                               {CRASH, .text = "a", .how = NORMAL},
                                                               {UNTIL, .text = "a- b+"},
                                                               {.op = STOP}};
COMPANY(otp_nonsignificant_transient, nonsignificant_transient)

#define SIGNIFICANT(restart_type)                                                                                      \
    {                                                                                                                  \
        WORKER("a", a, .restart = restart_type, .significant = true),                                                  \
            WORKER("b", b, .restart = restart_type, .significant = true), WORKER("c", c)                               \
    }
static const rim_child temporaries[] = SIGNIFICANT(RIM_TEMPORARY), transients[] = SIGNIFICANT(RIM_TRANSIENT);
static const rim_supervisor_spec any_temporary = SUPERVISE(temporaries, ANY);
static const rim_supervisor_spec all_temporary = SUPERVISE(temporaries, ALL);
static const rim_supervisor_spec any_transient = SUPERVISE(transients, ANY);
static const rim_supervisor_spec all_transient = SUPERVISE(transients, ALL);

static const struct company_step significant_temporary[] = {{BEGIN, .spec = &any_temporary},
                                                            {TERMINATE, .text = "a"},
                                                            {UNTIL, .text = "b+ c+"},
                                                            {CRASH, .text = "b"},
                                                            {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                            {LOG, .text = "a b c -a:1 -b:257 -c:1"},
                                                            {BEGIN, .spec = &all_temporary},
                                                            {CRASH, .text = "a"},
                                                            {UNTIL, .text = "b+ c+"},
                                                            {CRASH, .text = "b", .how = NORMAL},
                                                            {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                            {LOG, .text = "a b c -a:257 -b:0 -c:1"}};
COMPANY(otp_significant_temporary, significant_temporary)

static const struct company_step significant_transient[] = {{BEGIN, .spec = &any_transient},
                                                            {TERMINATE, .text = "a"},
                                                            {CRASH, .text = "b"},
                                                            {LOG_UNTIL, .text = "a b c -a:1 -b:257 b"},
                                                            {CRASH, .text = "b", .how = NORMAL},
                                                            {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                            {LOG, .text = "-b:0 -c:1"},
                                                            {BEGIN, .spec = &all_transient},
                                                            {CRASH, .text = "a", .how = SHUTDOWN},
                                                            {UNTIL, .text = "a- b+ c+"},
                                                            {CRASH, .text = "b", .how = NORMAL},
                                                            {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                            {LOG, .text = "a b c -a:1 -b:0 -c:1"}};
COMPANY(otp_significant_transient, significant_transient)

static const rim_child significant_template = WORKER(NULL, any, .restart = RIM_TRANSIENT, .significant = true);
static const rim_supervisor_spec any_dynamic = {.strategy = RIM_DYNAMIC,
                                                .children = &significant_template,
                                                .child_count = 1,
                                                ANY};
static const rim_supervisor_spec all_dynamic = {.strategy = RIM_DYNAMIC,
                                                .children = &significant_template,
                                                .child_count = 1,
                                                ALL};
static const struct company_step significant_simple[] = {{BEGIN, .spec = &any_dynamic},
                                                         {START_DYNAMIC, .slot = 1},
                                                         {START_DYNAMIC, .slot = 2},
                                                         {START_DYNAMIC, .slot = 3},
                                                         {TERMINATE_SLOT, .how = 1},
                                                         {CRASH_SLOT, .slot = 2, .how = NORMAL},
                                                         {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                         {.op = LOG_CLEAR},
                                                         {BEGIN, .spec = &all_dynamic},
                                                         {START_DYNAMIC, .slot = 1},
                                                         {START_DYNAMIC, .slot = 2},
                                                         {CRASH_SLOT, .slot = 1, .how = NORMAL},
                                                         {UNTIL, .text = "*+"},
                                                         {CRASH_SLOT, .slot = 2, .how = NORMAL},
                                                         {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                         {LOG, .text = "* * -*:0 -*:0"}};
COMPANY(otp_significant_simple, significant_simple)

/* That a sibling's end takes a significant child along is no end of its own. */
static const rim_child bystanders[] = {WORKER("c", c), WORKER("a", a, .restart = RIM_TRANSIENT, .significant = true),
                                       WORKER("b", b, .restart = RIM_TEMPORARY, .significant = true)};
static const rim_supervisor_spec any_bystander = SUPERVISE(bystanders, .strategy = RIM_ONE_FOR_ALL, ANY);
static const rim_supervisor_spec rest_bystander = SUPERVISE(bystanders, .strategy = RIM_REST_FOR_ONE, ALL);
static const struct company_step significant_bystander[] = {{BEGIN, .spec = &any_bystander},
                                                            {CRASH, .text = "c"},
                                                            {LOG_UNTIL, .text = "c a b -c:257 -b:1 -a:1 c a"},
                                                            {UNTIL, .text = "c+ a+"},
                                                            {.op = STOP},
                                                            {.op = LOG_CLEAR},
                                                            {BEGIN, .spec = &rest_bystander},
                                                            {CRASH, .text = "c"},
                                                            {LOG_UNTIL, .text = "c a b -c:257 -b:1 -a:1 c a"},
                                                            {CRASH, .text = "a", .how = NORMAL},
                                                            {ENDED, .expect = RIM_EXIT_SHUTDOWN}};
COMPANY(otp_significant_bystander, significant_bystander)

/* A significant supervisor that ends by its own auto-shutdown ends the one above. */
static const rim_child inner[] = {WORKER("a", a, .restart = RIM_TEMPORARY, .significant = true), WORKER("b", b)};
static const rim_supervisor_spec inner_spec = SUPERVISE(inner, ANY);
static const rim_child outer[] = {WORKER("c", c),
                                  SUPERVISOR("s", inner_spec, .restart = RIM_TRANSIENT, .significant = true)};
static const rim_supervisor_spec outer_spec = SUPERVISE(outer, ANY);
static const struct company_step significant_escalation[] = {{BEGIN, .spec = &outer_spec},
                                                             {GET, .text = "s", .slot = 1},
                                                             {CRASH, .text = "a", .in = 1},
                                                             {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                             {LOG, .text = "c a b -a:257 -b:1 -c:1"}};
COMPANY(otp_significant_escalation, significant_escalation)

/* ---- the rest ---- */

/* A child that unlinks itself is stopped all the same, and its end is noticed. */
static const rim_child one[] = {WORKER("a", a)};
static const rim_supervisor_spec one_spec = SUPERVISE(one, TOLERANT);
static const struct company_step child_unlink[] = {{BEGIN, .spec = &one_spec},
                                                   {SEND, .text = "a", .how = UNLINK},
                                                   {CRASH, .text = "a"},
                                                   {LOG_UNTIL, .text = "a -a:257 a"},
                                                   {SEND, .text = "a", .how = UNLINK},
                                                   {.op = STOP},
                                                   {LOG, .text = "-a:1"}};
COMPANY(otp_child_unlink, child_unlink)

/* Two supervisors below one: each restarts its own; too many restarts below are one restart above. */
static const struct company_worker d = {.id = 'd'}, e = {.id = 'e'}, f = {.id = 'f'};
static const rim_child left[] = {WORKER("a", a), WORKER("b", b)}, right[] = {WORKER("d", d), WORKER("e", e)};
static const rim_supervisor_spec left_spec =
    SUPERVISE(left, .strategy = RIM_ONE_FOR_ONE, .intensity = 1, .period_ns = RIM_SECONDS(3600));
static const rim_supervisor_spec right_spec =
    SUPERVISE(right, .strategy = RIM_ONE_FOR_ALL, .intensity = 1, .period_ns = RIM_SECONDS(3600));
static const rim_child roots[] = {SUPERVISOR("l", left_spec), WORKER("f", f), SUPERVISOR("r", right_spec)};
static const rim_supervisor_spec root_spec = SUPERVISE(roots, TOLERANT);
static const struct company_step tree[] = {{BEGIN, .spec = &root_spec},
                                           {TREE, .text = "l+ .a+ .b+ f+ r+ .d+ .e+"},
                                           {GET, .text = "l", .slot = 1},
                                           {GET, .text = "r", .slot = 2},
                                           {COUNTS, .text = "3 3 2 1"},
                                           {CRASH, .text = "a", .in = 1},
                                           {LOG_UNTIL, .text = "a b f d e -a:257 a"},
                                           {CRASH, .text = "d", .in = 2},
                                           {LOG_UNTIL, .text = "-d:257 -e:1 d e"},
                                           {CRASH, .text = "b", .in = 1},
                                           {LOG_UNTIL, .text = "-b:257 -a:1 a b"},
                                           {UNTIL, .text = "l+ f+ r+"},
                                           {CRASH, .text = "e", .in = 2},
                                           {LOG_UNTIL, .text = "-e:257 -d:1 d e"},
                                           {UNTIL, .text = "l+ f+ r+"},
                                           {CRASH, .text = "f"},
                                           {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                           {LOG, .text = "-f:257 -e:1 -d:1 -b:1 -a:1"}};
COMPANY(otp_tree, tree)

/* ---- many ---- */

#define MANY 3000u

static uint64_t memory_before;

static void read_memory(struct company *company, uint64_t *bytes) {
    rim_stats stats;
    (void)company;
    CHECK(rim_system_stats(scenario_system(scenario_current()), 0, &stats) == 0);
    *bytes = stats.memory_bytes;
}

/* ---- a crowd: dynamic children started and ended by the thousand ---- */

struct throng {
    rim_ref supervisor;
    uint32_t started, gone, asked;
    bool across, ends_by_itself;
};
static struct throng throng;

static rim_verdict throng_child_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    CHECK(size == 1000);
    return throng.ends_by_itself && rim_send(ctx, rim_self(ctx), END, NULL, 0) != 0 ? RIM_FAIL : RIM_DONE;
}
ROLE_ON(throng_child_end) {
    return RIM_STOP;
}
static const rim_handler throng_child_on[] = {[END] = throng_child_end};
static const rim_behaviour throng_child = {.name = "one of many",
                                           .init = throng_child_init,
                                           .on = throng_child_on,
                                           .on_count = RIM_COUNT(throng_child_on)};

static void throng_start_more(rim_ctx *ctx);

ROLE_OUTCOME(throng_counted) {
    const rim_child_counts *counts = body;
    CHECK(error == 0);
    uint32_t remain = throng.ends_by_itself ? 0 : MANY;
    if (counts->active == remain && counts->workers == remain) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    CHECK(rim_after(ctx, RIM_MS(1), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(throng_count) {
    rim_supervisor_call call = {.supervisor = throng.supervisor,
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = throng_counted};
    CHECK(rim_supervisor_count_children(ctx, &call) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(throng_child_started) {
    CHECK(error == 0);
    if (++throng.started == MANY) {
        return throng_count(ctx, self, NULL, NULL);
    }
    throng_start_more(ctx);
    return RIM_DONE;
}

static void throng_start_more(rim_ctx *ctx) {
    char arg[1000] = {0};
    while (throng.asked < MANY && throng.asked - throng.started < 100) {
        rim_supervisor_call call = {.supervisor = throng.supervisor,
                                    .timeout_ns = RIM_SECONDS(10),
                                    .on_outcome = throng_child_started};
        CHECK(rim_supervisor_start_dynamic(ctx, &call, arg, sizeof arg) == 0);
        throng.asked++;
    }
}

ROLE_ON(throng_go) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = throng.across};
    rim_child child = {.behaviour = &throng_child, .restart = RIM_TEMPORARY, .options = &options};
    rim_supervisor_spec spec = {.strategy = RIM_DYNAMIC, .children = &child, .child_count = 1};
    CHECK(rim_supervise(ctx, &spec, &throng.supervisor) == 0); /* all of it on the stack */
    throng_start_more(ctx);
    return RIM_DONE;
}
static const rim_handler throng_on[] = {[GO] = throng_go, [RIM_TIMER] = throng_count};
static const rim_behaviour throng_boss = {.name = "boss", .on = throng_on, .on_count = RIM_COUNT(throng_on)};

static void run_throng(struct scenario *s, bool across, bool ends_by_itself) {
    rim_ref ref;
    throng = (struct throng){.across = across, .ends_by_itself = ends_by_itself};
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2});
    read_memory(company_of(), &memory_before);
    CHECK(rim_system_spawn(scenario_system(s), &throng_boss, NULL, NULL, 0, &ref) == 0);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

void otp_simple_one_for_one_scale_many_temporary_children(struct scenario *s) {
    run_throng(s, false, false);
    run_throng(s, true, false);
}

/* Of children that have ended nothing is left, nor of their arguments. */
void otp_do_not_save_start_parameters_for_temporary_children(struct scenario *s) {
    for (uint32_t across = 0; across < 2; across++) {
        uint64_t after = 0;
        run_throng(s, across != 0, true);
        for (uint32_t i = 0; i < 2000; i++) { /* the statistics are published now and then */
            scenario_pass_time(s, RIM_MS(1));
            read_memory(company_of(), &after);
            if (after < memory_before + MANY * 200) {
                break;
            }
        }
        CHECK(after < memory_before + MANY * 200); /* the arguments alone were five times that */
    }
}

/* Five hundred with ids, started in order and stopped in reverse. */
#define ROWS 500u
static rim_child rows[ROWS];
static char row_ids[ROWS][8];
static struct rows_world { atomic_uint started, ended; } rows_world;

static rim_verdict row_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    uint32_t index;
    (void)ctx;
    CHECK(size == sizeof index);
    memcpy(&index, arg, sizeof index);
    CHECK(atomic_fetch_add(&rows_world.started, 1) == index);
    *(uint32_t *)self = index;
    return RIM_DONE;
}

static void row_exit(rim_ctx *ctx, void *self, rim_exit why) {
    (void)ctx;
    CHECK(why.code == RIM_EXIT_SHUTDOWN);
    CHECK(atomic_fetch_add(&rows_world.ended, 1) == ROWS - 1 - *(const uint32_t *)self);
}
static const rim_behaviour row = {.name = "row", .state_size = sizeof(uint32_t), .init = row_init, .exit = row_exit};

static rim_ref rows_supervisor;
ROLE_ON(rows_go) {
    rim_supervisor_spec spec = {.children = rows, .child_count = ROWS};
    CHECK(rim_supervise(ctx, &spec, &rows_supervisor) == 0);
    return RIM_DONE;
}
ROLE_ON(rows_started) {
    CHECK(atomic_load(&rows_world.started) == ROWS);
    CHECK(rim_exit_send(ctx, rows_supervisor, RIM_EXIT_SHUTDOWN, NULL) == 0);
    return RIM_DONE;
}
ROLE_ON(rows_ended) {
    CHECK(((const rim_exit_event *)body)->code == RIM_EXIT_SHUTDOWN);
    CHECK(atomic_load(&rows_world.ended) == ROWS);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler rows_on[] = {[GO] = rows_go, [RIM_STARTED] = rows_started, [RIM_EXIT_SIGNAL] = rows_ended};
static const rim_behaviour rows_boss = {.name = "boss", .on = rows_on, .on_count = RIM_COUNT(rows_on)};

void otp_scale_start_stop_many_children(struct scenario *s) {
    static uint32_t indexes[ROWS];
    static const rim_spawn_options spread[2] = {{.place = RIM_HERE}, {.place = RIM_ON_SHARD, .shard = 1}};
    memset(&rows_world, 0, sizeof rows_world);
    scenario_open_lanes(s);
    for (uint32_t i = 0; i < ROWS; i++) {
        indexes[i] = i;
        snprintf(row_ids[i], sizeof row_ids[i], "%u", i);
        rows[i] = (rim_child){.id = row_ids[i],
                              .behaviour = &row,
                              .options = &spread[i % 2],
                              .arg = &indexes[i],
                              .size = sizeof indexes[i]};
    }
    rim_ref ref;
    CHECK(rim_system_spawn(scenario_system(s), &rows_boss, &(rim_spawn_options){.trap_exit = true}, NULL, 0, &ref) ==
          0);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}
