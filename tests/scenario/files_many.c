/* SPDX-License-Identifier: MIT */
/* Many calls at once, many files, and ends in the midst of them. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>

#include "file_play.h"

#define ROUNDS 40u
#define FLOOD  3000u
#define OPENS  1100u

struct desk {
    rim_ref file, other, clerk;
    unsigned made, outcomes, errors, closed;
    uint64_t next;
    bool has_ended;
    char path[128];
};
static struct desk desk;

static rim_ref open_file(rim_ctx *ctx, int flags) {
    rim_ref file = RIM_NIL;
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = desk.path, .flags = flags}, &file) == 0);
    return file;
}

static rim_file_ask ask_of(rim_ref file, uint64_t offset, rim_outcome on_outcome, uint64_t cookie) {
    return (rim_file_ask){
        .file = file, .offset = offset, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome, .cookie = cookie};
}

static void run(struct scenario *s, const rim_behaviour *behaviour, const char *name) {
    desk = (struct desk){0};
    file_path(s, name, desk.path);
    scenario_open_lanes(s);
    (void)scenario_system(s);
    desk.clerk = role_spawn(s, behaviour, 0, (struct role_cast){.index = 0});
    role_go(s, desk.clerk);
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- order ---- */

static void write_number(rim_ctx *ctx, uint64_t number, rim_outcome on_outcome) {
    rim_file_ask ask = ask_of(desk.file, 0, on_outcome, number);
    CHECK(rim_file_write(ctx, &ask, &number, sizeof number, NULL) == 0);
    desk.made++;
}

ROLE_OUTCOME(order_written) {
    CHECK(error == 0 && cookie == desk.next);
    desk.outcomes++;
    return RIM_DONE;
}

/* Each of the reads that follow a write sees it, and not the next. */
ROLE_OUTCOME(order_read) {
    CHECK(error == 0 && rim_size(msg) == sizeof(uint64_t) && role_number(body) == cookie);
    CHECK(cookie == desk.next || cookie == desk.next + 1);
    desk.next = cookie + (++desk.outcomes % 4 == 0);
    if (desk.outcomes == desk.made) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

/* All are made before the file is even open. */
ROLE_ON(order_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT | O_TRUNC);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        write_number(ctx, i, order_written);
        for (unsigned k = 0; k < 3; k++) {
            rim_file_ask ask = ask_of(desk.file, 0, order_read, i);
            CHECK(rim_file_read_exact(ctx, &ask, sizeof i, NULL) == 0);
            desk.made++;
        }
    }
    return RIM_DONE;
}
static const rim_handler order_on[] = {[GO] = order_go};
ROLE(file_order, order_on);

void file_calls_take_effect_in_order(struct scenario *s) {
    run(s, &file_order, "order");
    CHECK(desk.outcomes == 4 * ROUNDS);
}

/* ---- the owner ends ---- */

ROLE_OUTCOME(never) {
    CHECK(!"an outcome for one that has ended");
    return RIM_DONE;
}

ROLE_ON(leaver_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT | O_TRUNC);
    for (uint64_t i = 0; i < ROUNDS; i++) {
        rim_file_ask ask = ask_of(desk.file, i * sizeof i, never, i);
        CHECK(rim_file_write(ctx, &ask, &i, sizeof i, NULL) == 0);
    }
    role_say(ctx, desk.clerk, WORD, 0);
    return RIM_STOP;
}
static const rim_handler leaver_on[] = {[GO] = leaver_go};
ROLE(file_leaver, leaver_on);

ROLE_ON(watcher_go) {
    role_say(ctx, role_add(ctx, &file_leaver, 0, (struct role_cast){.index = 0}), GO, 0);
    return RIM_DONE;
}

ROLE_ON(watcher_word) {
    CHECK(rim_monitor(ctx, desk.file, 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_OUTCOME(left_read) {
    CHECK(error == 0 && rim_size(msg) == ROUNDS * sizeof(uint64_t));
    for (uint64_t i = 0; error == 0 && i < ROUNDS; i++) {
        CHECK(role_number((const char *)body + i * sizeof i) == i);
    }
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(watcher_down) {
    desk.other = open_file(ctx, O_RDONLY);
    rim_file_ask ask = ask_of(desk.other, 0, left_read, 0);
    CHECK(rim_file_read_exact(ctx, &ask, ROUNDS * sizeof(uint64_t), NULL) == 0);
    return RIM_DONE;
}
static const rim_handler watcher_on[] = {[GO] = watcher_go, [WORD] = watcher_word, [RIM_DOWN] = watcher_down};
ROLE(file_watcher, watcher_on);

void file_does_what_was_asked_before_its_owner_ended(struct scenario *s) {
    run(s, &file_watcher, "left");
}

/* ---- it is stopped ---- */

ROLE_OUTCOME(stopped_outcome) {
    CHECK(error == 0 || error == -RIM_EDOWN);
    desk.outcomes++;
    desk.errors += error != 0;
    if (desk.outcomes == desk.made && desk.closed > 0) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void make_calls(rim_ctx *ctx, rim_outcome on_outcome) {
    static char bytes[5000];
    for (uint64_t i = 0; i < ROUNDS; i++) {
        rim_file_ask ask = ask_of(desk.file, i * sizeof bytes, on_outcome, i);
        int error = i % 2 != 0 ? rim_file_read(ctx, &ask, sizeof bytes, NULL)
                               : rim_file_write(ctx, &ask, bytes, sizeof bytes, NULL);
        CHECK(error == 0);
        desk.made++;
    }
}

ROLE_ON(stopper_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT | O_TRUNC);
    make_calls(ctx, stopped_outcome);
    return RIM_DONE;
}

ROLE_ON(stopper_open) {
    CHECK(rim_stop(ctx, desk.file) == 0);
    return RIM_DONE;
}

ROLE_ON(stopper_closed) {
    const rim_file_closed_event *event = body;
    CHECK(event->error == 0);
    desk.closed++;
    if (desk.outcomes == desk.made) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler stopper_on[] = {
    [GO] = stopper_go, [RIM_FILE_OPEN] = stopper_open, [RIM_FILE_CLOSED] = stopper_closed};
ROLE(file_stopper, stopper_on);

void file_that_is_stopped_waits_for_what_it_does(struct scenario *s) {
    run(s, &file_stopper, "stopped");
    CHECK(desk.closed == 1);
}

/* ---- the system is cut off ---- */

ROLE_OUTCOME(cut_outcome) {
    return RIM_DONE;
}

ROLE_ON(cut_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT | O_TRUNC);
    make_calls(ctx, cut_outcome);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler cut_on[] = {[GO] = cut_go};
ROLE(file_cut, cut_on);

void file_open_when_the_system_is_cut_off(struct scenario *s) {
    run(s, &file_cut, "cut");
    rim_stop_report report;
    int error = scenario_stop(s, 1, &report);
    CHECK((error == 0 || error == -ETIMEDOUT) && report.adds_up);
}

/* ---- pressure ---- */

static void pour(rim_ctx *ctx);

ROLE_OUTCOME(flood_outcome) {
    CHECK(error == 0);
    if (++desk.outcomes == FLOOD) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void pour(rim_ctx *ctx) {
    static char bytes[1000];
    while (desk.made < FLOOD) {
        rim_file_ask ask = ask_of(desk.file, 0, flood_outcome, 0);
        ask.timeout_ns = RIM_SECONDS(60);
        int error = rim_file_write(ctx, &ask, bytes, sizeof bytes, NULL);
        if (error != 0) {
            CHECK(error == -RIM_EFULL && rim_want_room(ctx, desk.file) == 0);
            desk.errors++;
            return;
        }
        desk.made++;
    }
}

ROLE_ON(flood_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT | O_TRUNC);
    pour(ctx);
    return RIM_DONE;
}

ROLE_ON(flood_room) {
    pour(ctx);
    return RIM_DONE;
}
static const rim_handler flood_on[] = {[GO] = flood_go, [RIM_ROOM] = flood_room};
ROLE(file_flood, flood_on);

void file_takes_only_so_many_calls_at_once(struct scenario *s) {
    run(s, &file_flood, "flood");
    CHECK(desk.errors > 0);
}

/* ---- too many ---- */

ROLE_ON(many_go) {
    for (unsigned i = 0; i < OPENS; i++) {
        open_file(ctx, O_RDONLY);
    }
    return RIM_DONE;
}

ROLE_ON(many_answered) {
    desk.outcomes++;
    if (rim_tag(msg) == RIM_FILE_CLOSED) {
        const rim_file_closed_event *event = body;
        /* where few helpers or too many jobs are the limit, that is said */
        CHECK(event->error == -EMFILE || event->error == -RIM_EFULL);
        desk.errors += event->error == -EMFILE;
    }
    if (desk.outcomes == OPENS) {
        scenario_done(ctx);
        return RIM_STOP;
    }
    return RIM_DONE;
}
static const rim_handler many_on[] = {
    [GO] = many_go, [RIM_FILE_OPEN] = many_answered, [RIM_FILE_CLOSED] = many_answered};
ROLE(file_many, many_on);

void file_cannot_be_opened_without_a_descriptor(struct scenario *s) {
    struct rlimit before, few = {.rlim_cur = 200};
    CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
    few.rlim_max = before.rlim_max;
    (void)scenario_system_with(s, &(rim_config){.shards = 2, .jobs = 2 * OPENS});
    CHECK(scenario_is_sim(s) || setrlimit(RLIMIT_NOFILE, &few) == 0);
    desk = (struct desk){.path = "/dev/full"};
    desk.clerk = role_spawn(s, &file_many, 0, (struct role_cast){.index = 0});
    role_go(s, desk.clerk);
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
    CHECK(desk.errors > 0);
}

/* ---- locks ---- */

static void take_lock(rim_ctx *ctx, rim_ref file, enum rim_file_lock lock, uint64_t offset, uint64_t cookie);

/* Which lock of which opening, and how it ends: 0 or 1 bytes from there. */
static const struct {
    unsigned who;
    enum rim_file_lock lock;
    uint64_t offset;
    int error;
} locks[] = {
    {0, RIM_FILE_LOCK_EXCLUSIVE, 0, 0},
    {1, RIM_FILE_LOCK_EXCLUSIVE, 0, -EAGAIN},
    {1, RIM_FILE_LOCK_SHARED, 0, -EAGAIN},
    {1, RIM_FILE_LOCK_SHARED, 100, 0},
    {0, RIM_FILE_LOCK_SHARED, 100, 0},
    {0, RIM_FILE_LOCK_EXCLUSIVE, 100, -EAGAIN},
    {0, RIM_FILE_UNLOCK, 0, 0},
    {1, RIM_FILE_LOCK_EXCLUSIVE, 0, 0},
};

static void next_lock(rim_ctx *ctx) {
    uint64_t i = desk.next++;
    if (i == RIM_COUNT(locks)) {
        scenario_done(ctx);
        return;
    }
    take_lock(ctx, locks[i].who == 0 ? desk.file : desk.other, locks[i].lock, locks[i].offset, i);
}

ROLE_OUTCOME(locked) {
    CHECK(error == locks[cookie].error);
    CHECK(error == 0 || strstr(rim_error_text(ctx), desk.path) != NULL);
    next_lock(ctx);
    return RIM_DONE;
}

static void take_lock(rim_ctx *ctx, rim_ref file, enum rim_file_lock lock, uint64_t offset, uint64_t cookie) {
    rim_file_ask ask = ask_of(file, offset, locked, cookie);
    CHECK(rim_file_lock(ctx, &ask, 1, lock, NULL) == 0);
}

ROLE_ON(locker_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT);
    desk.other = open_file(ctx, O_RDWR | O_CREAT);
    next_lock(ctx);
    return RIM_DONE;
}
static const rim_handler locker_on[] = {[GO] = locker_go};
ROLE(file_locker, locker_on);

void file_locks_keep_others_out(struct scenario *s) {
    run(s, &file_locker, "locks");
}

/* ---- bad arguments ---- */

ROLE_ON(bad_go) {
    rim_ref file;
    char path[5000];
    memset(path, 'a', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    CHECK(rim_file_open(ctx, NULL, &file) == -EINVAL);
    CHECK(rim_file_open(ctx, &(rim_file_options){0}, &file) == -EINVAL);
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = ""}, &file) == -EINVAL);
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = path}, &file) == -ENAMETOOLONG);
    rim_file_ask fine = ask_of(rim_self(ctx), 0, never, 0), ask = fine;
    CHECK(rim_file_read(ctx, &fine, 0, NULL) == -EINVAL);
    CHECK(rim_file_write(ctx, &fine, "", 0, NULL) == -EINVAL);
    CHECK(rim_file_write_buffer(ctx, &fine, NULL, NULL) == -EINVAL);
    CHECK(rim_file_write_buffer(ctx, &fine, rim_msg_new(ctx, WORD, 100), NULL) == -EINVAL);
    CHECK(rim_file_lock(ctx, &fine, 1, (enum rim_file_lock)3, NULL) == -EINVAL);
    ask.offset = RIM_FILE_END;
    CHECK(rim_file_read(ctx, &ask, 1, NULL) == -EINVAL);
    CHECK(rim_file_truncate(ctx, &ask, NULL) == -EINVAL);
    ask.offset = INT64_MAX;
    CHECK(rim_file_read(ctx, &ask, 1, NULL) == -EINVAL);
    CHECK(rim_file_allocate(ctx, &ask, 1, 0, NULL) == -EINVAL);
    ask = fine;
    ask.timeout_ns = 0;
    CHECK(rim_file_stat(ctx, &ask, NULL) == -EINVAL);
    ask = fine;
    ask.file = RIM_NIL;
    CHECK(rim_file_sync(ctx, &ask, false, NULL) == -RIM_EBADREF);
    CHECK(rim_file_close(ctx, RIM_NIL) == -RIM_EBADREF);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler bad_on[] = {[GO] = bad_go};
ROLE(file_bad, bad_on);

void file_bad_arguments_are_refused(struct scenario *s) {
    run(s, &file_bad, "bad");
}

/* ---- faults ---- */

ROLE_OUTCOME(faulty_outcome) {
    CHECK(error == 0 || error == -EIO || error == -ENOSPC || error == -EMFILE || error == -RIM_EDOWN);
    CHECK(error == 0 || error == -RIM_EDOWN || strstr(rim_error_text(ctx), desk.path) != NULL);
    desk.errors += error != 0;
    if (++desk.outcomes == desk.made) {
        CHECK(rim_file_close(ctx, desk.file) == 0 || desk.errors > 0);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_ON(faulty_go) {
    desk.file = open_file(ctx, O_RDWR | O_CREAT | O_TRUNC);
    make_calls(ctx, faulty_outcome);
    return RIM_DONE;
}
static const rim_handler faulty_on[] = {[GO] = faulty_go};
ROLE(file_faulty, faulty_on);

void file_each_call_has_one_outcome_whatever_fails(struct scenario *s) {
    static const rim_sim_options faults = {
        .late_completion = 200, .file_short = 300, .file_full = 100, .file_error = 100, .file_limit = 200};
    desk = (struct desk){0};
    file_path(s, "faulty", desk.path);
    rim_sim_set_faults(scenario_system(s), &faults);
    role_go(s, role_spawn(s, &file_faulty, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(desk.outcomes == ROUNDS);
}
