/* SPDX-License-Identifier: MIT */
/* How ports end, by themselves, with their thread and with their system; and many of them at once. */
#include <pthread.h>
#include <stdatomic.h>

#include "port_stage.h"

/* ---- ends ---- */

void port_closed_leaves_dead_letters(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 8, 1);
    rim_stats stats;
    for (uint64_t i = 0; i < 5; i++) { /* some are handed over, some wait in the mailbox */
        port_stage_say(port, stage.partner, ADD, i);
    }
    scenario_pass_time(s, RIM_MS(2));
    rim_port_close(port);
    role_settle(s, &stats);
    CHECK(stats.dead + stats.refused == 5);
    CHECK(stats.actors == 1);
}

void port_ended_by_an_actor_says_so(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 1);
    rim_port_item item;
    rim_stats stats;
    port_stage_say(port, stage.partner, STOP_PORT, 0);
    CHECK(rim_port_receive(port, &item, 1, WAIT_NS) == -RIM_EDOWN);
    CHECK(rim_port_receive(port, &item, 1, WAIT_NS) == -RIM_EDOWN);
    CHECK(port_stage_is_readable(rim_port_fd(port), 0));
    CHECK(rim_port_send(port, stage.partner, ADD, NULL, 0) == -RIM_EDOWN);
    CHECK(rim_port_request(port, &(rim_port_ask){.to = stage.partner, .tag = ADD, .timeout_ns = 1}, NULL) ==
          -RIM_EDOWN);
    rim_ref ref;
    CHECK(rim_port_spawn(port, &port_partner, NULL, NULL, 0, &ref) == -RIM_EDOWN);
    rim_port_close(port);
    role_settle(s, &stats);
    CHECK(stats.dead == 0);
}

struct mortal {
    rim_system *system;
    struct port_stage *stage;
    rim_port *adopted;
    atomic_bool is_open; /* after it */
};

static void *live_and_die(void *arg) {
    struct mortal *mortal = arg;
    rim_port *port = port_stage_open(mortal->system, 0, 1);
    mortal->stage->port = rim_port_ref(port);
    port_stage_say(port, mortal->stage->partner, ASK_PORT, 0);
    CHECK(rim_port_open(mortal->system, NULL, &mortal->adopted) == 0);
    return NULL;
}

void port_ends_with_its_thread(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 0);
    struct mortal mortal = {.system = scenario_system(s), .stage = &stage};
    pthread_t thread;
    rim_stats stats;
    CHECK(pthread_create(&thread, NULL, live_and_die, &mortal) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    port_stage_await(s, &stage);
    CHECK(atomic_load(&stage.outcome) == -RIM_EDOWN);
    role_settle(s, &stats);
    CHECK(stats.actors == 2);
    CHECK(stats.failed == 2);
    rim_port_close(port);
}

static void *open_for_another(void *arg) {
    struct mortal *mortal = arg;
    CHECK(rim_port_open(mortal->system, NULL, &mortal->adopted) == 0);
    atomic_store(&mortal->is_open, true);
    while (!atomic_load(&mortal->stage->dead)) {
        sched_yield();
    }
    return NULL;
}

void port_adopted_outlives_the_thread_that_opened_it(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 0);
    rim_port_close(port);
    struct mortal mortal = {.system = scenario_system(s), .stage = &stage};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, open_for_another, &mortal) == 0);
    while (!atomic_load(&mortal.is_open)) {
        sched_yield();
    }
    CHECK(rim_port_adopt(mortal.adopted) == 0);
    atomic_store(&stage.dead, 1);
    CHECK(pthread_join(thread, NULL) == 0);
    port_stage_say(mortal.adopted, stage.partner, ADD, 3);
    CHECK(role_number(port_stage_receive(mortal.adopted).body) == 3);
    rim_port_close(mortal.adopted);
}

/* ---- stopping ---- */

struct waiter {
    rim_port *port;
    bool closing;
    int last;
    pthread_t thread;
};

static void *receive_to_the_end(void *arg) {
    struct waiter *waiter = arg;
    rim_port_item item;
    (void)rim_port_adopt(waiter->port);
    while ((waiter->last = rim_port_receive(waiter->port, &item, 1, RIM_FOREVER)) > 0) {
        waiter->closing = waiter->closing || item.tag == RIM_CLOSING;
    }
    CHECK(rim_port_send(waiter->port, rim_port_ref(waiter->port), WORD, NULL, 0) == -RIM_ESTOPPING);
    rim_port_close(waiter->port);
    return NULL;
}

void port_that_waits_hears_of_the_stop(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 1);
    struct waiter waiter = {.port = port};
    rim_stop_report report;
    if (!scenario_is_sim(s)) {
        CHECK(pthread_create(&waiter.thread, NULL, receive_to_the_end, &waiter) == 0);
    }
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks && report.lost == 0);
    if (scenario_is_sim(s)) {
        receive_to_the_end(&waiter);
    } else {
        CHECK(pthread_join(waiter.thread, NULL) == 0);
    }
    CHECK(waiter.closing);
    CHECK(waiter.last == -RIM_ESTOPPING);
}

void port_idle_does_not_hold_up_a_stop(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 1);
    rim_port_item items[BATCH];
    rim_stop_report report;
    port_stage_say(port, stage.partner, ADD, 9);
    CHECK(scenario_stop(s, RIM_SECONDS(10), &report) == 0);
    CHECK(report.adds_up && !report.leaks && report.lost == 0);
    CHECK(rim_port_receive(port, items, BATCH, 0) == 2); /* what came is received after the end, too */
    CHECK(rim_port_receive(port, items, BATCH, 0) == -RIM_ESTOPPING);
    rim_port_close(port);
}

/* Its mailbox is full of what nobody receives: an actor that does not work off its backlog. */
void port_with_a_backlog_is_named_at_the_deadline(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 8, 0);
    rim_stop_report report;
    for (uint32_t i = 0; i < 1000 && port_stage_stats(s).queued < 2; i++) { /* the first four are handed over */
        int error = rim_port_send(port, stage.partner, ADD, &(uint64_t){i}, sizeof(uint64_t));
        CHECK(error == 0 || error == -RIM_EFULL);
    }
    CHECK(scenario_stop(s, RIM_MS(20), &report) == -ETIMEDOUT);
    CHECK(report.lost > 0);
    CHECK(strstr(report.held_up_by, "rim port") != NULL);
    rim_port_close(port);
}

void port_outlives_its_system(struct scenario *s) {
    rim_config config = {.shards = 1, .driver = scenario_driver(s)};
    rim_port *ports[3];
    rim_port_item item;
    rim_system *system = scenario_create(&config); /* never started */
    ports[0] = port_stage_open(system, 0, 0);
    rim_port_close(port_stage_open(system, 0, 0));
    CHECK(rim_port_send(ports[0], rim_port_ref(ports[0]), WORD, NULL, 0) == 0);
    rim_system_destroy(system);
    CHECK(rim_port_receive(ports[0], &item, 1, RIM_FOREVER) == -RIM_ESTOPPING);
    CHECK(rim_port_send(ports[0], rim_port_ref(ports[0]), WORD, NULL, 0) == -RIM_ESTOPPING);
    rim_port_close(ports[0]);
    system = scenario_create(&config);
    ports[1] = port_stage_open(system, 0, 0);
    CHECK(rim_system_start(system) == 0);
    ports[2] = port_stage_open(system, 0, 0);
    CHECK(rim_system_stop(system, RIM_SECONDS(5), NULL) == 0);
    CHECK(rim_port_open(system, NULL, &ports[0]) == -RIM_ESTOPPING);
    rim_system_destroy(system);
    rim_port_close(ports[2]);
    CHECK(rim_port_receive(ports[1], &item, 1, 0) >= 0); /* RIM_CLOSING, where it came to that */
    rim_port_close(ports[1]);
}

/* ---- many ---- */

#define PORTS  8u
#define ROUNDS 300u

static void *converse(void *arg) {
    struct mortal *mortal = arg;
    rim_port *port = port_stage_open(mortal->system, 32, rim_shard_of(mortal->stage->partner));
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t number = i;
        rim_port_ask ask = {.to = mortal->stage->partner,
                            .tag = ECHO_ASK,
                            .body = &number,
                            .size = sizeof number,
                            .timeout_ns = WAIT_NS,
                            .cookie = i};
        CHECK(rim_port_request(port, &ask, NULL) == 0);
        rim_port_item item = port_stage_receive(port);
        CHECK(item.cookie == i && item.error == 0 && role_number(item.body) == i);
        port_stage_say(port, mortal->stage->partner, COUNT_ONLY, i);
    }
    rim_port_close(port);
    return NULL;
}

void ports_of_many_threads_work_at_once(struct scenario *s) {
    static struct port_stage stage;
    rim_port_close(port_stage_set_up(s, &stage, 0, 1));
    struct mortal mortal = {.system = scenario_system(s), .stage = &stage};
    pthread_t threads[PORTS];
    rim_stats stats;
    for (uint32_t i = 0; i < PORTS; i++) {
        if (scenario_is_sim(s)) {
            converse(&mortal);
        } else {
            CHECK(pthread_create(&threads[i], NULL, converse, &mortal) == 0);
        }
    }
    for (uint32_t i = 0; !scenario_is_sim(s) && i < PORTS; i++) {
        CHECK(pthread_join(threads[i], NULL) == 0);
    }
    role_settle(s, &stats);
    CHECK(atomic_load(&stage.counted) == PORTS * ROUNDS);
    CHECK(stats.dead == 0);
}

void port_spawns_and_stops_actors(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 0);
    struct role_cast cast = {.world = &stage};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1};
    rim_ref ref;
    rim_stats stats;
    CHECK(rim_port_spawn(port, &port_partner, &options, &cast, sizeof cast, &ref) == 0);
    port_stage_say(port, ref, ADD, 77); /* good at once */
    CHECK(role_number(port_stage_receive(port).body) == 77);
    CHECK(rim_port_stop(port, ref) == 0);
    role_settle(s, &stats);
    port_stage_ask(port, ref, ECHO_ASK, WAIT_NS, -RIM_EDOWN);
    rim_port_close(port);
}

void bad_arguments_of_port_h(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 0), *none;
    rim_port_item item;
    CHECK(rim_port_open(scenario_system(s), &(rim_port_options){.shard = 2}, &none) == -EINVAL);
    CHECK(rim_port_open(scenario_system(s), &(rim_port_options){.capacity = UINT32_MAX}, &none) == -EINVAL);
    CHECK(rim_port_send(port, RIM_NIL, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_port_send(port, stage.partner | (rim_ref)7 << 40, WORD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_port_send(port, stage.partner, RIM_TIMER, NULL, 0) == -EINVAL);
    CHECK(rim_port_send(port, stage.partner, WORD, NULL, 8) == -EINVAL);
    CHECK(rim_port_send(port, stage.partner, WORD, "", RIM_BODY_MAX + 1) == -RIM_ETOOBIG);
    CHECK(rim_port_request(port, &(rim_port_ask){.to = stage.partner, .tag = ADD}, NULL) == -EINVAL);
    CHECK(rim_port_reply(port, stage.partner, ADD, NULL, 0) == -RIM_EBADREF);
    CHECK(rim_port_refuse(port, RIM_NIL, -EPERM) == -RIM_EBADREF);
    CHECK(!rim_port_cancel(port, RIM_NIL));
    CHECK(!rim_port_cancel(port, stage.partner));
    CHECK(rim_port_stop(port, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_port_want_room(port, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_port_receive(port, NULL, 1, 0) == -EINVAL);
    CHECK(rim_port_receive(port, &item, 0, 0) == -EINVAL);
    rim_port_close(port);
    rim_port_close(NULL);
}

/* ---- monitors and links ---- */

static rim_down_event receive_down(rim_port *port, uint64_t cookie) {
    rim_port_item item = port_stage_receive(port);
    CHECK(item.kind == RIM_PORT_EVENT && item.tag == RIM_DOWN && item.cookie == cookie);
    CHECK(item.size == sizeof(rim_down_event));
    return item.size == sizeof(rim_down_event) ? *(const rim_down_event *)item.body : (rim_down_event){0};
}

static void monitor_from(struct scenario *s, uint32_t shard) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, shard);
    rim_port_item item;
    rim_mon first, second;
    rim_stats stats;
    CHECK(rim_port_monitor(port, stage.partner, 11, &first) == 0);
    CHECK(rim_port_monitor(port, stage.partner, 12, &second) == 0);
    CHECK(rim_port_cancel(port, first));
    CHECK(!rim_port_cancel(port, first));
    port_stage_say(port, stage.partner, ADD, 5);
    CHECK(rim_port_receive(port, &item, 1, WAIT_NS) == 1 && item.tag == ADD); /* what it sent comes before its end */
    CHECK(rim_port_kill(port, stage.partner) == 0);
    rim_down_event down = receive_down(port, 12);
    CHECK(down.code == RIM_EXIT_KILLED && down.who == stage.partner && down.monitor == second);
    CHECK(!rim_port_cancel(port, second));
    CHECK(rim_port_monitor(port, stage.partner, 13, NULL) == 0);
    CHECK(receive_down(port, 13).code == RIM_EXIT_NOACTOR);
    CHECK(rim_port_monitor(port, stage.partner, 14, &first) == 0);
    role_settle(s, &stats);
    CHECK(rim_port_cancel(port, first)); /* it waits already, and is not received */
    CHECK(rim_port_receive(port, &item, 1, 0) == 0);
    rim_port_close(port);
}

void port_monitors_and_hears_of_ends(struct scenario *s) {
    monitor_from(s, 0);
    monitor_from(s, 1);
}

void port_death_is_a_monitored_death(struct scenario *s) {
    static struct port_stage stage;
    rim_port *watcher = port_stage_set_up(s, &stage, 0, 0);
    rim_port *port = port_stage_open(scenario_system(s), 0, 1);
    CHECK(rim_port_monitor(watcher, rim_port_ref(port), 1, NULL) == 0);
    rim_stats stats;
    role_settle(s, &stats);
    rim_port_close(port);
    CHECK(receive_down(watcher, 1).code == RIM_EXIT_NORMAL);
    struct mortal mortal = {.system = scenario_system(s), .stage = &stage};
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, live_and_die, &mortal) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK(rim_port_monitor(watcher, stage.port, 2, NULL) == 0);
    uint32_t code = receive_down(watcher, 2).code;
    CHECK(code == RIM_EXIT_FAILED || code == RIM_EXIT_NOACTOR); /* it may be over before the monitor is there */
    rim_port_close(watcher);
}

void port_linked_ends_with_its_partner_or_hears_of_it(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 1), *trapping;
    rim_port_item item;
    CHECK(rim_port_open(scenario_system(s), &(rim_port_options){.trap_exit = true}, &trapping) == 0);
    CHECK(rim_port_link(port, stage.partner) == 0);
    CHECK(rim_port_unlink(port, stage.partner) == 0);
    CHECK(rim_port_link(port, stage.partner) == 0);
    CHECK(rim_port_link(trapping, stage.partner) == 0);
    rim_stats stats;
    role_settle(s, &stats);
    CHECK(rim_port_exit_send(port, stage.partner, RIM_EXIT_USER + 1, "enough") == 0);
    item = port_stage_receive(trapping);
    CHECK(item.kind == RIM_PORT_EVENT && item.tag == RIM_EXIT_SIGNAL);
    const rim_exit_event *event = item.body;
    CHECK(event->code == RIM_EXIT_USER + 1 && event->linked && strcmp(event->text, "enough") == 0);
    CHECK(rim_port_receive(port, &item, 1, WAIT_NS) == -RIM_EDOWN);
    CHECK(rim_port_link(trapping, stage.partner) == 0);
    item = port_stage_receive(trapping);
    CHECK(item.tag == RIM_EXIT_SIGNAL && ((const rim_exit_event *)item.body)->code == RIM_EXIT_NOACTOR);
    rim_port_close(port);
    rim_port_close(trapping);
}

void port_has_a_name(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 0), *named, *late;
    rim_port_item item;
    rim_stats stats;
    CHECK(rim_port_open(scenario_system(s), &(rim_port_options){.name = "front desk", .shard = 1}, &named) == 0);
    role_settle(s, &stats);
    CHECK(rim_system_find(scenario_system(s), "front desk") == rim_port_ref(named));
    CHECK(rim_port_open(scenario_system(s), &(rim_port_options){.name = "front desk"}, &late) == 0);
    CHECK(rim_port_receive(late, &item, 1, WAIT_NS) == -RIM_EDOWN);
    port_stage_say(port, rim_system_find(scenario_system(s), "front desk"), WORD, 3);
    CHECK(role_number(port_stage_receive(named).body) == 3);
    rim_port_close(late);
    rim_port_close(named);
    rim_port_close(port);
}
