/* SPDX-License-Identifier: MIT */
#include "company.h"

#include <pthread.h>
#include <stdio.h>

#define TIMEOUT_NS RIM_SECONDS(15)
#define POLL_NS    RIM_US(200)

static struct company the_company;

struct company *company_of(void) {
    return &the_company;
}

/* ---- the log: workers on both shards write it, the boss and the scenario read it ---- */

static pthread_mutex_t log_lock = PTHREAD_MUTEX_INITIALIZER;

static void note(const char *format, char id, uint32_t code) {
    char text[24];
    int length = snprintf(text, sizeof text, format, id, code);
    pthread_mutex_lock(&log_lock);
    uint32_t at = the_company.log_length;
    the_company.log_length += (uint32_t)length;
    if (at + (uint32_t)length < COMPANY_LOG) {
        memcpy(the_company.log + at, text, (size_t)length + 1);
    }
    pthread_mutex_unlock(&log_lock);
}

static void clear_log(void) {
    pthread_mutex_lock(&log_lock);
    the_company.log_length = 0;
    the_company.log[0] = '\0';
    pthread_mutex_unlock(&log_lock);
}

bool company_log_is(struct company *company, const char *text) {
    size_t wanted = strlen(text);
    pthread_mutex_lock(&log_lock);
    size_t length = company->log_length;
    bool same = length == 0 ? wanted == 0 : length == wanted + 1 && memcmp(company->log, text, wanted) == 0;
    pthread_mutex_unlock(&log_lock);
    return same;
}

/* ---- a worker ---- */

struct worker {
    struct company_worker as;
    uint64_t counted;
};

static char plan_of(const struct company_worker *as, uint32_t start) {
    size_t length = strlen(as->plan);
    return length == 0 ? '+' : as->plan[start < length ? start : length - 1];
}

static void be_alive(rim_ctx *ctx, const struct company_worker *as) {
    atomic_store(&the_company.workers[(unsigned char)as->id], rim_self(ctx));
    int others = atomic_fetch_add(&the_company.alive[(unsigned char)as->id], 1);
    CHECK(others == 0 || as->id == '*'); /* never two of one child */
    note("%c ", as->id, 0);
    atomic_fetch_add(&the_company.all_alive, 1);
}

static rim_verdict worker_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct worker *self = state;
    CHECK(size == sizeof self->as);
    memcpy(&self->as, arg, sizeof self->as);
    uint32_t start = atomic_fetch_add(&the_company.starts[(unsigned char)self->as.id], 1);
    switch (plan_of(&self->as, start)) {
    case '-':
        note("!%c ", self->as.id, 0);
        return rim_fail(ctx, RIM_EXIT_USER + 7, "the plan of %c says so", self->as.id);
    case 'i':
        note("?%c ", self->as.id, 0);
        return RIM_STOP;
    case '.':
        CHECK(rim_start_defer(ctx) == 0);
        CHECK(rim_after(ctx, RIM_US(50), 0) != RIM_NIL);
        break;
    case '~':
        CHECK(rim_start_defer(ctx) == 0);
        break;
    default:
        break;
    }
    be_alive(ctx, &self->as);
    return RIM_DONE;
}

static void worker_exit(rim_ctx *ctx, void *state, rim_exit why) {
    const struct worker *self = state;
    (void)ctx;
    atomic_fetch_sub(&the_company.alive[(unsigned char)self->as.id], 1);
    note("-%c:%u ", self->as.id, why.code);
    atomic_fetch_sub(&the_company.all_alive, 1);
}

ROLE_ON(worker_end) {
    struct worker *worker = self;
    uint64_t words[2];
    memcpy(words, body, sizeof words);
    switch ((enum company_how)words[0]) {
    case NORMAL:
        return RIM_STOP;
    case SHUTDOWN:
        return rim_fail(ctx, RIM_EXIT_SHUTDOWN, "it is done");
    case UNLINK:
        CHECK(rim_unlink(ctx, words[1]) == 0);
        return RIM_DONE;
    case CONFIRM:
        CHECK(rim_start_confirm(ctx) == 0);
        return RIM_DONE;
    case COUNT_THIS:
        worker->counted++;
        atomic_fetch_add(&the_company.worked[(unsigned char)worker->as.id], 1);
        return RIM_DONE;
    default:
        return rim_fail(ctx, RIM_EXIT_USER + 1, "it was told to");
    }
}

ROLE_ON(worker_exit_signal) {
    const struct worker *worker = self;
    const rim_exit_event *event = body;
    if (worker->as.stubborn) {
        return RIM_DONE;
    }
    return rim_fail(ctx, worker->as.clings ? RIM_EXIT_USER + 9 : event->code, "%s", event->text);
}

ROLE_ON(worker_ready) {
    CHECK(rim_start_confirm(ctx) == 0);
    return RIM_DONE;
}

static const rim_handler worker_on[] = {
    [END] = worker_end, [RIM_EXIT_SIGNAL] = worker_exit_signal, [RIM_TIMER] = worker_ready};
const rim_behaviour company_worker = {.name = "worker",
                                      .state_size = sizeof(struct worker),
                                      .init = worker_init,
                                      .exit = worker_exit,
                                      .on = worker_on,
                                      .on_count = RIM_COUNT(worker_on)};

/* ---- the boss: steps that are questions ---- */

static void next(rim_ctx *ctx);
static void again(rim_ctx *ctx);

static const struct company_step *now(void) {
    return &the_company.steps[the_company.at];
}

static void mismatch(rim_ctx *ctx, const char *is) {
    char text[512];
    snprintf(text, sizeof text, "step %u (op %d%s): want '%s' (%d), but it is '%s'", the_company.at, now()->op,
             the_company.across ? ", across" : "", now()->text != NULL ? now()->text : "", now()->expect, is);
    scenario_check(scenario_current(), false, text);
    the_company.at = the_company.count;
    scenario_done(ctx);
}

static void mismatch_number(rim_ctx *ctx, int is) {
    char text[64];
    snprintf(text, sizeof text, "%d %s", is, rim_error_name(is));
    mismatch(ctx, text);
}

static void compare(rim_ctx *ctx, const char *is) {
    if (strcmp(is, now()->text) == 0) {
        next(ctx);
    } else if (++the_company.tries > TIMEOUT_NS / POLL_NS) {
        mismatch(ctx, is);
    } else {
        again(ctx);
    }
}

static void write_info(char **at, const rim_child_info *info) {
    static const char letters[] = {[RIM_CHILD_DOWN] = '-',
                                   [RIM_CHILD_STARTING] = 's',
                                   [RIM_CHILD_RUNNING] = '+',
                                   [RIM_CHILD_STOPPING] = 'x',
                                   [RIM_CHILD_RESTARTING] = '~'};
    for (uint32_t i = 0; i < info->depth; i++) {
        *(*at)++ = '.';
    }
    *at += sprintf(*at, "%s%c ", info->id[0] != '\0' ? info->id : "*", letters[info->state]);
}

static void on_list(rim_ctx *ctx, const rim_child_list *list) {
    char text[2048] = "", *at = text;
    for (uint32_t i = 0; i < list->count && at < text + sizeof text - 160; i++) {
        write_info(&at, &list->children[i]);
    }
    if (at > text) {
        at[-1] = '\0';
    }
    compare(ctx, text);
}

static void crash(rim_ctx *ctx, rim_ref who) {
    uint64_t words[2] = {now()->how, the_company.refs[now()->in]};
    if (now()->op != SEND) {
        the_company.watched = rim_monitor(ctx, who, 0);
        CHECK(the_company.watched != RIM_NIL);
    }
    if (now()->how == KILLED) {
        CHECK(rim_kill(ctx, who) == 0);
    } else {
        CHECK(rim_send(ctx, who, END, words, sizeof words) == 0);
    }
    if (now()->op == SEND) {
        next(ctx);
    }
}

static void on_counts(rim_ctx *ctx, const rim_child_counts *counts) {
    char text[64];
    snprintf(text, sizeof text, "%u %u %u %u", counts->specs, counts->active, counts->supervisors, counts->workers);
    compare(ctx, text);
}

static void on_info(rim_ctx *ctx, const rim_child_info *info) {
    if (now()->op == CRASH || now()->op == SEND) {
        crash(ctx, info->ref);
        return;
    }
    if (now()->slot != 0) {
        the_company.refs[now()->slot] = info->ref;
    }
    if (now()->look != NULL) {
        now()->look(ctx, &the_company, info);
    }
    next(ctx);
}

ROLE_OUTCOME(boss_answer) {
    if (cookie != the_company.at || the_company.at >= the_company.count) {
        return RIM_DONE;
    }
    if (error != now()->expect) {
        mismatch_number(ctx, error);
    } else if (error != 0) {
        next(ctx);
    } else if (now()->op == UNTIL || now()->op == TREE) {
        CHECK(now()->op == UNTIL || ((const rim_child_list *)body)->unknown == now()->how);
        on_list(ctx, body);
    } else if (now()->op == COUNTS) {
        on_counts(ctx, body);
    } else if (now()->op == SPEC) {
        now()->look(ctx, &the_company, body);
        next(ctx);
    } else {
        on_info(ctx, body);
    }
    return RIM_DONE;
}

static rim_child placed(const rim_child *child, rim_spawn_options *options) {
    rim_child copy = *child;
    *options = child->options != NULL ? *child->options : (rim_spawn_options){0};
    if (the_company.across && options->place == RIM_HERE) {
        options->place = RIM_ON_SHARD;
        options->shard = 1;
    }
    copy.options = options;
    return copy;
}

static int ask(rim_ctx *ctx, const struct company_step *step, const rim_supervisor_call *call) {
    rim_spawn_options options;
    rim_child child = step->child != NULL ? placed(step->child, &options) : (rim_child){0};
    switch (step->op) {
    case START:
    case START_HERE:
        return rim_supervisor_start_child(ctx, call, &child, NULL);
    case START_DYNAMIC:
        return rim_supervisor_start_dynamic(ctx, call, step->child != NULL ? step->child->arg : NULL,
                                            step->child != NULL ? step->child->size : 0);
    case TERMINATE:
        return rim_supervisor_terminate_child(ctx, call, step->text);
    case TERMINATE_SLOT:
        return rim_supervisor_terminate_dynamic(ctx, call, the_company.refs[step->how]);
    case RESTART:
        return rim_supervisor_restart_child(ctx, call, step->text);
    case DELETE:
        return rim_supervisor_delete_child(ctx, call, step->text);
    case SPEC:
        return rim_supervisor_get_childspec(ctx, call, step->text);
    case UNTIL:
        return rim_supervisor_which_children(ctx, call);
    case TREE:
        return rim_supervisor_tree(ctx, call);
    case COUNTS:
        return rim_supervisor_count_children(ctx, call);
    default:
        return rim_supervisor_get_child(ctx, call, step->text);
    }
}

static void question(rim_ctx *ctx) {
    const struct company_step *step = now();
    rim_supervisor_call call = {.supervisor = the_company.refs[step->in],
                                .timeout_ns = step->timeout_ns != 0 ? step->timeout_ns : TIMEOUT_NS,
                                .on_outcome = boss_answer,
                                .cookie = the_company.at};
    int error = ask(ctx, step, &call);
    if (step->op == START_HERE) {
        if (error == step->expect) {
            next(ctx);
        } else {
            mismatch_number(ctx, error);
        }
    } else if (error == -RIM_EDOWN && step->expect == -RIM_EDOWN) {
        next(ctx);
    } else if (error != 0) {
        mismatch_number(ctx, error);
    }
}

/* ---- the boss: the other steps ---- */

#define COPIES 64u

/* The spec with its children on the other shard. */
static rim_supervisor_spec *place_all(const rim_supervisor_spec *spec) {
    static rim_supervisor_spec specs[COPIES];
    static rim_child children[COPIES];
    static rim_spawn_options options[COPIES];
    static uint32_t spec_count, child_count;
    if (spec == the_company.steps[the_company.at].spec) {
        spec_count = child_count = 0;
    }
    rim_supervisor_spec *copy = &specs[spec_count++];
    uint32_t first = child_count;
    child_count += spec->child_count;
    *copy = *spec;
    copy->children = &children[first];
    for (uint32_t i = 0; i < spec->child_count; i++) {
        children[first + i] = placed(&spec->children[i], &options[first + i]);
        if (spec->children[i].supervisor != NULL) {
            children[first + i].supervisor = place_all(spec->children[i].supervisor);
        }
    }
    return copy;
}

static void begin(rim_ctx *ctx) {
    const struct company_step *step = now();
    the_company.ended = the_company.started = false;
    int error = rim_supervise(ctx, step->op == BEGIN ? place_all(step->spec) : step->spec, &the_company.refs[0]);
    if (step->op == BEGIN_BAD) {
        CHECK(error != -EINVAL || strstr(rim_error_text(ctx), step->text) != NULL);
        if (error == step->expect) {
            next(ctx);
        } else {
            mismatch_number(ctx, error);
        }
    } else if (error != 0) {
        mismatch_number(ctx, error);
    }
}

static void look_whether_ended(rim_ctx *ctx) {
    uint32_t wanted = now()->op == STOP && now()->expect == 0 ? RIM_EXIT_SHUTDOWN : (uint32_t)now()->expect;
    if (!the_company.ended) {
        return;
    }
    if (the_company.end_code == wanted) {
        next(ctx);
    } else {
        mismatch_number(ctx, (int)the_company.end_code);
    }
}

ROLE_OUTCOME(boss_drained) {
    const rim_end_report *report = body;
    CHECK(error == 0);
    if (now()->look != NULL) {
        now()->look(ctx, &the_company, report);
    } else if (error == 0 && report->lost != now()->how) {
        mismatch_number(ctx, (int)report->lost);
        return RIM_DONE;
    }
    next(ctx);
    return RIM_DONE;
}

static void drain(rim_ctx *ctx) {
    rim_ending ending = {.who = the_company.refs[0],
                         .word = RIM_WORD_DRAIN,
                         .timeout_ns = TIMEOUT_NS,
                         .on_outcome = boss_drained};
    CHECK(rim_end(ctx, &ending, NULL) == 0);
}

static void check_log(rim_ctx *ctx) {
    if (company_log_is(&the_company, now()->text)) {
        clear_log();
        next(ctx);
    } else if (now()->op == LOG || ++the_company.tries > TIMEOUT_NS / POLL_NS) {
        char log[COMPANY_LOG];
        pthread_mutex_lock(&log_lock);
        memcpy(log, the_company.log, sizeof log);
        pthread_mutex_unlock(&log_lock);
        mismatch(ctx, log);
    } else {
        again(ctx);
    }
}

static void wait_for_nobody(rim_ctx *ctx) {
    if (atomic_load(&the_company.all_alive) == 0) {
        next(ctx);
    } else {
        CHECK(++the_company.tries < TIMEOUT_NS / POLL_NS);
        again(ctx);
    }
}

static void take(rim_ctx *ctx) {
    const struct company_step *step = now();
    switch (step->op) {
    case BEGIN:
    case BEGIN_BAD:
        begin(ctx);
        break;
    case CRASH_SLOT:
        crash(ctx, the_company.refs[step->slot]);
        break;
    case LOG:
    case LOG_UNTIL:
        check_log(ctx);
        break;
    case LOG_CLEAR:
        clear_log();
        next(ctx);
        break;
    case STOP:
        CHECK(rim_exit_send(ctx, the_company.refs[0], RIM_EXIT_SHUTDOWN, "the boss says so") == 0);
        break;
    case KILL:
        CHECK(rim_kill(ctx, the_company.refs[step->in]) == 0);
        next(ctx);
        break;
    case ENDED:
        look_whether_ended(ctx);
        break;
    case DRAINED:
        drain(ctx);
        break;
    case LOOK:
        step->look(ctx, &the_company, NULL);
        next(ctx);
        break;
    case PASS:
        CHECK(rim_after(ctx, step->how, the_company.at) != RIM_NIL);
        break;
    case NOBODY_IS:
        wait_for_nobody(ctx);
        break;
    default:
        question(ctx);
        break;
    }
}

/* By a message, so that no step is taken within another. */
static void again(rim_ctx *ctx) {
    CHECK(rim_after(ctx, POLL_NS, the_company.at) != RIM_NIL);
}

static void next(rim_ctx *ctx) {
    the_company.at++;
    the_company.tries = 0;
    CHECK(rim_send(ctx, rim_self(ctx), GO, NULL, 0) == 0);
}

ROLE_ON(boss_go) {
    if (the_company.at >= the_company.count) {
        scenario_done(ctx);
    } else {
        take(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(boss_timer) {
    const rim_timer_event *event = body;
    if (event->cookie != the_company.at || the_company.at >= the_company.count) {
        return RIM_DONE;
    }
    if (now()->op == PASS) {
        next(ctx);
    } else {
        take(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(boss_started) {
    CHECK(((const rim_started_event *)body)->who == the_company.refs[0]);
    CHECK(!the_company.started);
    the_company.started = true;
    if (now()->op == BEGIN && now()->expect == 0) {
        next(ctx);
    } else {
        mismatch(ctx, "started");
    }
    return RIM_DONE;
}

ROLE_ON(boss_signal) {
    const rim_exit_event *event = body;
    if (event->from != the_company.refs[0] || the_company.at >= the_company.count) {
        return RIM_DONE;
    }
    the_company.ended = true;
    the_company.end_code = event->code;
    if (now()->op == BEGIN && now()->expect == 0) {
        mismatch(ctx, event->text);
    } else if (now()->op == BEGIN || now()->op == STOP || now()->op == ENDED) {
        look_whether_ended(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(boss_down) {
    const rim_down_event *down = body;
    if (the_company.at < the_company.count && down->monitor == the_company.watched) {
        next(ctx);
    }
    return RIM_DONE;
}

static const rim_handler boss_on[] = {[GO] = boss_go,
                                      [RIM_TIMER] = boss_timer,
                                      [RIM_STARTED] = boss_started,
                                      [RIM_EXIT_SIGNAL] = boss_signal,
                                      [RIM_DOWN] = boss_down};
static const rim_behaviour boss = {.name = "boss", .on = boss_on, .on_count = RIM_COUNT(boss_on)};

/* ---- a run ---- */

void company_run_at(struct scenario *s, const struct company_step *steps, uint32_t count, bool across) {
    scenario_open_lanes(s);
    scenario_system_with(s, &(rim_config){.shards = 2}); /* stops the one before: the company is ours again */
    memset(&the_company, 0, sizeof the_company);
    the_company.steps = steps;
    the_company.count = count;
    the_company.across = across;
    rim_ref ref;
    CHECK(rim_system_spawn(scenario_system(s), &boss, &(rim_spawn_options){.trap_exit = true}, NULL, 0, &ref) == 0);
    role_go(s, ref);
    scenario_run(s, ROLE_LIMIT_NS);
}

void company_run(struct scenario *s, const struct company_step *steps, uint32_t count) {
    company_run_at(s, steps, count, false);
    company_run_at(s, steps, count, true);
}
