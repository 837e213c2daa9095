/* SPDX-License-Identifier: MIT */
/* Loading in the background: its steps, who waits for it, and what may come in between. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "map_play.h"

#define STEP  (64u << 10)
#define STEPS 20u
#define SIZE  (STEP * STEPS - 100)

static struct map_play in_steps(struct map_play play) {
    play.size = SIZE;
    play.options.load = RIM_MAP_LOAD_READ;
    play.options.step_bytes = STEP;
    play.options.progress = true;
    return play;
}

/* ---- progress ---- */

ROLE_OUTCOME(is_loading) {
    const rim_map_status *status = body;
    CHECK(error == 0 && status->error == 0 && status->loaded <= status->size);
    CHECK(status->state == RIM_MAP_LOADING || status->loaded == SIZE);
    return RIM_DONE;
}

static void count_step(rim_ctx *ctx, struct map_play *play, const rim_map_event *event) {
    CHECK(event->size == SIZE && event->loaded == ++play->count * STEP);
    CHECK(!rim_map_is_ready(ctx, play->map) || play->count == STEPS - 1);
    rim_map_ask ask = map_ask(is_loading, 0);
    CHECK(rim_map_stat(ctx, &ask, NULL) == 0);
}

static void all_is_there(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL;
    CHECK(play->count == STEPS - 1 && play->event.loaded == SIZE && play->event.size == SIZE);
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == 0 && map_is_pattern(rim_body(view), SIZE, 0));
    rim_msg_free(ctx, view);
    map_close(ctx, play);
}

void map_is_loaded_in_steps_that_are_told(struct scenario *s) {
    map_play(s, in_steps((struct map_play){.progress = count_step, .ready = all_is_there}));
}

/* Where the kernel is older, or a filter does not know its advice. */
static void refuse_to_populate(struct map_play *play) {
    (void)play;
    if (scenario_is_sim(scenario_current())) {
        return;
    }
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_madvise, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 22, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EINVAL),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {.len = RIM_COUNT(program), .filter = program};
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0);
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(madvise(page, 4096, 22) != 0 && errno == EINVAL); /* the filter does what it is for */
}

void map_is_loaded_where_the_kernel_cannot_populate(struct scenario *s) {
    map_play(s,
             in_steps((struct map_play){.before = refuse_to_populate, .progress = count_step, .ready = all_is_there}));
}

/* ---- waiting ---- */

ROLE_OUTCOME(too_early) {
    CHECK(error == -ETIMEDOUT && strstr(rim_error_text(ctx), ": timed out") != NULL);
    CHECK(strncmp(rim_error_text(ctx), map_stage()->own_path, strlen(map_stage()->own_path)) == 0);
    map_stage()->count++;
    return RIM_DONE;
}

ROLE_OUTCOME(waited) {
    const rim_map_status *status = body;
    CHECK(error == 0 && status->state == RIM_MAP_IS_READY && status->loaded == SIZE && status->size == SIZE);
    CHECK(rim_map_is_ready(ctx, map_stage()->map) && map_stage()->count == 1);
    map_close(ctx, map_stage());
    return RIM_DONE;
}

static void wait_for_it(rim_ctx *ctx, struct map_play *play) {
    rim_map_ask ask = map_ask(too_early, 0);
    rim_msg *view = NULL;
    CHECK(!rim_map_is_ready(ctx, play->map));
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == -EAGAIN && view == NULL);
    ask.timeout_ns = 1;
    CHECK(rim_map_wait(ctx, &ask, NULL) == 0);
    ask = map_ask(waited, 0);
    CHECK(rim_map_wait(ctx, &ask, NULL) == 0);
}

static void nothing(rim_ctx *ctx, struct map_play *play) {
    (void)ctx;
    (void)play;
}

void map_is_waited_for_with_a_deadline(struct scenario *s) {
    struct map_play play = in_steps((struct map_play){.opened = wait_for_it, .ready = nothing});
    play.options.progress = false;
    map_play(s, play);
}

/* More than it lets wait: the rest waits in its mailbox, and is not forgotten there. */
#define CROWD 700u

ROLE_OUTCOME(one_of_many) {
    struct map_play *play = map_stage();
    CHECK(error == 0 && cookie == play->count);
    if (++play->count == 2 * CROWD) {
        map_close(ctx, play);
    }
    return RIM_DONE;
}

static void wait_many_times(rim_ctx *ctx, struct map_play *play) {
    (void)play;
    for (uint64_t i = 0; i < 2 * CROWD; i += 2) {
        rim_map_ask wait = map_ask(one_of_many, i), get = map_ask(one_of_many, i + 1);
        CHECK(rim_map_wait(ctx, &wait, NULL) == 0 && rim_map_get(ctx, &get, i, 1, NULL) == 0);
    }
}

void map_answers_all_who_wait_in_order(struct scenario *s) {
    map_play(s, in_steps((struct map_play){.opened = wait_many_times, .ready = nothing}));
}

ROLE_OUTCOME(failed_too) {
    CHECK(error == -ENOENT && strstr(rim_error_text(ctx), map_stage()->own_path) != NULL);
    map_stage()->count++;
    return RIM_DONE;
}

static void ask_of_none(rim_ctx *ctx, struct map_play *play) {
    (void)play;
    rim_map_ask ask = map_ask(failed_too, 0);
    CHECK(rim_map_wait(ctx, &ask, NULL) == 0 && rim_map_get(ctx, &ask, 0, 0, NULL) == 0);
    CHECK(rim_map_sync(ctx, &ask, 0, 0, NULL) == 0);
    CHECK(rim_map_advise(ctx, &ask, 0, 0, RIM_MAP_RANDOM, NULL) == 0);
}

/* Their outcomes were sent before the event. */
static void all_have_failed(rim_ctx *ctx, struct map_play *play) {
    CHECK(play->count == 4);
    scenario_done(ctx);
}

void map_that_fails_fails_all_that_wait_for_it(struct scenario *s) {
    map_play(s,
             (struct map_play){.is_absent = true, .opened = ask_of_none, .error = -ENOENT, .closed = all_have_failed});
}

ROLE_OUTCOME(let_down) {
    CHECK(error == -RIM_EDOWN);
    map_stage()->count++;
    return RIM_DONE;
}

static void close_early(rim_ctx *ctx, struct map_play *play) {
    rim_map_ask ask = map_ask(let_down, 0);
    CHECK(rim_map_wait(ctx, &ask, NULL) == 0);
    map_close(ctx, play);
}

static void one_was_let_down(rim_ctx *ctx, struct map_play *play) {
    CHECK(play->count == 1);
    scenario_done(ctx);
}

void map_that_is_closed_while_it_loads_lets_go_of_who_waits(struct scenario *s) {
    map_play(s, in_steps((struct map_play){.opened = close_early, .closed = one_was_let_down}));
}

/* ---- advice ---- */

static void take_advice(rim_ctx *ctx, struct map_play *play);

ROLE_OUTCOME(advised) {
    bool may_be_unknown = cookie == RIM_MAP_HUGEPAGE; /* to this file system */
    CHECK(error == 0 || (may_be_unknown && error == -EINVAL));
    take_advice(ctx, map_stage());
    return RIM_DONE;
}

ROLE_OUTCOME(not_advised) {
    CHECK(error == -ENODATA && strstr(rim_error_text(ctx), ": the file ends before") != NULL);
    map_close(ctx, map_stage());
    return RIM_DONE;
}

static void take_advice(rim_ctx *ctx, struct map_play *play) {
    uint64_t advice = play->count++;
    if (advice <= RIM_MAP_POPULATE) {
        rim_map_ask ask = map_ask(advised, advice);
        CHECK(rim_map_advise(ctx, &ask, 5000, 100000, (rim_map_advice)advice, NULL) == 0);
        return;
    }
    rim_map_ask ask = map_ask(not_advised, 0);
    CHECK(rim_map_advise(ctx, &ask, SIZE, 1, RIM_MAP_NORMAL, NULL) == 0);
}

void map_takes_every_advice(struct scenario *s) {
    map_play(s, (struct map_play){.size = SIZE, .ready = take_advice});
}

/* ---- limits ---- */

static void leave_no_room(struct map_play *play) {
    unsigned long pages = 0;
    if (scenario_is_sim(scenario_current())) {
        rim_sim_set_faults(scenario_system(scenario_current()), &(rim_sim_options){.map_limit = 1000});
        return;
    }
    CHECK(truncate(play->own_path, 1ll << 36) == 0); /* without a block of it */
    FILE *file = fopen("/proc/self/statm", "r");
    CHECK(file != NULL && fscanf(file, "%lu", &pages) == 1);
    fclose(file);
    rlim_t most = (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE) + (256u << 20);
    CHECK(setrlimit(RLIMIT_AS, &(struct rlimit){.rlim_cur = most, .rlim_max = RLIM_INFINITY}) == 0);
}

void map_for_which_there_is_no_room_fails(struct scenario *s) {
    map_play(
        s, (struct map_play){.size = 1, .before = leave_no_room, .error = -ENOMEM, .says = ": cannot allocate memory"});
}

/* ---- many, and faults ---- */

#define MAPS 300u

struct crowd {
    char path[128];
    uint32_t opened, ready, closed, errors;
};
static struct crowd crowd;

static bool is_expected(int error) {
    return error == -EMFILE || error == -ENOMEM || error == -EFAULT;
}

ROLE_ON(crowd_ready) {
    const rim_map_event *event = body;
    rim_msg *view = NULL;
    CHECK(rim_map_view(ctx, event->map, WORD, 0, 0, &view) == 0 && rim_size(view) == SIZE);
    CHECK(map_is_pattern(rim_body(view), 100, 0));
    rim_msg_free(ctx, view);
    crowd.ready++;
    CHECK(rim_map_close(ctx, event->map) == 0);
    return RIM_DONE;
}

ROLE_ON(crowd_closed) {
    const rim_map_closed_event *event = body;
    crowd.errors += event->error != 0;
    CHECK(event->error == 0 || is_expected(event->error));
    if (++crowd.closed == crowd.opened) {
        CHECK(crowd.ready + crowd.errors == crowd.opened);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

ROLE_OUTCOME(crowd_made) {
    CHECK(error == 0);
    rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.late_completion = 200,
                                                              .file_error = 50,
                                                              .file_limit = 100,
                                                              .map_limit = 100,
                                                              .skip_turn = 100});
    rim_map_options options = {.path = crowd.path, .load = RIM_MAP_LOAD_READ, .step_bytes = STEP * 4};
    for (uint32_t i = 0; i < MAPS; i++) {
        options.access = (rim_map_access)(i % 3);
        int opening = rim_map_open(ctx, &options, NULL);
        CHECK(opening == 0);
        crowd.opened += opening == 0;
    }
    return RIM_DONE;
}

ROLE_ON(crowd_go) {
    static char bytes[SIZE];
    for (size_t i = 0; i < SIZE; i++) {
        bytes[i] = file_pattern(i);
    }
    rim_file_replacement replacement = {.path = crowd.path, .timeout_ns = RIM_SECONDS(30), .on_outcome = crowd_made};
    CHECK(rim_file_replace(ctx, &replacement, bytes, SIZE, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler crowd_on[] = {[GO] = crowd_go, [RIM_MAP_READY] = crowd_ready, [RIM_MAP_CLOSED] = crowd_closed};
ROLE(map_crowd, crowd_on);

/* On real drivers jobs for helpers run short, and the loading waits for its turn. */
void map_each_is_ready_or_fails_whatever_happens(struct scenario *s) {
    crowd = (struct crowd){0};
    file_path(s, "crowd", crowd.path);
    (void)scenario_system_with(s, &(rim_config){.shards = 2, .jobs = MAPS + 1});
    role_go(s, role_spawn(s, &map_crowd, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
    CHECK(scenario_is_sim(s) || crowd.errors == 0);
}

/* ---- the system stops ---- */

static void stop_at_first(rim_ctx *ctx, struct map_play *play, const rim_map_event *event) {
    (void)event;
    if (play->count++ == 0) {
        scenario_done(ctx);
    }
}

/* What is being loaded is told so, or is done already. */
static void has_stopped(rim_ctx *ctx, struct map_play *play) {
    (void)ctx;
    play->value++;
}

void map_that_loads_does_not_hold_up_a_stop(struct scenario *s) {
    struct map_play play = in_steps((struct map_play){.progress = stop_at_first, .ready = nothing});
    play.error = -RIM_ESTOPPING;
    play.closed = has_stopped;
    play.options.step_bytes = 1;
    map_play(s, play);
    CHECK(map_stage()->value == 1 || map_stage()->event.map != RIM_NIL);
}
