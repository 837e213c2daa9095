/* SPDX-License-Identifier: MIT */
/* The cases of OTP's supervisor_SUITE, by name: what a supervisor is asked to do and to tell. */
#include "company.h"

static const struct company_worker a = {.id = 'a'}, b = {.id = 'b'}, c = {.id = 'c'}, any = {.id = '*'};

static const rim_child child_a = WORKER("a", a), child_b = WORKER("b", b);
static const rim_child list_a[] = {WORKER("a", a)};
static const rim_supervisor_spec nothing = {TOLERANT}, only_a = SUPERVISE(list_a, TOLERANT);

static const struct company_step child_adm[] = {{BEGIN, .spec = &only_a},
                                                {COUNTS, .text = "1 1 0 1"},
                                                {START, .child = &child_a, .expect = -RIM_ESTARTED},
                                                {TERMINATE, .text = "z", .expect = -RIM_ENOCHILD},
                                                {TERMINATE, .text = "a"},
                                                {LOG, .text = "a -a:1"},
                                                {UNTIL, .text = "a-"},
                                                {COUNTS, .text = "1 0 0 1"},
                                                {TERMINATE, .text = "a"},
                                                {START, .child = &child_a, .expect = -RIM_EPRESENT},
                                                {RESTART, .text = "a"},
                                                {UNTIL, .text = "a+"},
                                                {RESTART, .text = "a", .expect = -RIM_ERUNNING},
                                                {RESTART, .text = "b", .expect = -RIM_ENOCHILD},
                                                {DELETE, .text = "a", .expect = -RIM_ERUNNING},
                                                {DELETE, .text = "z", .expect = -RIM_ENOCHILD},
                                                {TERMINATE, .text = "a"},
                                                {DELETE, .text = "a"},
                                                {RESTART, .text = "a", .expect = -RIM_ENOCHILD},
                                                {UNTIL, .text = ""},
                                                {COUNTS, .text = "0 0 0 0"},
                                                {START, .child = &child_a, .slot = 2},
                                                {UNTIL, .text = "a+"},
                                                {GET, .text = "a"},
                                                {GET, .text = "z", .expect = -RIM_ENOCHILD},
                                                {.op = STOP},
                                                {START, .child = &child_b, .expect = -RIM_EDOWN},
                                                {UNTIL, .text = "", .expect = -RIM_EDOWN},
                                                {COUNTS, .text = "", .expect = -RIM_EDOWN},
                                                {TERMINATE, .text = "a", .expect = -RIM_EDOWN},
                                                {DELETE, .text = "a", .expect = -RIM_EDOWN}};
COMPANY(otp_child_adm, child_adm)

static const rim_child template = WORKER(NULL, any);
static const rim_supervisor_spec dynamic = {.strategy = RIM_DYNAMIC, .children = &template, .child_count = 1, TOLERANT};
static const struct company_step child_adm_simple[] = {{BEGIN, .spec = &dynamic},
                                                       {UNTIL, .text = ""},
                                                       {COUNTS, .text = "1 0 0 0"},
                                                       {START_DYNAMIC, .slot = 1},
                                                       {START_DYNAMIC, .slot = 2},
                                                       {UNTIL, .text = "*+ *+"},
                                                       {COUNTS, .text = "1 2 0 2"},
                                                       {TERMINATE, .text = "a", .expect = -RIM_ECONTEXT},
                                                       {START, .child = &child_a, .expect = -RIM_ECONTEXT},
                                                       {TERMINATE_SLOT, .how = 1},
                                                       {UNTIL, .text = "*+"},
                                                       {TERMINATE_SLOT, .how = 1, .expect = -RIM_ENOCHILD},
                                                       {RESTART, .text = "a", .expect = -RIM_ECONTEXT},
                                                       {DELETE, .text = "a", .expect = -RIM_ECONTEXT},
                                                       {COUNTS, .text = "1 1 0 1"},
                                                       {.op = STOP}};
COMPANY(otp_child_adm_simple, child_adm_simple)

static const struct company_step not_dynamic[] = {{BEGIN, .spec = &only_a},
                                                  {START_DYNAMIC, .expect = -RIM_ECONTEXT},
                                                  {.op = STOP}};
COMPANY(contract_07_only_a_dynamic_supervisor_starts_children_of_a_template, not_dynamic)

/* ---- checks ---- */

static const char long_id[] = "an id that has sixty-four bytes, which is one more than there can";

static void expect_text(const rim_child *child, enum rim_auto_shutdown auto_shutdown, const char *want) {
    char text[RIM_CHECK_TEXT] = "";
    int error = rim_child_check(child, RIM_ONE_FOR_ONE, auto_shutdown, text);
    if (want == NULL) {
        CHECK(error == 0);
        return;
    }
    CHECK(error == -EINVAL);
    scenario_check(scenario_current(), strstr(text, want) != NULL, want);
}

static void check_each_field(void) {
    static const rim_spawn_options kept = {.keep = true}, nameless_options = {.name = ""};
    rim_spawn_options no_place = {.place = (enum rim_place)9}, linked = {.link = true};
    rim_behaviour nameless = {0};
    expect_text(&(rim_child){.behaviour = &company_worker}, RIM_AUTO_NEVER, "no id");
    expect_text(&(rim_child){.id = "", .behaviour = &company_worker}, RIM_AUTO_NEVER, "no id");
    expect_text(&(rim_child){.id = long_id, .behaviour = &company_worker}, RIM_AUTO_NEVER, "at most 63");
    expect_text(&(rim_child){.id = "a"}, RIM_AUTO_NEVER, "either a behaviour or a supervisor");
    expect_text(&(rim_child){.id = "a", .behaviour = &nameless}, RIM_AUTO_NEVER, "no name");
    expect_text(&(rim_child)WORKER("a", a, .restart = (enum rim_restart)7), RIM_AUTO_NEVER, "restart is");
    expect_text(&(rim_child)WORKER("a", a, .stop = (enum rim_child_stop)7), RIM_AUTO_NEVER, "stop is");
    expect_text(&(rim_child){.id = "a", .behaviour = &company_worker, .size = 8}, RIM_AUTO_NEVER, "argument");
    expect_text(&(rim_child){.id = "a", .behaviour = &company_worker, .arg = &a, .size = 1025}, RIM_AUTO_NEVER,
                "1,024");
    expect_text(&(rim_child)SUPERVISOR("a", nothing, .size = 1), RIM_AUTO_NEVER, "takes no argument");
    expect_text(&(rim_child)WORKER("a", a, .options = &no_place), RIM_AUTO_NEVER, "no place");
    expect_text(&(rim_child)WORKER("a", a, .options = &linked), RIM_AUTO_NEVER, "its supervisor's to set");
    expect_text(&(rim_child)WORKER("a", a, .options = &nameless_options), RIM_AUTO_NEVER, "a name has 1 to 63");
    expect_text(&(rim_child)SUPERVISOR("a", nothing, .options = &kept), RIM_AUTO_NEVER, "cannot be kept");
    expect_text(NULL, RIM_AUTO_NEVER, "no child");
}

static void check_combinations(void) {
    for (int i = 0; i < 3 * 3 * 3 * 2; i++) {
        enum rim_auto_shutdown auto_shutdown = (enum rim_auto_shutdown)(i % 3);
        rim_child child = WORKER("a", a, .restart = (enum rim_restart)(i / 3 % 3),
                                 .stop = (enum rim_child_stop)(i / 9 % 3), .significant = i / 27 != 0);
        bool never = auto_shutdown == RIM_AUTO_NEVER, permanent = child.restart == RIM_PERMANENT;
        expect_text(&child, auto_shutdown,
                    !child.significant ? NULL
                    : permanent        ? "a permanent child cannot be significant"
                    : never            ? "auto_shutdown is never"
                                       : NULL);
    }
}

void otp_child_specs(struct scenario *s) {
    (void)s;
    check_each_field();
}

static const rim_child twice[] = {WORKER("a", a), WORKER("b", b), WORKER("a", a)};
static const rim_supervisor_spec twice_spec = SUPERVISE(twice, TOLERANT);
static const rim_child two_templates[] = {WORKER(NULL, any), WORKER(NULL, any)};
static const rim_supervisor_spec two_spec = SUPERVISE(two_templates, .strategy = RIM_DYNAMIC);
static const rim_supervisor_spec none_spec = {.strategy = RIM_DYNAMIC};
static const rim_child significant_a = WORKER("a", a, .restart = RIM_TRANSIENT, .significant = true);
static const rim_child bad_restart = WORKER("a", a, .restart = (enum rim_restart)7);
static const struct company_step child_specs_map[] = {
    {BEGIN_BAD, .text = "'a': the id is there twice", .expect = -EINVAL, .spec = &twice_spec},
    {BEGIN_BAD, .text = "a dynamic supervisor has one, the template", .expect = -EINVAL, .spec = &two_spec},
    {BEGIN_BAD, .text = "a dynamic supervisor has one, the template", .expect = -EINVAL, .spec = &none_spec},
    {BEGIN, .spec = &nothing},
    {START_HERE, .child = &bad_restart, .expect = -EINVAL},
    {START, .child = &significant_a, .expect = -EINVAL},
    {UNTIL, .text = ""},
    {.op = STOP}};

void otp_child_specs_map(struct scenario *s) {
    check_combinations();
    company_run(s, child_specs_map, RIM_COUNT(child_specs_map));
}

static void expect_flag(rim_supervisor_spec spec, const char *want) {
    char text[RIM_CHECK_TEXT] = "";
    CHECK(rim_supervisor_check(&spec, text) == (want != NULL ? -EINVAL : 0));
    scenario_check(scenario_current(), want == NULL || strstr(text, want) != NULL, text);
    CHECK(rim_supervisor_check(&spec, NULL) == (want != NULL ? -EINVAL : 0));
}

void otp_sup_flags(struct scenario *s) {
    (void)s;
    expect_flag((rim_supervisor_spec){0}, NULL);
    expect_flag((rim_supervisor_spec){.intensity = 0, .period_ns = 1}, NULL);
    expect_flag((rim_supervisor_spec){.strategy = (enum rim_strategy)4}, "strategy");
    expect_flag((rim_supervisor_spec){.auto_shutdown = (enum rim_auto_shutdown)3}, "auto_shutdown");
    expect_flag((rim_supervisor_spec){.intensity = 1}, "needs a period");
    expect_flag((rim_supervisor_spec){.intensity = 2000000, .period_ns = 1}, "intensity");
    expect_flag((rim_supervisor_spec){.backoff_min_ns = 2, .backoff_max_ns = 1}, "backoff_max_ns");
    expect_flag((rim_supervisor_spec){.child_count = 20000, .children = list_a}, "10,000");
    rim_supervisor_spec itself = {.child_count = 1};
    rim_child inside = {.id = "me", .supervisor = &itself};
    itself.children = &inside;
    expect_flag(itself, "contain itself");
}

/* ---- listing ---- */

static const rim_child below[] = {WORKER("b", b), WORKER("c", c, .restart = RIM_TEMPORARY)};
static const rim_supervisor_spec below_spec = SUPERVISE(below, TOLERANT);
static const rim_child mixed[] = {WORKER("a", a), SUPERVISOR("s", below_spec), SUPERVISOR("t", nothing)};
static const rim_supervisor_spec mixed_spec = SUPERVISE(mixed, TOLERANT);
static const struct company_step count_children[] = {
    {BEGIN, .spec = &mixed_spec}, {COUNTS, .text = "3 3 2 1"}, {TERMINATE, .text = "s"},
    {COUNTS, .text = "3 2 2 1"},  {DELETE, .text = "s"},       {COUNTS, .text = "2 2 1 1"},
    {TERMINATE, .text = "a"},     {COUNTS, .text = "2 1 1 1"}, {.op = STOP}};
COMPANY(otp_count_children, count_children)

static const rim_child template_supervisor = {.supervisor = &below_spec};
static const rim_supervisor_spec dynamic_supervisors = {.strategy = RIM_DYNAMIC,
                                                        .children = &template_supervisor,
                                                        .child_count = 1,
                                                        TOLERANT};
static const struct company_step count_supervisors[] = {{BEGIN, .spec = &dynamic_supervisors},
                                                        {COUNTS, .text = "1 0 0 0"},
                                                        {START_DYNAMIC, .slot = 1},
                                                        {COUNTS, .text = "1 1 1 0"},
                                                        {COUNTS, .text = "2 2 0 2", .in = 1},
                                                        {TREE, .text = "*+ .b+ .c+"},
                                                        {TERMINATE_SLOT, .how = 1},
                                                        {COUNTS, .text = "1 0 0 0"},
                                                        {LOG, .text = "b c -c:1 -b:1"},
                                                        {.op = STOP}};
COMPANY(otp_count_children_supervisor, count_supervisors)

static const struct company_worker any_once = {.id = '*', .plan = "++++-"};
static const rim_child template_once = WORKER(NULL, any_once);
static const rim_supervisor_spec dynamic_slow = {.strategy = RIM_DYNAMIC,
                                                 .children = &template_once,
                                                 .child_count = 1,
                                                 .intensity = 20,
                                                 .period_ns = RIM_SECONDS(3600),
                                                 .backoff_min_ns = RIM_SECONDS(2000)};
static const struct company_step count_restarting[] = {{BEGIN, .spec = &dynamic_slow},
                                                       {START_DYNAMIC, .slot = 1},
                                                       {START_DYNAMIC, .slot = 2},
                                                       {START_DYNAMIC, .slot = 3},
                                                       {START_DYNAMIC, .slot = 4},
                                                       {COUNTS, .text = "1 4 0 4"},
                                                       {CRASH_SLOT, .slot = 1},
                                                       {UNTIL, .text = "*~ *+ *+ *+"},
                                                       {COUNTS, .text = "1 3 0 4"},
                                                       {CRASH_SLOT, .slot = 3},
                                                       {UNTIL, .text = "*~ *+ *~ *+"},
                                                       {COUNTS, .text = "1 2 0 4"},
                                                       {.op = STOP},
                                                       {LOG, .text = "* * * * -*:257 -*:257 -*:1 -*:1"}};
COMPANY(otp_count_restarting_children, count_restarting)

static const struct company_step order[] = {
    {BEGIN, .spec = &only_a},  {START, .child = &child_b}, {UNTIL, .text = "a+ b+"},
    {TERMINATE, .text = "a"},  {UNTIL, .text = "a- b+"},   {RESTART, .text = "a"},
    {UNTIL, .text = "a+ b+"},  {.op = LOG_CLEAR},          {.op = STOP},
    {LOG, .text = "-b:1 -a:1"}};
COMPANY(otp_order_of_children, order)

static const struct company_step tree_listed[] = {
    {BEGIN, .spec = &mixed_spec},       {TREE, .text = "a+ s+ .b+ .c+ t+"},
    {GET, .text = "s", .slot = 1},      {TERMINATE, .text = "b", .in = 1},
    {TREE, .text = "a+ s+ .b- .c+ t+"}, {TERMINATE, .text = "c", .in = 1},
    {TREE, .text = "a+ s+ .b- t+"},     {TERMINATE, .text = "s"},
    {TREE, .text = "a+ s- t+"},         {.op = STOP}};
COMPANY(contract_07_whole_tree_is_listed, tree_listed)

/* ---- what is not kept ---- */

static const rim_child temporary_c = WORKER("c", c, .restart = RIM_TEMPORARY);
static const struct company_step no_temporary_specs[] = {{BEGIN, .spec = &nothing},
                                                         {START, .child = &temporary_c},
                                                         {TERMINATE, .text = "c"},
                                                         {UNTIL, .text = ""},
                                                         {COUNTS, .text = "0 0 0 0"},
                                                         {START, .child = &temporary_c},
                                                         {CRASH, .text = "c"},
                                                         {UNTIL, .text = ""},
                                                         {RESTART, .text = "c", .expect = -RIM_ENOCHILD},
                                                         {.op = STOP}};
COMPANY(otp_do_not_save_child_specs_for_temporary_children, no_temporary_specs)
