/* SPDX-License-Identifier: MIT */
/* Point 7 of the contract, beyond what OTP's suite asks for: back-off, drains, links, shards, requests that wait. */
#include "company.h"

static const struct company_worker a = {.id = 'a'}, b = {.id = 'b'}, c = {.id = 'c'}, d = {.id = 'd'},
                                   any = {.id = '*'};

/* ---- ordered start ---- */

static const struct company_worker a_later = {.id = 'a', .plan = "."}, b_never = {.id = 'b', .plan = "~"};
static const rim_child with_later[] = {WORKER("a", a_later), WORKER("b", b)};
static const rim_supervisor_spec later_spec = SUPERVISE(with_later, TOLERANT);
static const struct company_step waits_for_confirmation[] = {{BEGIN, .spec = &later_spec},
                                                             {UNTIL, .text = "a+ b+"},
                                                             {.op = STOP},
                                                             {LOG, .text = "a b -b:1 -a:1"}};
COMPANY(contract_07_child_starts_when_the_one_before_has_confirmed_its_start, waits_for_confirmation)

/* While one never gets ready the list is told, and a shutdown ends what has begun, in reverse. */
static const rim_child with_never[] = {WORKER("a", a), WORKER("b", b_never), WORKER("c", c)};
static const rim_supervisor_spec never_spec = SUPERVISE(with_never, TOLERANT);
static const rim_child over_never[] = {WORKER("d", d)};
static const rim_supervisor_spec over_spec = SUPERVISE(over_never, TOLERANT);
static const rim_child child_never = SUPERVISOR("s", never_spec);

static void ask_and_go_on(rim_ctx *ctx, struct company *company, const void *body);
static const struct company_step never_ready[] = {{BEGIN, .spec = &over_spec},    {LOOK, .look = ask_and_go_on},
                                                  {UNTIL, .text = "d+ ss"},       {TREE, .text = "d+ ss .a+ .bs .c-"},
                                                  {LOG_UNTIL, .text = "d a b"},   {.op = STOP},
                                                  {LOG, .text = "-b:1 -a:1 -d:1"}};
COMPANY(contract_07_shutdown_reaches_a_supervisor_that_is_still_starting, never_ready)

static atomic_uint refused;
ROLE_OUTCOME(was_refused) {
    CHECK(error == -RIM_EDOWN);
    atomic_fetch_add(&refused, 1);
    return RIM_DONE;
}

static void ask_and_go_on(rim_ctx *ctx, struct company *company, const void *body) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = company->across};
    rim_child child = child_never;
    (void)body;
    child.options = &options;
    rim_supervisor_call call = {.supervisor = company->refs[0],
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = was_refused};
    CHECK(rim_supervisor_start_child(ctx, &call, &child, NULL) == 0);
}

/* ---- back-off ---- */

static const struct company_worker a_fails_thrice = {.id = 'a', .plan = "+---+"};
static const rim_child failing[] = {WORKER("a", a_fails_thrice)};
static const rim_supervisor_spec backoff_spec = SUPERVISE(failing, .intensity = 10, .period_ns = RIM_SECONDS(3600),
                                                          .backoff_min_ns = RIM_MS(2), .backoff_max_ns = RIM_MS(8));
static uint64_t begun_ns;
static void note_begin(rim_ctx *ctx, struct company *company, const void *body) {
    (void)company;
    (void)body;
    begun_ns = rim_now(ctx);
}
/* Waits of 2, 4, 8 and 8 ms, or the half of each at least. */
static void check_waited(rim_ctx *ctx, struct company *company, const void *body) {
    (void)company;
    (void)body;
    CHECK(rim_now(ctx) - begun_ns >= RIM_MS(1) + RIM_MS(2) + RIM_MS(4) + RIM_MS(4));
}
static const struct company_step backs_off[] = {{BEGIN, .spec = &backoff_spec},
                                                {LOOK, .look = note_begin},
                                                {CRASH, .text = "a"},
                                                {LOG_UNTIL, .text = "a -a:257 !a !a !a a"},
                                                {LOOK, .look = check_waited},
                                                {UNTIL, .text = "a+"},
                                                {.op = STOP}};
COMPANY(contract_07_restarts_wait_longer_each_time, backs_off)

/* In a group the others are stopped at once, and all are started together after the wait. */
static const rim_child group[] = {WORKER("a", a), WORKER("b", b)};
static const rim_supervisor_spec group_spec =
    SUPERVISE(group, .strategy = RIM_ONE_FOR_ALL, .intensity = 10, .period_ns = RIM_SECONDS(3600),
              .backoff_min_ns = RIM_SECONDS(1000));
static const struct company_step group_waits[] = {
    {BEGIN, .spec = &group_spec}, {CRASH, .text = "a"}, {LOG_UNTIL, .text = "a b -a:257 -b:1"},
    {UNTIL, .text = "a~ b-"},     {.op = STOP},         {LOG, .text = ""}};
COMPANY(contract_07_group_is_stopped_before_its_restart_is_waited_for, group_waits)

/* ---- drain ---- */

#define BACKLOG 300u

static void send_backlog(rim_ctx *ctx, struct company *company, const void *body) {
    uint64_t words[2] = {COUNT_THIS, 0};
    (void)body;
    for (uint32_t i = 0; i < BACKLOG; i++) {
        CHECK(rim_send(ctx, company->refs[1], END, words, sizeof words) == 0);
        CHECK(rim_send(ctx, company->refs[2], END, words, sizeof words) == 0);
    }
}

static void check_backlog(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_end_report *report = body;
    (void)ctx;
    CHECK(report->lost == 0 && report->code == RIM_EXIT_NORMAL && report->held_up_by[0] == '\0');
    CHECK(atomic_load(&company->worked['a']) == BACKLOG);
    CHECK(atomic_load(&company->worked['b']) == BACKLOG);
}

/* Of what a child loses that is killed none goes unreported. */
static void check_sum(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_end_report *report = body;
    (void)ctx;
    uint32_t worked = atomic_load(&company->worked['a']) + atomic_load(&company->worked['b']);
    CHECK(atomic_load(&company->worked['a']) == BACKLOG);
    CHECK(worked + report->lost == 2 * BACKLOG);
}

static const rim_child list_b[] = {WORKER("b", b)};
static const rim_supervisor_spec below_spec = SUPERVISE(list_b, TOLERANT);
static const rim_child drained[] = {WORKER("a", a), SUPERVISOR("s", below_spec), WORKER("c", c)};
static const rim_supervisor_spec drained_spec = SUPERVISE(drained, TOLERANT);
static const struct company_step drain_steps[] = {
    {BEGIN, .spec = &drained_spec},         {GET, .text = "a", .slot = 1},     {GET, .text = "s", .slot = 3},
    {GET, .text = "b", .slot = 2, .in = 3}, {LOOK, .look = send_backlog},      {DRAINED, .look = check_backlog},
    {LOG, .text = "a b c -c:0 -b:0 -a:0"},  {ENDED, .expect = RIM_EXIT_NORMAL}};
COMPANY(contract_07_drain_of_a_supervisor_drains_its_tree_in_reverse, drain_steps)

static const rim_child brutal[] = {WORKER("a", a), WORKER("b", b, .stop = RIM_CHILD_KILL)};
static const rim_supervisor_spec brutal_spec = SUPERVISE(brutal, TOLERANT);
static const struct company_step brutal_drain[] = {{BEGIN, .spec = &brutal_spec}, {GET, .text = "a", .slot = 1},
                                                   {GET, .text = "b", .slot = 2}, {LOOK, .look = send_backlog},
                                                   {DRAINED, .look = check_sum},  {LOG, .text = "a b -b:2 -a:0"}};
COMPANY(contract_07_report_of_a_drain_adds_up, brutal_drain)

static void check_a(rim_ctx *ctx, struct company *company, const void *body) {
    (void)ctx;
    (void)body;
    CHECK(atomic_load(&company->worked['a']) == BACKLOG);
}
static const rim_child drained_child[] = {WORKER("a", a, .stop = RIM_CHILD_DRAIN), WORKER("b", b)};
static const rim_supervisor_spec drained_child_spec = SUPERVISE(drained_child, TOLERANT);
static const struct company_step drain_child[] = {{BEGIN, .spec = &drained_child_spec},
                                                  {GET, .text = "a", .slot = 1},
                                                  {GET, .text = "b", .slot = 2},
                                                  {LOOK, .look = send_backlog},
                                                  {TERMINATE, .text = "a"},
                                                  {LOOK, .look = check_a},
                                                  {UNTIL, .text = "a- b+"},
                                                  {.op = STOP},
                                                  {LOG, .text = "a b -a:0 -b:1"}};
COMPANY(contract_07_child_may_be_stopped_by_a_drain, drain_child)

/* ---- no orphans ---- */

static const rim_child deep[] = {WORKER("a", a), SUPERVISOR("s", below_spec), WORKER("c", c)};
static const rim_supervisor_spec deep_spec = SUPERVISE(deep, TOLERANT);
static const struct company_step killed[] = {{BEGIN, .spec = &deep_spec},
                                             {.op = KILL},
                                             {ENDED, .expect = RIM_EXIT_KILLED},
                                             {.op = NOBODY_IS}};
COMPANY(contract_07_supervisor_that_is_killed_leaves_no_orphan, killed)

static const struct company_step killed_below[] = {
    {BEGIN, .spec = &deep_spec},         {GET, .text = "s", .slot = 1},  {KILL, .in = 1},
    {LOG_UNTIL, .text = "a b c -b:2 b"}, {TREE, .text = "a+ s+ .b+ c+"}, {.op = STOP},
    {LOG, .text = "-c:1 -b:1 -a:1"}};
COMPANY(contract_07_supervisor_that_is_killed_is_restarted_with_its_children, killed_below)

/* ---- where they live ---- */

static const rim_spawn_options on_one = {.place = RIM_ON_SHARD, .shard = 1}, on_zero = {.place = RIM_ON_SHARD};
static const rim_child spread_below[] = {WORKER("b", b, .options = &on_zero), WORKER("c", c, .options = &on_one)};
static const rim_supervisor_spec spread_below_spec = SUPERVISE(spread_below, TOLERANT);
static const rim_child spread[] = {WORKER("a", a, .options = &on_one),
                                   SUPERVISOR("s", spread_below_spec, .options = &on_one),
                                   WORKER("d", d, .options = &on_zero)};
static const rim_supervisor_spec spread_spec = SUPERVISE(spread, .strategy = RIM_REST_FOR_ONE, TOLERANT);

static void look_at_shard(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_child_info *info = body;
    uint32_t wanted = info->id[0] == 'a' || info->id[0] == 'c' || info->id[0] == 's' ? 1 : 0;
    (void)ctx;
    (void)company;
    CHECK(rim_shard_of(info->ref) == wanted);
    CHECK(info->state == RIM_CHILD_RUNNING && info->is_supervisor == (info->id[0] == 's'));
}
static const struct company_step spread_steps[] = {{BEGIN, .spec = &spread_spec},
                                                   {GET, .text = "a", .look = look_at_shard},
                                                   {GET, .text = "s", .look = look_at_shard, .slot = 1},
                                                   {GET, .text = "b", .look = look_at_shard, .in = 1},
                                                   {GET, .text = "c", .look = look_at_shard, .in = 1},
                                                   {GET, .text = "d", .look = look_at_shard},
                                                   {CRASH, .text = "a"},
                                                   {LOG_UNTIL, .text = "a b c d -a:257 -d:1 -c:1 -b:1 a b c d"},
                                                   {TREE, .text = "a+ s+ .b+ .c+ d+"},
                                                   {.op = STOP},
                                                   {LOG, .text = "-d:1 -c:1 -b:1 -a:1"}};
COMPANY(contract_07_children_on_other_shards_keep_the_order, spread_steps)

/* ---- strings and arguments are copied ---- */

static rim_ref stack_supervisor;

static void scribble(void *bytes, size_t size) {
    memset(bytes, 0x5a, size);
    __asm__ volatile("" : : "r"(bytes) : "memory");
}

ROLE_ON(stack_go) {
    char id[] = "on the stack";
    struct company_worker as = {.id = 'a'};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1};
    rim_child child = {.id = id, .behaviour = &company_worker, .arg = &as, .size = sizeof as, .options = &options};
    rim_child outer_child = {.id = id};
    rim_supervisor_spec inner = {.children = &child, .child_count = 1};
    rim_supervisor_spec outer = {.children = &outer_child, .child_count = 1};
    outer_child.supervisor = &inner;
    CHECK(rim_supervise(ctx, &outer, &stack_supervisor) == 0);
    scribble(id, sizeof id);
    scribble(&as, sizeof as);
    scribble(&options, sizeof options);
    scribble(&child, sizeof child);
    scribble(&outer_child, sizeof outer_child);
    scribble(&inner, sizeof inner);
    return RIM_DONE;
}

ROLE_OUTCOME(stack_listed) {
    const rim_child_list *list = body;
    CHECK(error == 0);
    if (error == 0) {
        CHECK(list->count == 2 && list->unknown == 0);
        CHECK(strcmp(list->children[0].id, "on the stack") == 0 && strcmp(list->children[1].id, "on the stack") == 0);
        CHECK(list->children[1].depth == 1 && list->children[1].state == RIM_CHILD_RUNNING);
        CHECK(rim_shard_of(list->children[1].ref) == 1);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(stack_started) {
    rim_supervisor_call call = {.supervisor = stack_supervisor,
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = stack_listed};
    CHECK(rim_supervisor_tree(ctx, &call) == 0);
    return RIM_DONE;
}
static const rim_handler stack_on[] = {[GO] = stack_go, [RIM_STARTED] = stack_started};
static const rim_behaviour stack_boss = {.name = "boss", .on = stack_on, .on_count = RIM_COUNT(stack_on)};

void contract_07_spec_is_copied_with_all_that_it_points_to(struct scenario *s) {
    rim_ref ref;
    memset(company_of(), 0, sizeof *company_of());
    scenario_open_lanes(s);
    CHECK(rim_system_spawn(scenario_system(s), &stack_boss, NULL, NULL, 0, &ref) == 0);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- the root of a tree, from outside ---- */

void contract_07_root_is_made_from_outside_and_stops_with_the_system(struct scenario *s) {
    static const rim_supervisor_spec draining = SUPERVISE(deep, .drain_on_closing = true, TOLERANT);
    struct company *company = company_of();
    rim_ref ref;
    rim_stop_report report;
    memset(company, 0, sizeof *company);
    scenario_open_lanes(s);
    CHECK(rim_system_supervise(scenario_system(s), &draining, NULL) == -EINVAL);
    CHECK(rim_system_supervise(scenario_system(s), NULL, &ref) == -EINVAL);
    CHECK(rim_system_supervise(scenario_system(s), &draining, &ref) == 0);
    for (uint32_t i = 0; i < 5000 && atomic_load(&company->all_alive) < 3; i++) {
        scenario_pass_time(s, RIM_MS(1));
    }
    CHECK(company_log_is(company, "a b c"));
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.lost == 0);
    CHECK(company_log_is(company, "a b c -c:0 -b:0 -a:0"));
}

/* ---- requests that wait ---- */

/* Several requests at once for one child: each has its outcome, and they are served in their order. */
static struct waiting {
    uint32_t outcomes;
    int errors[5];
} waiting;

ROLE_OUTCOME(waiting_outcome) {
    waiting.errors[cookie] = error;
    waiting.outcomes++;
    return RIM_DONE;
}

static void ask_all_at_once(rim_ctx *ctx, struct company *company, const void *body) {
    rim_supervisor_call call = {.supervisor = company->refs[0],
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = waiting_outcome};
    (void)body;
    waiting = (struct waiting){0};
    CHECK(rim_supervisor_terminate_child(ctx, &call, "a") == 0);
    call.cookie = 1;
    CHECK(rim_supervisor_terminate_child(ctx, &call, "a") == 0);
    call.cookie = 2;
    CHECK(rim_supervisor_restart_child(ctx, &call, "a") == 0);
    call.cookie = 3;
    CHECK(rim_supervisor_restart_child(ctx, &call, "a") == 0);
    call.cookie = 4;
    CHECK(rim_supervisor_delete_child(ctx, &call, "a") == 0);
}

static void check_all_outcomes(rim_ctx *ctx, struct company *company, const void *body) {
    (void)ctx;
    (void)company;
    (void)body;
    CHECK(waiting.outcomes == 5);
    CHECK(waiting.errors[0] == 0 && waiting.errors[1] == 0 && waiting.errors[2] == 0);
    CHECK(waiting.errors[3] == -RIM_ERUNNING && waiting.errors[4] == -RIM_ERUNNING);
}
static const rim_supervisor_spec group_plain = SUPERVISE(group, .strategy = RIM_ONE_FOR_ALL, TOLERANT);
static const struct company_step all_at_once[] = {{BEGIN, .spec = &group_plain},
                                                  {LOOK, .look = ask_all_at_once},
                                                  {LOG_UNTIL, .text = "a b -a:1 a"},
                                                  {GET, .text = "a"},
                                                  {UNTIL, .text = "a+ b+"},
                                                  {LOOK, .look = check_all_outcomes},
                                                  {.op = STOP}};
COMPANY(contract_07_requests_that_wait_are_served_in_order, all_at_once)

/* A supervisor that ends refuses what waited, and has counted nothing twice. */
static const rim_child template = WORKER(NULL, any);
static const rim_supervisor_spec dynamic = {.strategy = RIM_DYNAMIC, .children = &template, .child_count = 1, TOLERANT};
static const struct company_worker any_never = {.id = '*', .plan = "~"};

static void start_one_that_never_is(rim_ctx *ctx, struct company *company, const void *body) {
    (void)body;
    atomic_store(&refused, 0);
    rim_supervisor_call call = {.supervisor = company->refs[0],
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = was_refused};
    CHECK(rim_supervisor_start_dynamic(ctx, &call, &any_never, sizeof any_never) == 0);
}
static void check_refused(rim_ctx *ctx, struct company *company, const void *body) {
    (void)ctx;
    (void)company;
    (void)body;
    CHECK(atomic_load(&refused) == 1);
}
static const struct company_step refuses_at_its_end[] = {{BEGIN, .spec = &dynamic},
                                                         {LOOK, .look = start_one_that_never_is},
                                                         {UNTIL, .text = "*s"},
                                                         {.op = STOP},
                                                         {LOOK, .look = check_refused},
                                                         {.op = NOBODY_IS}};
COMPANY(contract_07_supervisor_that_ends_refuses_what_waits, refuses_at_its_end)

/* ---- kept: reference and mailbox stay ---- */

static const rim_spawn_options kept = {.keep = true};
static const rim_child kept_children[] = {WORKER("a", a, .options = &kept), WORKER("b", b, .options = &kept)};
static const rim_supervisor_spec kept_spec = SUPERVISE(kept_children, TOLERANT);
static const rim_supervisor_spec kept_group = SUPERVISE(kept_children, .strategy = RIM_ONE_FOR_ALL, TOLERANT);
static const rim_supervisor_spec kept_backoff =
    SUPERVISE(kept_children, .intensity = 5, .period_ns = RIM_SECONDS(3600), .backoff_min_ns = RIM_MS(1));

static void send_with_poison(rim_ctx *ctx, struct company *company, const void *body) {
    (void)body;
    for (uint32_t i = 0; i < 2 * BACKLOG + 1; i++) {
        uint64_t words[2] = {i == BACKLOG ? ABNORMAL : COUNT_THIS, 0};
        CHECK(rim_send(ctx, company->refs[1], END, words, sizeof words) == 0);
    }
}

static void check_same(rim_ctx *ctx, struct company *company, const void *body) {
    (void)ctx;
    CHECK(((const rim_child_info *)body)->ref == company->refs[1]);
    CHECK(((const rim_child_info *)body)->restarts == 1);
}
static void check_worked(rim_ctx *ctx, struct company *company, const void *body) {
    (void)ctx;
    (void)body;
    CHECK(atomic_load(&company->worked['a']) == 2 * BACKLOG); /* all but the one that failed it */
}
static const struct company_step kept_one[] = {{BEGIN, .spec = &kept_spec},
                                               {GET, .text = "a", .slot = 1},
                                               {LOOK, .look = send_with_poison},
                                               {LOG_UNTIL, .text = "a b -a:257 a"},
                                               {UNTIL, .text = "a+ b+"},
                                               {GET, .text = "a", .look = check_same},
                                               {.op = DRAINED},
                                               {LOG, .text = "-b:0 -a:0"},
                                               {LOOK, .look = check_worked}};
COMPANY(contract_07_message_that_failed_an_actor_is_never_redelivered, kept_one)

/* The one that failed keeps its reference; the others, which are stopped, do not. */
static const struct company_step kept_all[] = {{BEGIN, .spec = &kept_group},
                                               {GET, .text = "a", .slot = 1},
                                               {LOOK, .look = send_with_poison},
                                               {LOG_UNTIL, .text = "a b -a:257 -b:1 a b"},
                                               {UNTIL, .text = "a+ b+"},
                                               {GET, .text = "a", .look = check_same},
                                               {.op = DRAINED},
                                               {LOG, .text = "-b:0 -a:0"},
                                               {LOOK, .look = check_worked}};
COMPANY(contract_07_kept_child_is_revived_with_its_group, kept_all)

static const struct company_step kept_waits[] = {{BEGIN, .spec = &kept_backoff},
                                                 {GET, .text = "a", .slot = 1},
                                                 {LOOK, .look = send_with_poison},
                                                 {LOG_UNTIL, .text = "a b -a:257 a"},
                                                 {UNTIL, .text = "a+ b+"},
                                                 {GET, .text = "a", .look = check_same},
                                                 {.op = DRAINED},
                                                 {LOOK, .look = check_worked}};
COMPANY(contract_07_kept_child_waits_for_its_restart_with_its_mailbox, kept_waits)

/* Who is not to be restarted, or was once too often, is not left suspended. */
static const rim_child kept_fragile[] = {WORKER("a", a, .options = &kept, .restart = RIM_TEMPORARY),
                                         WORKER("b", b, .options = &kept)};
static const rim_supervisor_spec fragile_spec = SUPERVISE(kept_fragile, .period_ns = 1);
static const struct company_step kept_no_more[] = {{BEGIN, .spec = &fragile_spec},
                                                   {SEND, .text = "a"},
                                                   {UNTIL, .text = "b+"},
                                                   {SEND, .text = "b"},
                                                   {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                   {LOG, .text = "a b -a:257 -b:257"},
                                                   {.op = NOBODY_IS}};
COMPANY(contract_07_kept_child_that_is_not_restarted_ends, kept_no_more)

/* ---- names ---- */

static const rim_spawn_options named = {.name = "a worker of the company"};
static const rim_child named_children[] = {WORKER("a", a, .options = &named)};
static const rim_supervisor_spec named_spec = SUPERVISE(named_children, TOLERANT);
static void check_name(rim_ctx *ctx, struct company *company, const void *body) {
    (void)company;
    CHECK(rim_find(ctx, named.name) == ((const rim_child_info *)body)->ref);
}
static void check_spec_name(rim_ctx *ctx, struct company *company, const void *body) {
    (void)ctx;
    (void)company;
    CHECK(strcmp(((const rim_childspec *)body)->name, named.name) == 0);
}
static const struct company_step named_steps[] = {{BEGIN, .spec = &named_spec},
                                                  {GET, .text = "a", .look = check_name},
                                                  {SPEC, .text = "a", .look = check_spec_name},
                                                  {CRASH, .text = "a"},
                                                  {LOG_UNTIL, .text = "a -a:257 a"},
                                                  {UNTIL, .text = "a+"},
                                                  {GET, .text = "a", .look = check_name},
                                                  {.op = STOP}};
COMPANY(contract_07_restarted_child_has_its_name_again, named_steps)

/* ---- a request that expired while it waited ---- */

static void confirm_b(rim_ctx *ctx, struct company *company, const void *body) {
    uint64_t words[2] = {CONFIRM, 0};
    (void)body;
    CHECK(rim_send(ctx, atomic_load(&company->workers['b']), END, words, sizeof words) == 0);
}

static const rim_child child_e = WORKER("e", any);
ROLE_OUTCOME(has_started) {
    CHECK(error == 0);
    return RIM_DONE;
}

static void start_and_go_on(rim_ctx *ctx, struct company *company, const void *body) {
    rim_supervisor_call call = {.supervisor = company->refs[0],
                                .timeout_ns = RIM_SECONDS(10),
                                .on_outcome = has_started};
    (void)body;
    CHECK(rim_supervisor_start_child(ctx, &call, &child_never, NULL) == 0);
}
static const struct company_step expires[] = {{BEGIN, .spec = &over_spec},
                                              {LOOK, .look = start_and_go_on},
                                              {LOG_UNTIL, .text = "d a b"},
                                              {GET, .text = "s", .slot = 1},
                                              {START, .child = &child_e, .in = 1, .timeout_ns = RIM_MS(1),
                                               .expect = -ETIMEDOUT},
                                              {LOOK, .look = confirm_b},
                                              {LOG_UNTIL, .text = "c"},
                                              {UNTIL, .text = "a+ b+ c+", .in = 1},
                                              {UNTIL, .text = "d+ s+"},
                                              {.op = STOP},
                                              {LOG, .text = "-c:1 -b:1 -a:1 -d:1"}};
COMPANY(contract_07_request_that_expired_while_it_waited_is_not_run, expires)

/* ---- a child that cannot even be spawned ---- */

static const rim_spawn_options nowhere = {.place = RIM_ON_SHARD, .shard = 99};
static const rim_child child_nowhere = WORKER("b", b, .options = &nowhere);
static const rim_child with_nowhere[] = {WORKER("a", a), WORKER("b", b, .options = &nowhere), WORKER("c", c)};
static const rim_supervisor_spec nowhere_spec = SUPERVISE(with_nowhere, TOLERANT);
static const struct company_step spawns_nowhere[] = {{BEGIN, .spec = &over_spec},
                                                     {START, .child = &child_nowhere, .expect = -RIM_ESTART},
                                                     {UNTIL, .text = "d+"},
                                                     {.op = STOP},
                                                     {.op = LOG_CLEAR},
                                                     {BEGIN, .spec = &nowhere_spec, .expect = RIM_EXIT_INIT},
                                                     {LOG, .text = "a -a:1"}};
COMPANY(contract_07_child_that_cannot_be_spawned_is_one_that_does_not_start, spawns_nowhere)

static const rim_child kept_significant[] = {WORKER("b", b), WORKER("a", a, .options = &kept, .restart = RIM_TEMPORARY,
                                                                    .significant = true)};
static const rim_supervisor_spec kept_significant_spec =
    SUPERVISE(kept_significant, .auto_shutdown = RIM_AUTO_ALL, TOLERANT);
static const struct company_step kept_last[] = {{BEGIN, .spec = &kept_significant_spec},
                                                {SEND, .text = "a"},
                                                {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                {LOG, .text = "b a -a:257 -b:1"}};
COMPANY(contract_07_kept_child_that_is_not_restarted_counts_as_ended, kept_last)
