/* SPDX-License-Identifier: MIT */
/* The cases of OTP's supervisor_SUITE, by name: restart types, strategies, intensity. */
#include "company.h"

static const struct company_worker a = {.id = 'a'}, b = {.id = 'b'}, c = {.id = 'c'}, d = {.id = 'd'},
                                   any = {.id = '*'};

/* ---- permanent, transient, temporary ---- */

static const rim_child permanent[] = {WORKER("a", a)};
static const rim_child transient[] = {WORKER("a", a, .restart = RIM_TRANSIENT)};
static const rim_child temporary[] = {WORKER("a", a, .restart = RIM_TEMPORARY)};
static const rim_supervisor_spec permanent_spec = SUPERVISE(permanent, TOLERANT);
static const rim_supervisor_spec transient_spec = SUPERVISE(transient, TOLERANT);
static const rim_supervisor_spec temporary_spec = SUPERVISE(temporary, TOLERANT);

static const struct company_step permanent_normal[] = {{BEGIN, .spec = &permanent_spec},
                                                       {CRASH, .text = "a", .how = NORMAL},
                                                       {LOG_UNTIL, .text = "a -a:0 a"},
                                                       {UNTIL, .text = "a+"},
                                                       {COUNTS, .text = "1 1 0 1"},
                                                       {.op = STOP}};
COMPANY(otp_permanent_normal, permanent_normal)

static const struct company_step transient_normal[] = {{BEGIN, .spec = &transient_spec},
                                                       {CRASH, .text = "a", .how = NORMAL},
                                                       {UNTIL, .text = "a-"},
                                                       {COUNTS, .text = "1 0 0 1"},
                                                       {LOG, .text = "a -a:0"},
                                                       {RESTART, .text = "a"},
                                                       {UNTIL, .text = "a+"},
                                                       {.op = STOP}};
COMPANY(otp_transient_normal, transient_normal)

static const struct company_step temporary_normal[] = {{BEGIN, .spec = &temporary_spec},
                                                       {CRASH, .text = "a", .how = NORMAL},
                                                       {UNTIL, .text = ""},
                                                       {COUNTS, .text = "0 0 0 0"},
                                                       {.op = STOP},
                                                       {LOG, .text = "a -a:0"}};
COMPANY(otp_temporary_normal, temporary_normal)

static const struct company_step permanent_shutdown[] = {{BEGIN, .spec = &permanent_spec},
                                                         {CRASH, .text = "a", .how = SHUTDOWN},
                                                         {LOG_UNTIL, .text = "a -a:1 a"},
                                                         {UNTIL, .text = "a+"},
                                                         {.op = STOP}};
COMPANY(otp_permanent_shutdown, permanent_shutdown)

static const struct company_step transient_shutdown[] = {{BEGIN, .spec = &transient_spec},
                                                         {CRASH, .text = "a", .how = SHUTDOWN},
                                                         {UNTIL, .text = "a-"},
                                                         {COUNTS, .text = "1 0 0 1"},
                                                         {LOG, .text = "a -a:1"},
                                                         {.op = STOP}};
COMPANY(otp_transient_shutdown, transient_shutdown)

static const struct company_step temporary_shutdown[] = {{BEGIN, .spec = &temporary_spec},
                                                         {CRASH, .text = "a", .how = SHUTDOWN},
                                                         {UNTIL, .text = ""},
                                                         {.op = STOP},
                                                         {LOG, .text = "a -a:1"}};
COMPANY(otp_temporary_shutdown, temporary_shutdown)

static const struct company_step permanent_abnormal[] = {{BEGIN, .spec = &permanent_spec},
                                                         {CRASH, .text = "a"},
                                                         {LOG_UNTIL, .text = "a -a:257 a"},
                                                         {UNTIL, .text = "a+"},
                                                         {.op = STOP}};
COMPANY(otp_permanent_abnormal, permanent_abnormal)

static const struct company_step transient_abnormal[] = {{BEGIN, .spec = &transient_spec},
                                                         {CRASH, .text = "a"},
                                                         {LOG_UNTIL, .text = "a -a:257 a"},
                                                         {UNTIL, .text = "a+"},
                                                         {.op = STOP}};
COMPANY(otp_transient_abnormal, transient_abnormal)

static const struct company_step temporary_abnormal[] = {{BEGIN, .spec = &temporary_spec},
                                                         {CRASH, .text = "a"},
                                                         {UNTIL, .text = ""},
                                                         {.op = STOP},
                                                         {LOG, .text = "a -a:257"}};
COMPANY(otp_temporary_abnormal, temporary_abnormal)

/* Another child's restart concerns a temporary one only where the strategy says so, and then it is forgotten. */
static const rim_child bystanders[] = {WORKER("a", a), WORKER("b", b, .restart = RIM_TEMPORARY)};
static const rim_child bystander_first[] = {WORKER("b", b, .restart = RIM_TEMPORARY), WORKER("a", a)};
static const rim_supervisor_spec one_with_bystander = SUPERVISE(bystanders, TOLERANT);
static const rim_supervisor_spec all_with_bystander = SUPERVISE(bystanders, .strategy = RIM_ONE_FOR_ALL, TOLERANT);
static const rim_supervisor_spec rest_with_bystander = SUPERVISE(bystanders, .strategy = RIM_REST_FOR_ONE, TOLERANT);
static const rim_supervisor_spec rest_bystander_first =
    SUPERVISE(bystander_first, .strategy = RIM_REST_FOR_ONE, TOLERANT);
static const struct company_step temporary_bystander[] = {{BEGIN, .spec = &one_with_bystander},
                                                          {CRASH, .text = "a"},
                                                          {LOG_UNTIL, .text = "a b -a:257 a"},
                                                          {UNTIL, .text = "a+ b+"},
                                                          {.op = STOP},
                                                          {.op = LOG_CLEAR},
                                                          {BEGIN, .spec = &all_with_bystander},
                                                          {CRASH, .text = "a"},
                                                          {LOG_UNTIL, .text = "a b -a:257 -b:1 a"},
                                                          {UNTIL, .text = "a+"},
                                                          {.op = STOP},
                                                          {.op = LOG_CLEAR},
                                                          {BEGIN, .spec = &rest_with_bystander},
                                                          {CRASH, .text = "a"},
                                                          {LOG_UNTIL, .text = "a b -a:257 -b:1 a"},
                                                          {UNTIL, .text = "a+"},
                                                          {.op = STOP},
                                                          {.op = LOG_CLEAR},
                                                          {BEGIN, .spec = &rest_bystander_first},
                                                          {CRASH, .text = "a"},
                                                          {LOG_UNTIL, .text = "b a -a:257 a"},
                                                          {UNTIL, .text = "b+ a+"},
                                                          {COUNTS, .text = "2 2 0 2"},
                                                          {.op = STOP}};
COMPANY(otp_temporary_bystander, temporary_bystander)

/* A transient supervisor that ends as shutdown is not restarted; one that ends otherwise is. */
static const rim_child fragile[] = {WORKER("a", a)};
static const rim_supervisor_spec no_restarts = SUPERVISE(fragile, .intensity = 0, .period_ns = 1);
static const rim_child transient_below[] = {SUPERVISOR("s", no_restarts, .restart = RIM_TRANSIENT)};
static const rim_supervisor_spec above_transient = SUPERVISE(transient_below, TOLERANT);
static const struct company_step faulty_shutdown[] = {{BEGIN, .spec = &above_transient},
                                                      {GET, .text = "s", .slot = 1},
                                                      {CRASH, .text = "a", .in = 1},
                                                      {UNTIL, .text = "s-"},
                                                      {LOG, .text = "a -a:257"},
                                                      {RESTART, .text = "s"},
                                                      {GET, .text = "s", .slot = 1},
                                                      {CRASH_SLOT, .slot = 1, .how = KILLED},
                                                      {LOG_UNTIL, .text = "a -a:2 a"},
                                                      {UNTIL, .text = "s+"},
                                                      {.op = STOP}};
COMPANY(otp_faulty_application_shutdown, faulty_shutdown)

/* ---- intensity ---- */

static const rim_child three[] = {WORKER("a", a), WORKER("b", b), WORKER("c", c)};
static const rim_supervisor_spec in_short = SUPERVISE(three, .intensity = 1, .period_ns = RIM_MS(20));
static const struct company_step multiple_restarts[] = {
    {BEGIN, .spec = &in_short},  {CRASH, .text = "a"}, {LOG_UNTIL, .text = "a b c -a:257 a"},
    {PASS, .how = RIM_MS(25)},   {CRASH, .text = "b"}, {LOG_UNTIL, .text = "-b:257 b"},
    {PASS, .how = RIM_MS(25)},   {CRASH, .text = "b"}, {LOG_UNTIL, .text = "-b:257 b"},
    {UNTIL, .text = "a+ b+ c+"}, {.op = STOP}};
COMPANY(otp_multiple_restarts, multiple_restarts)

static const struct company_worker c_unstable = {.id = 'c', .plan = "+-"};
static const rim_child unstable[] = {WORKER("a", a), WORKER("b", b), WORKER("c", c_unstable)};
static const rim_supervisor_spec one_spec = SUPERVISE(three, TOLERANT);
static const rim_supervisor_spec one_unstable = SUPERVISE(unstable, TOLERANT);
static const rim_supervisor_spec all_spec = SUPERVISE(three, .strategy = RIM_ONE_FOR_ALL, TOLERANT);
static const rim_supervisor_spec all_unstable = SUPERVISE(unstable, .strategy = RIM_ONE_FOR_ALL, TOLERANT);
static const rim_supervisor_spec rest_spec = SUPERVISE(three, .strategy = RIM_REST_FOR_ONE, TOLERANT);
static const rim_supervisor_spec rest_unstable = SUPERVISE(unstable, .strategy = RIM_REST_FOR_ONE, TOLERANT);

/* ---- one for one ---- */

static const struct company_step one_for_one[] = {{BEGIN, .spec = &one_spec},
                                                  {CRASH, .text = "b"},
                                                  {LOG_UNTIL, .text = "a b c -b:257 b"},
                                                  {UNTIL, .text = "a+ b+ c+"},
                                                  {COUNTS, .text = "3 3 0 3"},
                                                  {CRASH, .text = "a", .how = NORMAL},
                                                  {LOG_UNTIL, .text = "-a:0 a"},
                                                  {CRASH, .text = "a", .how = KILLED},
                                                  {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                  {LOG, .text = "-a:2 -c:1 -b:1"}};
COMPANY(otp_one_for_one, one_for_one)

static const struct company_step one_escalation[] = {{BEGIN, .spec = &one_unstable},
                                                     {CRASH, .text = "c"},
                                                     {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                     {LOG, .text = "a b c -c:257 !c !c -b:1 -a:1"}};
COMPANY(otp_one_for_one_escalation, one_escalation)

/* ---- one for all ---- */

static const struct company_step one_for_all[] = {{BEGIN, .spec = &all_spec},
                                                  {CRASH, .text = "b"},
                                                  {LOG_UNTIL, .text = "a b c -b:257 -c:1 -a:1 a b c"},
                                                  {UNTIL, .text = "a+ b+ c+"},
                                                  {CRASH, .text = "a", .how = NORMAL},
                                                  {LOG_UNTIL, .text = "-a:0 -c:1 -b:1 a b c"},
                                                  {UNTIL, .text = "a+ b+ c+"},
                                                  {.op = STOP},
                                                  {LOG, .text = "-c:1 -b:1 -a:1"}};
COMPANY(otp_one_for_all, one_for_all)

static const struct company_step all_escalation[] = {{BEGIN, .spec = &all_unstable},
                                                     {CRASH, .text = "a"},
                                                     {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                     {LOG,
                                                      .text =
                                                          "a b c -a:257 -c:1 -b:1 a b !c -b:1 -a:1 a b !c -b:1 -a:1"}};
COMPANY(otp_one_for_all_escalation, all_escalation)

/* One child ends, and in the restart it is another whose init fails: it is tried again, and then all run. */
static const struct company_worker b_fails_once = {.id = 'b', .plan = "+-+"};
static const rim_child other_fails[] = {WORKER("a", a), WORKER("b", b_fails_once), WORKER("c", c)};
static const rim_supervisor_spec all_other = SUPERVISE(other_fails, .strategy = RIM_ONE_FOR_ALL, TOLERANT);
static const rim_supervisor_spec rest_other = SUPERVISE(other_fails, .strategy = RIM_REST_FOR_ONE, TOLERANT);
static const struct company_step all_other_fails[] = {{BEGIN, .spec = &all_other},
                                                      {CRASH, .text = "a"},
                                                      {LOG_UNTIL, .text = "a b c -a:257 -c:1 -b:1 a !b -a:1 a b c"},
                                                      {UNTIL, .text = "a+ b+ c+"},
                                                      {.op = STOP}};
COMPANY(otp_one_for_all_other_child_fails_restart, all_other_fails)

/* ---- rest for one ---- */

static const struct company_step rest_for_one[] = {
    {BEGIN, .spec = &rest_spec}, {CRASH, .text = "b"}, {LOG_UNTIL, .text = "a b c -b:257 -c:1 b c"},
    {UNTIL, .text = "a+ b+ c+"}, {CRASH, .text = "c"}, {LOG_UNTIL, .text = "-c:257 c"},
    {UNTIL, .text = "a+ b+ c+"}, {.op = STOP},         {LOG, .text = "-c:1 -b:1 -a:1"}};
COMPANY(otp_rest_for_one, rest_for_one)

static const struct company_step rest_escalation[] = {{BEGIN, .spec = &rest_unstable},
                                                      {CRASH, .text = "b"},
                                                      {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                      {LOG, .text = "a b c -b:257 -c:1 b !c !c -b:1 -a:1"}};
COMPANY(otp_rest_for_one_escalation, rest_escalation)

static const struct company_step rest_other_fails[] = {{BEGIN, .spec = &rest_other},
                                                       {CRASH, .text = "a"},
                                                       {LOG_UNTIL, .text = "a b c -a:257 -c:1 -b:1 a !b b c"},
                                                       {UNTIL, .text = "a+ b+ c+"},
                                                       {.op = STOP}};
COMPANY(otp_rest_for_one_other_child_fails_restart, rest_other_fails)

/* What was terminated is started again when the strategy restarts its group. */
static const struct company_step terminated_again[] = {{BEGIN, .spec = &all_spec},
                                                       {TERMINATE, .text = "b"},
                                                       {UNTIL, .text = "a+ b- c+"},
                                                       {CRASH, .text = "a"},
                                                       {LOG_UNTIL, .text = "a b c -b:1 -a:257 -c:1 a b c"},
                                                       {UNTIL, .text = "a+ b+ c+"},
                                                       {.op = STOP}};
COMPANY(contract_07_terminated_child_is_started_again_with_its_group, terminated_again)

/* ---- dynamic children ---- */

static const rim_child template = WORKER(NULL, any);
static const rim_supervisor_spec dynamic = {.strategy = RIM_DYNAMIC, .children = &template, .child_count = 1, TOLERANT};
static const struct company_step simple[] = {
    {BEGIN, .spec = &dynamic},           {START_DYNAMIC, .slot = 1},
    {START_DYNAMIC, .slot = 2},          {CRASH_SLOT, .slot = 1},
    {LOG_UNTIL, .text = "* * -*:257 *"}, {UNTIL, .text = "*+ *+"},
    {COUNTS, .text = "1 2 0 2"},         {CRASH_SLOT, .slot = 2, .how = NORMAL},
    {LOG_UNTIL, .text = "-*:0 *"},       {.op = STOP},
    {LOG, .text = "-*:1 -*:1"}};
COMPANY(otp_simple_one_for_one, simple)

static const struct company_step simple_shutdown[] = {{BEGIN, .spec = &dynamic},
                                                      {START_DYNAMIC, .slot = 1},
                                                      {START_DYNAMIC, .slot = 2},
                                                      {CRASH_SLOT, .slot = 1, .how = SHUTDOWN},
                                                      {LOG_UNTIL, .text = "* * -*:1 *"},
                                                      {.op = STOP},
                                                      {LOG, .text = "-*:1 -*:1"}};
COMPANY(otp_simple_one_for_one_shutdown, simple_shutdown)

/* A child is restarted with the argument that it was started with, not with the template's. */
static const struct company_worker x = {.id = 'x'}, y = {.id = 'y'};
static const rim_child with_x = WORKER(NULL, x), with_y = WORKER(NULL, y);
static const struct company_step simple_extra[] = {{BEGIN, .spec = &dynamic},
                                                   {START_DYNAMIC, .child = &with_x, .slot = 1},
                                                   {START_DYNAMIC, .child = &with_y, .slot = 2},
                                                   {.op = START_DYNAMIC},
                                                   {CRASH_SLOT, .slot = 1},
                                                   {LOG_UNTIL, .text = "x y * -x:257 x"},
                                                   {CRASH_SLOT, .slot = 2},
                                                   {LOG_UNTIL, .text = "-y:257 y"},
                                                   {UNTIL, .text = "*+ *+ *+"},
                                                   {.op = STOP}};
COMPANY(otp_simple_one_for_one_extra, simple_extra)

static const struct company_worker x_unstable = {.id = 'x', .plan = "+-"};
static const rim_child with_unstable = WORKER(NULL, x_unstable);
static const struct company_step simple_escalation[] = {{BEGIN, .spec = &dynamic},
                                                        {START_DYNAMIC, .child = &with_unstable, .slot = 1},
                                                        {.op = START_DYNAMIC},
                                                        {CRASH_SLOT, .slot = 1},
                                                        {ENDED, .expect = RIM_EXIT_SHUTDOWN},
                                                        {LOG, .text = "x * -x:257 !x !x -*:1"}};
COMPANY(otp_simple_one_for_one_escalation, simple_escalation)

/* A start that failed leaves nothing behind that a later one trips over. */
static const struct company_worker x_fails = {.id = 'x', .plan = "-"};
static const rim_child with_failing = WORKER(NULL, x_fails);
static const struct company_step simple_corruption[] = {{BEGIN, .spec = &dynamic},
                                                        {START_DYNAMIC, .slot = 1},
                                                        {START_DYNAMIC, .child = &with_failing, .expect = -RIM_ESTART},
                                                        {START_DYNAMIC, .slot = 2},
                                                        {START_DYNAMIC, .child = &with_failing, .expect = -RIM_ESTART},
                                                        {CRASH_SLOT, .slot = 1},
                                                        {LOG_UNTIL, .text = "* !x * !x -*:257 *"},
                                                        {UNTIL, .text = "*+ *+"},
                                                        {TERMINATE_SLOT, .how = 2},
                                                        {UNTIL, .text = "*+"},
                                                        {.op = STOP}};
COMPANY(otp_simple_one_for_one_corruption, simple_corruption)

static const struct company_worker x_not_needed_again = {.id = 'x', .plan = "+i"};
static const rim_child with_not_needed = WORKER(NULL, x_not_needed_again);
static const struct company_step simple_restart_ignore[] = {{BEGIN, .spec = &dynamic},
                                                            {START_DYNAMIC, .child = &with_not_needed, .slot = 1},
                                                            {CRASH_SLOT, .slot = 1},
                                                            {LOG_UNTIL, .text = "x -x:257 ?x"},
                                                            {UNTIL, .text = ""},
                                                            {COUNTS, .text = "1 0 0 0"},
                                                            {.op = STOP}};
COMPANY(otp_simple_one_for_one_restart_ignore, simple_restart_ignore)

/* ---- many restarts in a row ---- */

static const struct company_worker d_fails_for_ever = {.id = 'd', .plan = "+-"};
static const rim_child hanging[] = {WORKER("a", a), WORKER("d", d_fails_for_ever)};
static const rim_child hanging_rest[] = {WORKER("a", a), WORKER("d", d_fails_for_ever), WORKER("c", c)};
#define PATIENT .intensity = 1000000, .period_ns = RIM_SECONDS(3600), .backoff_min_ns = RIM_SECONDS(1000)
static const rim_supervisor_spec hanging_spec = SUPERVISE(hanging, PATIENT);
static const rim_supervisor_spec hanging_rest_spec = SUPERVISE(hanging_rest, .strategy = RIM_REST_FOR_ONE, PATIENT);
static const rim_child child_d = WORKER("d", d);
static const struct company_step hanging_loop[] = {{BEGIN, .spec = &hanging_spec},
                                                   {CRASH, .text = "d"},
                                                   {UNTIL, .text = "a+ d~"},
                                                   {COUNTS, .text = "2 1 0 2"},
                                                   {START, .child = &child_d, .expect = -RIM_ESTARTED},
                                                   {RESTART, .text = "d", .expect = -RIM_ERESTARTING},
                                                   {DELETE, .text = "d", .expect = -RIM_ERESTARTING},
                                                   {TERMINATE, .text = "d"},
                                                   {UNTIL, .text = "a+ d-"},
                                                   {RESTART, .text = "d", .expect = -RIM_ESTART},
                                                   {DELETE, .text = "d"},
                                                   {UNTIL, .text = "a+"},
                                                   {START, .child = &child_d},
                                                   {UNTIL, .text = "a+ d+"},
                                                   {.op = STOP}};
COMPANY(otp_hanging_restart_loop, hanging_loop)

static const struct company_step hanging_loop_rest[] = {{BEGIN, .spec = &hanging_rest_spec},
                                                        {CRASH, .text = "d"},
                                                        {UNTIL, .text = "a+ d~ c-"},
                                                        {COUNTS, .text = "3 1 0 3"},
                                                        {RESTART, .text = "d", .expect = -RIM_ERESTARTING},
                                                        {DELETE, .text = "d", .expect = -RIM_ERESTARTING},
                                                        {RESTART, .text = "c"},
                                                        {UNTIL, .text = "a+ d~ c+"},
                                                        {TERMINATE, .text = "d"},
                                                        {UNTIL, .text = "a+ d- c+"},
                                                        {.op = STOP}};
COMPANY(otp_hanging_restart_loop_rest_for_one, hanging_loop_rest)

static const struct company_worker x_fails_for_ever = {.id = 'x', .plan = "+-"};
static const rim_child with_hanging = WORKER(NULL, x_fails_for_ever);
static const rim_supervisor_spec hanging_simple_spec = {.strategy = RIM_DYNAMIC,
                                                        .children = &template,
                                                        .child_count = 1,
                                                        PATIENT};
static const struct company_step hanging_loop_simple[] = {{BEGIN, .spec = &hanging_simple_spec},
                                                          {START_DYNAMIC, .child = &with_hanging, .slot = 1},
                                                          {START_DYNAMIC, .slot = 2},
                                                          {CRASH_SLOT, .slot = 1},
                                                          {UNTIL, .text = "*~ *+"},
                                                          {TERMINATE_SLOT, .how = 1, .expect = -RIM_ENOCHILD},
                                                          {COUNTS, .text = "1 1 0 2"},
                                                          {.op = STOP}};
COMPANY(otp_hanging_restart_loop_simple, hanging_loop_simple)

/* Without back-off the loop is quick, and yet it lets requests in between. */
#define TIRELESS .intensity = 1000000, .period_ns = RIM_SECONDS(3600)
static const rim_supervisor_spec loop_spec = SUPERVISE(hanging, TIRELESS);
static const struct company_step quick_loop[] = {{BEGIN, .spec = &loop_spec}, {CRASH, .text = "d"},
                                                 {PASS, .how = RIM_MS(2)},    {TERMINATE, .text = "d"},
                                                 {UNTIL, .text = "a+ d-"},    {.op = STOP}};
COMPANY(contract_07_restarts_that_fail_in_a_loop_let_requests_in_between, quick_loop)
