/* SPDX-License-Identifier: MIT */
/* The cases of OTP's supervisor_SUITE, by name: start, and stop. Which do not apply: docs/guide/10-supervision.md. */
#include "company.h"

static const struct company_worker a = {.id = 'a'}, b = {.id = 'b'}, c = {.id = 'c'}, d = {.id = 'd'};
static const struct company_worker a_ignores = {.id = 'a', .plan = "i"}, any = {.id = '*'};
static const struct company_worker any_ignores = {.id = '*', .plan = "i"}, any_fails = {.id = '*', .plan = "-"};
static const struct company_worker b_fails = {.id = 'b', .plan = "-"}, a_fails_then = {.id = 'a', .plan = "+-"};
static const struct company_worker b_stubborn = {.id = 'b', .stubborn = true}, c_clings = {.id = 'c', .clings = true};
static const rim_spawn_options traps = {.trap_exit = true};

static const rim_supervisor_spec nothing = {TOLERANT};
static const rim_child child_b = WORKER("b", b), ignoring_a = WORKER("a", a_ignores);
static const rim_child temporary_a = WORKER("a", a_ignores, .restart = RIM_TEMPORARY);
static const rim_child temporary_b = WORKER("b", b, .restart = RIM_TEMPORARY);

/* ---- start ---- */

static const struct company_step start_normal[] = {{BEGIN, .spec = &nothing}, {UNTIL, .text = ""}, {.op = STOP}};
COMPANY(otp_sup_start_normal, start_normal)

static const struct company_step start_ignore_child[] = {{BEGIN, .spec = &nothing},
                                                         {START, .child = &ignoring_a},
                                                         {START, .child = &child_b},
                                                         {UNTIL, .text = "a- b+"},
                                                         {COUNTS, .text = "2 1 0 2"},
                                                         {LOG, .text = "?a b"},
                                                         {.op = STOP}};
COMPANY(otp_sup_start_ignore_child, start_ignore_child)

static const rim_child temporaries[] = {WORKER("a", a_ignores, .restart = RIM_TEMPORARY),
                                        WORKER("b", b, .restart = RIM_TEMPORARY)};
static const rim_supervisor_spec temporary_spec = SUPERVISE(temporaries, TOLERANT);
static const struct company_step start_ignore_temporary[] = {{BEGIN, .spec = &temporary_spec},
                                                             {UNTIL, .text = "b+"},
                                                             {COUNTS, .text = "1 1 0 1"},
                                                             {.op = STOP}};
COMPANY(otp_sup_start_ignore_temporary_child, start_ignore_temporary)

static const struct company_step start_ignore_temporary_later[] = {
    {BEGIN, .spec = &nothing}, {START, .child = &temporary_a}, {START, .child = &temporary_b},
    {UNTIL, .text = "b+"},     {COUNTS, .text = "1 1 0 1"},    {.op = STOP}};
COMPANY(otp_sup_start_ignore_temporary_child_start_child, start_ignore_temporary_later)

/* The argument of start_dynamic takes the place of the template's. */
static const rim_child template_temporary = WORKER(NULL, any_ignores, .restart = RIM_TEMPORARY);
static const rim_child template_permanent = WORKER(NULL, any_ignores);
static const rim_child with_any = WORKER(NULL, any), with_failure = WORKER(NULL, any_fails);
static const rim_supervisor_spec dynamic_temporary = {.strategy = RIM_DYNAMIC,
                                                      .children = &template_temporary,
                                                      .child_count = 1,
                                                      TOLERANT};
static const rim_supervisor_spec dynamic_permanent = {.strategy = RIM_DYNAMIC,
                                                      .children = &template_permanent,
                                                      .child_count = 1,
                                                      TOLERANT};
static const struct company_step ignore_temporary_simple[] = {{BEGIN, .spec = &dynamic_temporary},
                                                              {.op = START_DYNAMIC},
                                                              {START_DYNAMIC, .child = &with_any},
                                                              {UNTIL, .text = "*+"},
                                                              {COUNTS, .text = "1 1 0 1"},
                                                              {.op = STOP}};
COMPANY(otp_sup_start_ignore_temporary_child_start_child_simple, ignore_temporary_simple)

static const struct company_step ignore_permanent_simple[] = {{BEGIN, .spec = &dynamic_permanent},
                                                              {.op = START_DYNAMIC},
                                                              {START_DYNAMIC, .child = &with_any},
                                                              {UNTIL, .text = "*+"},
                                                              {COUNTS, .text = "1 1 0 1"},
                                                              {.op = STOP},
                                                              {LOG, .text = "?* * -*:1"}};
COMPANY(otp_sup_start_ignore_permanent_child_start_child_simple, ignore_permanent_simple)

static const rim_supervisor_spec bad_strategy = {.strategy = (enum rim_strategy)17};
static const struct company_step start_error_return[] = {
    {BEGIN_BAD, .text = "strategy", .expect = -EINVAL, .spec = &bad_strategy}};
COMPANY(otp_sup_start_error_return, start_error_return)

static const rim_child one_fails[] = {WORKER("a", a), WORKER("b", b_fails), WORKER("c", c)};
static const rim_supervisor_spec one_fails_spec = SUPERVISE(one_fails, TOLERANT);
static const struct company_step start_fail[] = {{BEGIN, .spec = &one_fails_spec, .expect = RIM_EXIT_INIT},
                                                 {LOG, .text = "a !b -a:1"}};
COMPANY(otp_sup_start_fail, start_fail)

static const rim_child failing_b = WORKER("b", b_fails);
static const struct company_step child_returns_error[] = {{BEGIN, .spec = &nothing},
                                                          {START, .child = &failing_b, .expect = -RIM_ESTART},
                                                          {UNTIL, .text = ""},
                                                          {START, .child = &child_b},
                                                          {.op = STOP}};
COMPANY(otp_sup_start_child_returns_error, child_returns_error)

static const rim_child fails_later[] = {WORKER("a", a_fails_then)};
static const rim_supervisor_spec fails_later_spec = SUPERVISE(fails_later, TOLERANT);
static const struct company_step restart_child_returns_error[] = {{BEGIN, .spec = &fails_later_spec},
                                                                  {TERMINATE, .text = "a"},
                                                                  {RESTART, .text = "a", .expect = -RIM_ESTART},
                                                                  {UNTIL, .text = "a-"},
                                                                  {.op = STOP}};
COMPANY(otp_sup_start_restart_child_returns_error, restart_child_returns_error)

static const struct company_step child_returns_error_simple[] = {{BEGIN, .spec = &dynamic_permanent},
                                                                 {START_DYNAMIC, .child = &with_failure,
                                                                  .expect = -RIM_ESTART},
                                                                 {UNTIL, .text = ""},
                                                                 {COUNTS, .text = "1 0 0 0"},
                                                                 {.op = STOP}};
COMPANY(otp_sup_start_child_returns_error_simple, child_returns_error_simple)

/* ---- defaults and mistakes ---- */

static void look_at_worker(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_childspec *spec = body;
    (void)ctx;
    (void)company;
    CHECK(strcmp(spec->id, "a") == 0 && spec->behaviour == &company_worker && !spec->is_supervisor);
    CHECK(spec->restart == RIM_PERMANENT && spec->stop == RIM_CHILD_SHUTDOWN && spec->stop_ns == RIM_SECONDS(5));
    CHECK(!spec->significant && spec->size == sizeof a && memcmp(spec->arg, &a, sizeof a) == 0);
}

static void look_at_brutal(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_childspec *spec = body;
    (void)ctx;
    (void)company;
    CHECK(spec->stop == RIM_CHILD_KILL);
}

static void look_at_supervisor(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_childspec *spec = body;
    (void)ctx;
    (void)company;
    CHECK(spec->is_supervisor && spec->stop_ns == RIM_FOREVER && spec->size == 0);
}

static const rim_child three_kinds[] = {WORKER("a", a), WORKER("b", b, .stop = RIM_CHILD_KILL),
                                        SUPERVISOR("s", nothing)};
static const rim_supervisor_spec zeroes = SUPERVISE(three_kinds);
static const struct company_step start_map[] = {{BEGIN, .spec = &zeroes},
                                                {SPEC, .text = "a", .look = look_at_worker},
                                                {SPEC, .text = "b", .look = look_at_brutal},
                                                {SPEC, .text = "s", .look = look_at_supervisor},
                                                {SPEC, .text = "d", .expect = -RIM_ENOCHILD},
                                                {COUNTS, .text = "3 3 1 2"},
                                                {.op = STOP}};
COMPANY(otp_sup_start_map, start_map)

static void look_at_template(rim_ctx *ctx, struct company *company, const void *body) {
    const rim_childspec *spec = body;
    (void)ctx;
    (void)company;
    CHECK(spec->id[0] == '\0' && spec->behaviour == &company_worker && spec->restart == RIM_TEMPORARY);
}

static const struct company_step start_map_simple[] = {{BEGIN, .spec = &dynamic_temporary},
                                                       {SPEC, .text = NULL, .look = look_at_template},
                                                       {SPEC, .text = "a", .expect = -RIM_ECONTEXT},
                                                       {.op = STOP}};
COMPANY(otp_sup_start_map_simple, start_map_simple)

static const rim_child without_id = {.behaviour = &company_worker}, without_start = {.id = "a"};
static const rim_child with_both = {.id = "a", .behaviour = &company_worker, .supervisor = &nothing};
static const rim_supervisor_spec no_id = {.children = &without_id, .child_count = 1};
static const rim_supervisor_spec no_start = {.children = &without_start, .child_count = 1};
static const rim_supervisor_spec both_starts = {.children = &with_both, .child_count = 1};
static const rim_supervisor_spec missing = {.child_count = 1};
static const struct company_step faulty_specs[] = {
    {BEGIN_BAD, .text = "has no id", .expect = -EINVAL, .spec = &no_id},
    {BEGIN_BAD, .text = "'a': it needs either a behaviour or a supervisor", .expect = -EINVAL, .spec = &no_start},
    {BEGIN_BAD, .text = "'a': it needs either a behaviour or a supervisor", .expect = -EINVAL, .spec = &both_starts},
    {BEGIN_BAD, .text = "children: they are missing", .expect = -EINVAL, .spec = &missing},
    {BEGIN_BAD, .text = "no spec", .expect = -EINVAL, .spec = NULL}};
COMPANY(otp_sup_start_map_faulty_specs, faulty_specs)

/* ---- stop ---- */

static const rim_child for_ever[] = {WORKER("a", a, .stop_ns = RIM_FOREVER), WORKER("b", b, .stop_ns = RIM_FOREVER)};
static const rim_supervisor_spec for_ever_spec = SUPERVISE(for_ever, TOLERANT);
static const struct company_step stop_infinity[] = {{BEGIN, .spec = &for_ever_spec},
                                                    {.op = STOP},
                                                    {LOG, .text = "a b -b:1 -a:1"}};
COMPANY(otp_sup_stop_infinity, stop_infinity)

static const rim_child one_stubborn[] = {WORKER("a", a, .stop_ns = RIM_SECONDS(10)),
                                         WORKER("b", b_stubborn, .stop_ns = RIM_MS(2), .options = &traps),
                                         WORKER("c", c, .stop_ns = RIM_SECONDS(10))};
static const rim_supervisor_spec stubborn_spec = SUPERVISE(one_stubborn, TOLERANT);
static const struct company_step stop_timeout[] = {{BEGIN, .spec = &stubborn_spec},
                                                   {.op = STOP},
                                                   {LOG, .text = "a b c -c:1 -b:2 -a:1"}};
COMPANY(otp_sup_stop_timeout, stop_timeout)

static const struct company_worker any_stubborn = {.id = '*', .stubborn = true};
static const rim_child template_stubborn =
    WORKER(NULL, any, .stop_ns = RIM_SECONDS(1), .options = &traps, .restart = RIM_TEMPORARY);
static const rim_child with_stubborn = WORKER(NULL, any_stubborn);
static const rim_supervisor_spec dynamic_stubborn = {.strategy = RIM_DYNAMIC,
                                                     .children = &template_stubborn,
                                                     .child_count = 1,
                                                     TOLERANT};
static const struct company_step stop_timeout_dynamic[] = {{BEGIN, .spec = &dynamic_stubborn},
                                                           {.op = START_DYNAMIC},
                                                           {START_DYNAMIC, .child = &with_stubborn},
                                                           {.op = START_DYNAMIC},
                                                           {COUNTS, .text = "1 3 0 3"},
                                                           {.op = STOP},
                                                           {LOG, .text = "* * * -*:1 -*:1 -*:2"}};
COMPANY(otp_sup_stop_timeout_dynamic, stop_timeout_dynamic)

static const rim_child one_brutal[] = {WORKER("a", a), WORKER("b", b, .stop = RIM_CHILD_KILL)};
static const rim_supervisor_spec brutal_spec = SUPERVISE(one_brutal, TOLERANT);
static const struct company_step stop_brutal_kill[] = {{BEGIN, .spec = &brutal_spec},
                                                       {.op = STOP},
                                                       {LOG, .text = "a b -b:2 -a:1"}};
COMPANY(otp_sup_stop_brutal_kill, stop_brutal_kill)

static const rim_child template_brutal = WORKER(NULL, any, .stop = RIM_CHILD_KILL);
static const rim_supervisor_spec dynamic_brutal = {.strategy = RIM_DYNAMIC,
                                                   .children = &template_brutal,
                                                   .child_count = 1,
                                                   TOLERANT};
static const struct company_step stop_brutal_dynamic[] = {{BEGIN, .spec = &dynamic_brutal},
                                                          {.op = START_DYNAMIC},
                                                          {.op = START_DYNAMIC},
                                                          {.op = STOP},
                                                          {LOG, .text = "* * -*:2 -*:2"}};
COMPANY(otp_sup_stop_brutal_kill_dynamic, stop_brutal_dynamic)

/* A child ends by itself at the moment in which it is stopped: one end, and it is over. */
static const rim_child racing[] = {WORKER("a", a), WORKER("b", b), WORKER("c", c), WORKER("d", d)};
static const rim_supervisor_spec racing_spec = SUPERVISE(racing, TOLERANT);
static const struct company_step stop_race[] = {{BEGIN, .spec = &racing_spec},
                                                {SEND, .text = "a", .how = ABNORMAL},
                                                {SEND, .text = "d", .how = NORMAL},
                                                {.op = STOP},
                                                {.op = NOBODY_IS}};
COMPANY(otp_sup_stop_race, stop_race)

static const struct company_worker any_clings = {.id = '*', .clings = true};
static const rim_child template_clings = WORKER(NULL, any, .options = &traps);
static const rim_child with_clings = WORKER(NULL, any_clings);
static const rim_supervisor_spec dynamic_clings = {.strategy = RIM_DYNAMIC,
                                                   .children = &template_clings,
                                                   .child_count = 1,
                                                   TOLERANT};
static const struct company_step stop_non_shutdown[] = {{BEGIN, .spec = &dynamic_clings},
                                                        {START_DYNAMIC, .child = &with_clings},
                                                        {.op = STOP},
                                                        {LOG, .text = "* -*:265"}};
COMPANY(otp_sup_stop_non_shutdown_exit_dynamic, stop_non_shutdown)

static const rim_child one_clings[] = {WORKER("a", a), WORKER("c", c_clings, .options = &traps)};
static const rim_supervisor_spec clings_spec = SUPERVISE(one_clings, TOLERANT);
static const struct company_step stop_with_own_code[] = {{BEGIN, .spec = &clings_spec},
                                                         {.op = STOP},
                                                         {LOG, .text = "a c -c:265 -a:1"}};
COMPANY(contract_07_child_may_end_with_a_code_of_its_own_when_it_is_stopped, stop_with_own_code)
