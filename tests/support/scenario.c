/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "scenario.h"
#include "scenario_jobs.h"
#include "uring_here.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define STOP_NS         RIM_SECONDS(100)
#define STEPPED_MAX     64u
#define MEMORY_TRIES    200
#define MEMORY_PAUSE_NS 20000000
#define THREAD_TRIES    10000
#define THREAD_PAUSE_NS 1000000

struct scenario {
    const char *name;
    const char *program;
    enum rim_driver_kind driver;
    uint64_t seed;
    rim_system *system;
    bool started, stopped;
    bool open_lanes;
    rim_sim_options faults;
    atomic_bool done;
    atomic_uint failures;
    uint64_t cut_ns;  /* 0: the stop is to be in time */
    int descriptors;  /* open before */
    uint32_t stepped; /* shards that the harness steps */
};

static struct scenario *current;
static bool embed; /* the harness steps the shards, whatever a scenario is about */

const char *scenario_driver_name(enum rim_driver_kind driver) {
    return driver == RIM_DRIVER_SIM ? "sim" : driver == RIM_DRIVER_EPOLL ? "epoll" : "uring";
}

struct scenario *scenario_current(void) {
    return current;
}

bool scenario_is_sim(const struct scenario *s) {
    return s->driver == RIM_DRIVER_SIM;
}

enum rim_driver_kind scenario_driver(const struct scenario *s) {
    return s->driver;
}

void scenario_check(struct scenario *s, bool ok, const char *what) {
    if (!ok) {
        atomic_fetch_add(&s->failures, 1);
        fprintf(stderr, "    FAILED %s (%s, seed %llu): %s\n", s->name, scenario_driver_name(s->driver),
                (unsigned long long)s->seed, what);
    }
}

static void tell(void *arg, int level, const char *text) {
    const char *verbose = getenv("SCENARIO_LOG");
    (void)arg;
    if (level <= RIM_LOG_ERROR || verbose != NULL) {
        fprintf(stderr, "    [%d] %s\n", level, text);
    }
}

/* What no program may notice. Every second seed, so that the plain run is tested as well. */
static const rim_sim_options mild = {
    .skip_turn = 50,
    .late_wake = 100,
    .false_wake = 20,
    .late_completion = 100,
    .short_read = 200,
    .short_write = 200,
    .file_short = 200,
    .interrupted = 50,
    .drop_more = 50,
    .no_buffers = 30,
    .lane_full = 20,
};
static const rim_sim_options calm;

static int count_entries(const char *path) {
    int count = 0;
    DIR *folder = opendir(path);
    if (folder == NULL) {
        return -1;
    }
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static int count_descriptors(void) {
    return count_entries("/proc/self/fd");
}

/* Helpers that a stop has cut off end when their jobs do, and what these have open is theirs until then. */
static bool has_no_leak(const struct scenario *s) {
    static const int alone = 3; /* with the two of dots */
    for (int i = 0; i < THREAD_TRIES && count_descriptors() != s->descriptors; i++) {
        if (count_entries("/proc/self/task") <= alone) {
            break;
        }
        nanosleep(&(struct timespec){.tv_nsec = THREAD_PAUSE_NS}, NULL);
    }
    return count_descriptors() == s->descriptors;
}

static void end_system(struct scenario *s) {
    rim_stop_report report;
    if (s->system == NULL) {
        return;
    }
    if (s->started && !s->stopped) {
        int stopped = rim_system_stop(s->system, s->cut_ns != 0 ? s->cut_ns : STOP_NS, &report);
        scenario_check(s, stopped == (s->cut_ns != 0 ? -ETIMEDOUT : 0), "the stop's result");
        scenario_check(s, s->cut_ns != 0 || report.lost == 0, "nothing is lost");
        scenario_check(s, report.adds_up, "sent = handled + refused + dead + queued");
        scenario_check(s, !report.leaks, "nothing leaks");
        if (report.held_up_by[0] != '\0' && s->cut_ns == 0) {
            fprintf(stderr, "    held up by %s\n", report.held_up_by);
        }
        rim_stats stats;
        rim_system_stats(s->system, RIM_ALL_SHARDS, &stats);
        scenario_check(s, stats.rescued_wakeups == 0, "no wake-up was lost");
    }
    rim_system_destroy(s->system);
    s->system = NULL;
    s->started = s->stopped = false;
}

/* Rings count as locked memory, of which a user who is not privileged has little, for all of his processes. */
static bool lacks_locked_memory(int error) {
    struct rlimit limit;
    return error == -ENOMEM && current->driver == RIM_DRIVER_URING && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 &&
           limit.rlim_cur != RLIM_INFINITY;
}

static _Noreturn void leave_out_for_locked_memory(void) {
    printf("skipped: %s (uring): it needs more locked memory than this user may have (ulimit -l)\n", current->name);
    exit(SCENARIO_SKIPPED);
}

rim_system *scenario_create(const rim_config *config) {
    rim_system *system = NULL;
    int error = rim_system_create(config, &system);
    for (int i = 0; i < MEMORY_TRIES && lacks_locked_memory(error); i++) { /* others may be about to give back theirs */
        nanosleep(&(struct timespec){.tv_nsec = MEMORY_PAUSE_NS}, NULL);
        error = rim_system_create(config, &system);
    }
    if (lacks_locked_memory(error)) {
        leave_out_for_locked_memory();
    }
    if (error != 0) {
        fprintf(stderr, "    FAILED %s (%s): no system: %s\n", current->name, scenario_driver_name(current->driver),
                rim_strerror(error));
        exit(EXIT_FAILURE);
    }
    return system;
}

rim_system *scenario_system_with(struct scenario *s, const rim_config *config) {
    end_system(s);
    rim_config own = *config;
    own.driver = s->driver;
    s->stepped = embed && !own.embedded && s->driver != RIM_DRIVER_SIM ? 1 : 0;
    own.embedded = own.embedded || s->stepped > 0;
    own.seed = s->seed;
    own.log = tell;
    own.log_level = RIM_LOG_DEBUG;
    s->faults = s->seed % 2 == 0 ? mild : calm;
    if (s->open_lanes) {
        s->faults.lane_full = 0;
    }
    own.sim = &s->faults;
    atomic_store(&s->done, false);
    s->system = scenario_create(&own);
    s->stepped = s->stepped > 0 ? rim_system_shards(s->system) : 0;
    return s->system;
}

rim_system *scenario_system(struct scenario *s) {
    return s->system != NULL ? s->system : scenario_system_with(s, &(rim_config){.shards = 2});
}

void scenario_open_lanes(struct scenario *s) {
    s->open_lanes = true;
}

static void ensure_started(struct scenario *s) {
    if (!s->started) {
        s->started = true;
        int error = rim_system_start(scenario_system(s));
        if (lacks_locked_memory(error)) {
            leave_out_for_locked_memory();
        }
        scenario_check(s, error == 0, "the start");
    }
}

/* Sleeps at most so long, and steps the shards that are the harness's. */
static void rest(struct scenario *s, uint64_t duration_ns) {
    struct pollfd watched[STEPPED_MAX];
    uint64_t wait_ns = duration_ns;
    for (uint32_t i = 0; i < s->stepped && i < STEPPED_MAX; i++) {
        int64_t next_ns = rim_shard_next(s->system, i);
        wait_ns = next_ns >= 0 && (uint64_t)next_ns < wait_ns ? (uint64_t)next_ns : wait_ns;
        watched[i] = (struct pollfd){.fd = rim_shard_fd(s->system, i), .events = POLLIN};
    }
    struct timespec limit = {.tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};
    (void)ppoll(watched, s->stepped < STEPPED_MAX ? s->stepped : STEPPED_MAX, &limit, NULL);
    for (uint32_t i = 0; i < s->stepped; i++) {
        if (i >= STEPPED_MAX || watched[i].revents != 0 || rim_shard_next(s->system, i) == 0) {
            (void)rim_shard_step(s->system, i, 100000);
        }
    }
}

static uint64_t clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void wait_until_done(struct scenario *s, uint64_t limit_ns) {
    if (scenario_is_sim(s)) {
        uint64_t until_ns = rim_sim_now(s->system) + limit_ns;
        while (!atomic_load(&s->done) && rim_sim_now(s->system) < until_ns && rim_sim_step(s->system)) {
        }
        return;
    }
    for (uint64_t end_ns = clock_ns() + limit_ns; !atomic_load(&s->done) && clock_ns() < end_ns;) {
        rest(s, 200000);
    }
}

void scenario_run(struct scenario *s, uint64_t limit_ns) {
    ensure_started(s);
    wait_until_done(s, limit_ns);
    scenario_check(s, atomic_load(&s->done), "done before the limit");
    atomic_store(&s->done, false);
}

void scenario_pass_time(struct scenario *s, uint64_t duration_ns) {
    ensure_started(s);
    if (scenario_is_sim(s)) {
        rim_sim_run(s->system, duration_ns);
        return;
    }
    uint64_t end_ns = clock_ns() + duration_ns;
    do {
        uint64_t now_ns = clock_ns();
        rest(s, now_ns < end_ns ? end_ns - now_ns : 0);
    } while (clock_ns() < end_ns);
}

void scenario_done(rim_ctx *ctx) {
    (void)ctx;
    atomic_store(&current->done, true);
}

void scenario_expect_cut(struct scenario *s, uint64_t deadline_ns) {
    s->cut_ns = deadline_ns;
}

int scenario_stop(struct scenario *s, uint64_t timeout_ns, rim_stop_report *report) {
    ensure_started(s);
    s->stopped = true;
    return rim_system_stop(s->system, timeout_ns, report);
}

rim_system *scenario_hand_over(struct scenario *s) {
    rim_system *system = s->system;
    s->system = NULL;
    s->started = s->stopped = false;
    return system;
}

void scenario_stopped(struct scenario *s) {
    s->stopped = true;
}

/* ---- running ---- */

int scenario_run_seeds(const struct scenario_entry *entry, const struct scenario_run *run) {
    for (uint64_t i = 0; i < run->seeds; i++) {
        struct scenario s = {.name = entry->name,
                             .program = run->program,
                             .driver = run->driver,
                             .seed = run->first_seed + i,
                             .descriptors = count_descriptors()};
        current = &s;
        entry->run(&s);
        end_system(&s);
        scenario_check(&s, has_no_leak(&s), "no descriptor leaks");
        if (atomic_load(&s.failures) > 0) {
            fprintf(stderr, "    again: %s --driver %s --seed %llu --only %s\n", run->program,
                    scenario_driver_name(s.driver), (unsigned long long)s.seed, entry->name);
            return EXIT_FAILURE;
        }
    }
    return EXIT_SUCCESS;
}

struct choice {
    bool uring, epoll, sim;
    uint64_t seed, seeds;
    unsigned jobs;
    const char *only;
};

/* Most of them wait most of the time: two for each CPU. Who may not lock much memory has not the rings for many. */
static unsigned usual_jobs(void) {
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return geteuid() != 0 ? 2 : cpus < 1 ? 1 : 2 * (unsigned)cpus;
}

static void choose_drivers(struct choice *choice, const char *word) {
    bool all = strcmp(word, "all") == 0;
    choice->uring = all || strcmp(word, "uring") == 0;
    choice->epoll = all || strcmp(word, "epoll") == 0;
    choice->sim = all || strcmp(word, "sim") == 0;
}

static bool parse(int argc, char **argv, struct choice *choice) {
    static const struct option options[] = {
        {"driver", required_argument, NULL, 'd'}, {"seeds", required_argument, NULL, 'n'},
        {"seed", required_argument, NULL, 's'},   {"only", required_argument, NULL, 'o'},
        {"jobs", required_argument, NULL, 'j'},   {"embedded", no_argument, NULL, 'e'},
        {"list", no_argument, NULL, 'l'},         {NULL, 0, NULL, 0},
    };
    *choice = (struct choice){.uring = true, .epoll = true, .sim = true, .seed = 1, .seeds = 10, .jobs = usual_jobs()};
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'd':
            choose_drivers(choice, optarg);
            break;
        case 'n':
            choice->seeds = strtoull(optarg, NULL, 10);
            break;
        case 's':
            choice->seed = strtoull(optarg, NULL, 10);
            choice->seeds = 1;
            break;
        case 'e':
            embed = true;
            break;
        case 'j':
            choice->jobs = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'o':
            choice->only = optarg;
            break;
        default:
            return false;
        }
    }
    return true;
}

/* What waits on the thread that would have to step, or is about threads. */
static bool is_for_threads(const char *name) {
    static const char *const parts[] = {"port", "bad_arguments_of_embed_h", "handler_that_does_not_return"};
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strstr(name, parts[i]) != NULL) {
            return true;
        }
    }
    return false;
}

static bool is_chosen(const char *name, const struct choice *choice) {
    return choice->only != NULL ? strcmp(choice->only, name) == 0 : !embed || !is_for_threads(name);
}

static void run_on_drivers(struct scenario_jobs *jobs, const struct scenario_entry *entry, const struct choice *choice,
                           const char *program) {
    struct scenario_run run = {.program = program, .first_seed = choice->seed, .seeds = 1};
    if (choice->uring) {
        run.driver = RIM_DRIVER_URING;
        scenario_start_job(jobs, entry, &run);
    }
    if (choice->epoll) {
        run.driver = RIM_DRIVER_EPOLL;
        scenario_start_job(jobs, entry, &run);
    }
    if (choice->sim) {
        run.driver = RIM_DRIVER_SIM;
        run.seeds = choice->seeds;
        scenario_start_job(jobs, entry, &run);
    }
}

/* Where standard input or another of the three is closed, the library keeps its number taken: not a leak. */
static void take_standard_descriptors(void) {
    int fd;
    do {
        fd = open("/dev/null", O_RDWR);
    } while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0) {
        close(fd);
    }
}

int scenario_main(int argc, char **argv, const struct scenario_entry *entries, size_t count) {
    struct choice choice;
    take_standard_descriptors();
    if (!parse(argc, argv, &choice)) {
        for (size_t i = 0; i < count; i++) {
            printf("%s\n", entries[i].name);
        }
        return EXIT_FAILURE;
    }
    choice.uring = choice.uring && uring_is_here();
    struct scenario_jobs jobs = {.limit = choice.jobs < 1                   ? 1
                                          : choice.jobs > SCENARIO_JOBS_MAX ? SCENARIO_JOBS_MAX
                                                                            : choice.jobs};
    for (size_t i = 0; i < count; i++) {
        if (is_chosen(entries[i].name, &choice)) {
            run_on_drivers(&jobs, &entries[i], &choice, argv[0]);
        }
    }
    while (jobs.count > 0) {
        scenario_end_job(&jobs);
    }
    printf("%u passed, %u failed\n", jobs.passed, jobs.failed);
    return jobs.failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
