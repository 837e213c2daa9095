/* SPDX-License-Identifier: MIT */
/* Shards without threads: a loop of the scenario's own watches their descriptors and steps them. */
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>

#include "role.h"

#define ROUNDS   200u
#define LIMIT_NS RIM_SECONDS(10)
#define BUDGET   RIM_MS(1)

struct scene {
    rim_system *systems[2];
    uint32_t shards; /* that are stepped, of each */
    rim_ref ball[2];
    atomic_uint passes, fired, floods, exits;
    bool over;
};

/* ---- the loop ---- */

static uint64_t soonest(const struct scene *scene, uint32_t systems) {
    uint64_t soonest_ns = RIM_MS(20); /* so that a loop that waits for nothing ends */
    for (uint32_t i = 0; i < systems * scene->shards; i++) {
        int64_t next_ns = rim_shard_next(scene->systems[i / scene->shards], i % scene->shards);
        if (next_ns >= 0 && (uint64_t)next_ns < soonest_ns) {
            soonest_ns = (uint64_t)next_ns;
        }
    }
    return soonest_ns;
}

static void wait_for_news(struct scenario *s, const struct scene *scene, uint32_t systems) {
    uint64_t wait_ns = soonest(scene, systems);
    if (scenario_is_sim(s)) {
        for (uint32_t i = 0; i < systems; i++) {
            rim_sim_run(scene->systems[i], wait_ns);
        }
        return;
    }
    struct pollfd watched[8];
    for (uint32_t i = 0; i < systems * scene->shards; i++) {
        watched[i].fd = rim_shard_fd(scene->systems[i / scene->shards], i % scene->shards);
        watched[i].events = POLLIN;
        CHECK(watched[i].fd >= 0);
    }
    CHECK(poll(watched, systems * scene->shards, (int)((wait_ns + 999999) / 1000000)) >= 0);
}

static void step_all(struct scene *scene, uint32_t systems) {
    for (uint32_t i = 0; i < systems * scene->shards; i++) {
        int more = rim_shard_step(scene->systems[i / scene->shards], i % scene->shards, BUDGET);
        CHECK(more == 0 || more == 1 || more == -RIM_ESTOPPING);
    }
}

static void loop_until(struct scenario *s, struct scene *scene, uint32_t systems, atomic_uint *what, uint32_t count) {
    for (uint32_t i = 0; i < 20000 && atomic_load(what) < count; i++) {
        wait_for_news(s, scene, systems);
        step_all(scene, systems);
    }
    CHECK(atomic_load(what) >= count);
}

/* ---- the actors ---- */

ROLE_ON(pass_ball) {
    struct role *role = self;
    struct scene *scene = role_world(self);
    uint64_t pass = role_number(body);
    atomic_fetch_add(&scene->passes, 1);
    if (pass < ROUNDS) {
        role_say(ctx, scene->ball[1 - role->cast.index], WORD, pass + 1);
    }
    return RIM_DONE;
}

ROLE_ON(set_timer) {
    CHECK(rim_after(ctx, RIM_MS(2), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(set_late_timer) {
    CHECK(rim_after(ctx, RIM_SECONDS(1000), 0) != RIM_NIL);
    return RIM_DONE;
}

ROLE_ON(timer_fired) {
    struct scene *scene = role_world(self);
    atomic_fetch_add(&scene->fired, 1);
    return RIM_DONE;
}

ROLE_ON(flood_itself) {
    struct scene *scene = role_world(self);
    atomic_fetch_add(&scene->floods, 1);
    if (!scene->over) {
        role_say(ctx, rim_self(ctx), MORE, 0);
    }
    return RIM_DONE;
}

static void count_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct scene *scene = role_world(self);
    CHECK(why.code == RIM_EXIT_SHUTDOWN);
    (void)ctx;
    atomic_fetch_add(&scene->exits, 1);
}

static const rim_handler player_on[] = {
    [GO] = set_timer, [ADD] = set_late_timer, [WORD] = pass_ball, [MORE] = flood_itself, [RIM_TIMER] = timer_fired};
ROLE(embed_player, player_on, .exit = count_exit);

static void set_up(struct scenario *s, struct scene *scene, uint32_t shards, uint32_t embedded) {
    rim_config config = {.shards = shards, .embedded = true, .embedded_shards = embedded};
    *scene = (struct scene){.shards = embedded == 0 ? shards : embedded};
    scenario_open_lanes(s);
    scene->systems[0] = scenario_system_with(s, &config);
    for (uint64_t i = 0; i < 2; i++) {
        scene->ball[i] =
            role_spawn(s, &embed_player, (uint32_t)i % shards, (struct role_cast){.world = scene, .index = i});
    }
}

static void throw_ball(rim_system *system, rim_ref to) {
    uint64_t first = 1;
    CHECK(rim_system_send(system, to, WORD, &first, sizeof first) == 0);
}

/* ---- the scenarios ---- */

void embed_shards_run_within_their_steps_alone(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 2, 0);
    throw_ball(scene.systems[0], scene.ball[0]);
    scenario_pass_time(s, 0);
    CHECK(scenario_is_sim(s) || atomic_load(&scene.passes) == 0);
    loop_until(s, &scene, 1, &scene.passes, ROUNDS);
    role_go(s, scene.ball[0]);
    role_go(s, scene.ball[1]);
    loop_until(s, &scene, 1, &scene.fired, 2);
    CHECK(atomic_load(&scene.passes) == ROUNDS);
}

void embed_first_shard_while_the_other_has_its_thread(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 2, 1);
    throw_ball(scene.systems[0], scene.ball[0]);
    scenario_pass_time(s, 0);
    loop_until(s, &scene, 1, &scene.passes, ROUNDS);
    CHECK(rim_shard_step(scene.systems[0], 1, 0) == -RIM_ECONTEXT); /* it has a thread */
    role_go(s, scene.ball[1]);
    role_go(s, scene.ball[0]);
    loop_until(s, &scene, 1, &scene.fired, 2);
}

static bool is_readable(int fd) {
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) == 1;
}

/* Until it has come to rest: completions of its own first polls may come late. */
static void step_to_rest(rim_system *system) {
    for (int quiet = 0; quiet < 3;) {
        int more = rim_shard_step(system, 0, BUDGET);
        CHECK(more >= 0);
        bool news = poll(&(struct pollfd){.fd = rim_shard_fd(system, 0), .events = POLLIN}, 1, 2) == 1;
        quiet = more == 0 && !news ? quiet + 1 : 0;
    }
}

void embed_descriptor_is_readable_while_there_is_news(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 1, 0);
    scenario_pass_time(s, 0);
    int fd = rim_shard_fd(scene.systems[0], 0);
    if (scenario_is_sim(s)) {
        CHECK(fd == -ENOTSUP);
        loop_until(s, &scene, 1, &scene.passes, 0);
        return;
    }
    step_to_rest(scene.systems[0]);
    CHECK(rim_shard_next(scene.systems[0], 0) == -1);
    CHECK(!is_readable(fd));
    for (uint32_t i = 1; i <= 3; i++) {
        uint64_t last = ROUNDS;
        CHECK(rim_system_send(scene.systems[0], scene.ball[0], WORD, &last, sizeof last) == 0);
        CHECK(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 5000) == 1);
        CHECK(is_readable(fd)); /* level-triggered: asking changes nothing */
        CHECK(atomic_load(&scene.passes) == i - 1);
        step_to_rest(scene.systems[0]);
        CHECK(atomic_load(&scene.passes) == i);
        CHECK(!is_readable(fd));
        CHECK(rim_shard_fd(scene.systems[0], 0) == fd);
    }
    CHECK(rim_system_send(scene.systems[0], scene.ball[0], ADD, NULL, 0) == 0);
    step_to_rest(scene.systems[0]);
    int64_t next_ns = rim_shard_next(scene.systems[0], 0);
    CHECK(next_ns > 0);
    CHECK(next_ns <= (int64_t)RIM_SECONDS(1000));
}

void embed_step_ends_with_its_budget(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 1, 0);
    CHECK(rim_system_send(scene.systems[0], scene.ball[0], MORE, NULL, 0) == 0);
    scenario_pass_time(s, 0);
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t before = atomic_load(&scene.floods);
        CHECK(rim_shard_step(scene.systems[0], 0, 0) == 1); /* a flood: there always is more */
        CHECK(rim_shard_next(scene.systems[0], 0) == 0);
        CHECK(scenario_is_sim(s) || i == 0 || atomic_load(&scene.floods) > before);
    }
    scene.over = true;
    loop_until(s, &scene, 1, &scene.floods, atomic_load(&scene.floods) + 1);
}

struct stranger {
    rim_system *system;
    int fd, step;
};

static void *try_to_step(void *arg) {
    struct stranger *stranger = arg;
    stranger->fd = rim_shard_fd(stranger->system, 0);
    stranger->step = rim_shard_step(stranger->system, 0, 0);
    return NULL;
}

void embed_shard_belongs_to_the_thread_that_stepped_it_first(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 1, 0);
    struct stranger stranger = {.system = scene.systems[0]};
    pthread_t thread;
    scenario_pass_time(s, 0);
    CHECK(rim_shard_step(scene.systems[0], 0, 0) >= 0);
    CHECK(pthread_create(&thread, NULL, try_to_step, &stranger) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(stranger.fd == -RIM_ECONTEXT);
    CHECK(stranger.step == -RIM_ECONTEXT);
}

void embed_system_stops_step_by_step(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 2, 0);
    rim_stop_report report;
    scenario_pass_time(s, 0);
    rim_system *system = scene.systems[0];
    CHECK(rim_system_stop_done(system, &report) == -RIM_ECONTEXT);
    throw_ball(system, scene.ball[0]);
    CHECK(rim_system_stop_begin(system, RIM_SECONDS(10)) == 0);
    CHECK(rim_system_stop_begin(system, 0) == -RIM_ECONTEXT);
    int result = -EAGAIN;
    for (uint32_t i = 0; i < 20000 && result == -EAGAIN; i++) {
        CHECK(rim_shard_next(system, 0) >= -1);
        CHECK(soonest(&scene, 1) <= RIM_MS(1));
        if (scenario_is_sim(s)) {
            rim_sim_run(system, soonest(&scene, 1));
        } else {
            struct timespec rest = {.tv_nsec = 50000};
            nanosleep(&rest, NULL);
        }
        step_all(&scene, 1);
        result = rim_system_stop_done(system, &report);
    }
    CHECK(result == 0);
    CHECK(report.adds_up && !report.leaks && report.lost == 0);
    CHECK(atomic_load(&scene.passes) == ROUNDS); /* the backlog was worked off */
    CHECK(atomic_load(&scene.exits) == 2);
    CHECK(rim_shard_step(system, 0, 0) == -RIM_ESTOPPING);
    CHECK(rim_shard_next(system, 1) == -1);
    scenario_stopped(s);
}

void embed_stop_steps_shards_that_nobody_ever_stepped(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 2, 0);
    rim_stop_report report;
    throw_ball(scene.systems[0], scene.ball[0]);
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks && report.lost == 0);
    CHECK(atomic_load(&scene.passes) == ROUNDS);
    CHECK(atomic_load(&scene.exits) == 2);
}

void embed_two_systems_share_a_loop(struct scenario *s) {
    static struct scene scene;
    set_up(s, &scene, 2, 0);
    rim_config config = {.shards = 2,
                         .embedded = true,
                         .driver = scenario_is_sim(s) ? RIM_DRIVER_SIM : RIM_DRIVER_AUTO,
                         .seed = 7};
    rim_stop_report report;
    rim_ref other;
    struct role_cast cast = {.world = &scene};
    scene.systems[1] = scenario_create(&config);
    CHECK(rim_system_spawn(scene.systems[1], &embed_player, NULL, &cast, sizeof cast, &other) == 0);
    scenario_pass_time(s, 0);
    CHECK(rim_system_start(scene.systems[1]) == 0);
    throw_ball(scene.systems[0], scene.ball[0]);
    CHECK(rim_system_send(scene.systems[1], other, GO, NULL, 0) == 0);
    loop_until(s, &scene, 2, &scene.passes, ROUNDS);
    loop_until(s, &scene, 2, &scene.fired, 1);
    CHECK(rim_system_stop(scene.systems[1], RIM_SECONDS(5), &report) == 0);
    CHECK(report.adds_up && !report.leaks);
    rim_system_destroy(scene.systems[1]);
    CHECK(atomic_load(&scene.exits) == 1);
}

void bad_arguments_of_embed_h(struct scenario *s) {
    rim_system *none;
    CHECK(rim_system_create(&(rim_config){.shards = 2, .embedded_shards = 1}, &none) == -EINVAL);
    rim_system *threads = scenario_system(s);
    scenario_pass_time(s, RIM_MS(1));
    CHECK(rim_shard_fd(threads, 0) == -RIM_ECONTEXT);
    CHECK(rim_shard_step(threads, 0, 0) == -RIM_ECONTEXT);
    CHECK(rim_shard_next(threads, 0) == 0);
    CHECK(rim_shard_step(threads, 2, 0) == -EINVAL);
    rim_system *embedded = scenario_system_with(s, &(rim_config){.shards = 1, .embedded = true});
    CHECK(rim_shard_step(embedded, 0, 0) == -RIM_ECONTEXT); /* not started */
    CHECK(rim_system_stop_begin(embedded, 0) == -RIM_ECONTEXT);
    scenario_pass_time(s, 0);
    CHECK(rim_shard_step(embedded, 0, 0) >= 0);
    CHECK(rim_shard_step(embedded, 1, 0) == -EINVAL);
}
