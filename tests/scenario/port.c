/* SPDX-License-Identifier: MIT */
/* Ports: the scenario's own thread takes part. Sending, asking, answering, bounds, the descriptor. */
#include "port_stage.h"

/* ---- sending and receiving ---- */

/* A port's actor has half of its capacity as a mailbox. From three quarters of that on, shards are asked to hold back:
   the partner's echo would be refused then, and be missing. So fewer are under way. */
#define CAPACITY  64u
#define UNDER_WAY (CAPACITY / 2 * 3 / 4 - 1)

static void echo_with(struct scenario *s, uint32_t shard) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, CAPACITY, shard);
    rim_port_item items[BATCH];
    uint64_t sent = 0, heard = 0;
    while (heard < 2000) {
        while (sent < 2000 && sent - heard < UNDER_WAY) {
            port_stage_say(port, stage.partner, ADD, sent++);
        }
        int count = rim_port_receive(port, items, BATCH, WAIT_NS);
        CHECK(count > 0);
        for (int i = 0; i < count; i++) {
            CHECK(items[i].kind == RIM_PORT_MESSAGE && items[i].tag == ADD && items[i].from == stage.partner);
            CHECK(items[i].size == sizeof heard && role_number(items[i].body) == heard++);
        }
        if (count <= 0) {
            break;
        }
    }
    CHECK(rim_port_receive(port, items, BATCH, 0) == 0);
    rim_port_close(port);
}

void port_sends_and_receives_in_order(struct scenario *s) {
    echo_with(s, 0);
    echo_with(s, 1);
}

void port_sends_bodies_of_all_sizes(struct scenario *s) {
    static struct port_stage stage;
    static const size_t sizes[] = {0, 1, 15, 16, 1023, 1024, 1025, 4096, 100000};
    static char bytes[100000];
    rim_port *port = port_stage_set_up(s, &stage, 0, 1);
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (char)(i * 7 + i / 251);
    }
    for (uint32_t i = 0; i < RIM_COUNT(sizes); i++) {
        CHECK(rim_port_send(port, stage.partner, ADD, bytes, sizes[i]) == 0);
        rim_port_item item = port_stage_receive(port);
        CHECK(item.size == sizes[i]);
        CHECK(item.body == NULL ? sizes[i] == 0 : memcmp(item.body, bytes, sizes[i]) == 0);
        CHECK((uintptr_t)item.body % 16 == 0);
        rim_port_ask ask = {
            .to = stage.partner, .tag = ECHO_ASK, .body = bytes, .size = sizes[i], .timeout_ns = WAIT_NS, .cookie = i};
        CHECK(rim_port_request(port, &ask, NULL) == 0);
        item = port_stage_receive(port);
        CHECK(item.kind == RIM_PORT_OUTCOME && item.error == 0 && item.cookie == i && item.size == sizes[i]);
        CHECK(sizes[i] == 0 || memcmp(item.body, bytes, sizes[i]) == 0);
    }
    rim_port_close(port);
}

static void count_release(void *bytes, void *arg) {
    struct port_stage *stage = arg;
    CHECK(*(char *)bytes == 'x');
    atomic_fetch_add(&stage->released, 1);
}

void port_wrapped_body_is_released_once(struct scenario *s) {
    static struct port_stage stage;
    static char bytes[5000] = "x";
    rim_port *port = port_stage_set_up(s, &stage, 0, 1);
    rim_stats stats;
    CHECK(rim_port_send_wrap(port, stage.partner, ADD, bytes, sizeof bytes, count_release, &stage) == 0);
    CHECK(port_stage_receive(port).size == sizeof bytes);
    CHECK(rim_port_stop(port, stage.partner) == 0);
    role_settle(s, &stats);
    CHECK(rim_port_send_wrap(port, stage.partner, ADD, bytes, sizeof bytes, count_release, &stage) ==
          0); /* to nobody */
    role_settle(s, &stats);
    CHECK(stats.dead == 1);
    CHECK(atomic_load(&stage.released) == 2);
    CHECK(rim_port_send_wrap(port, RIM_NIL, ADD, bytes, sizeof bytes, count_release, &stage) == -RIM_EBADREF);
    CHECK(rim_port_send_wrap(port, stage.partner, ADD, bytes, sizeof bytes, count_release, &stage) == 0);
    rim_port_close(port); /* maybe before the shard has seen it */
    role_settle(s, &stats);
    CHECK(atomic_load(&stage.released) == 3);
}

/* ---- requests ---- */

static void ask_everything(struct scenario *s, uint32_t shard) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, shard);
    rim_stats stats;
    port_stage_ask(port, stage.partner, ECHO_ASK, WAIT_NS, 0);
    port_stage_ask(port, stage.partner, NO_REPLY, WAIT_NS, -RIM_ENOREPLY);
    port_stage_ask(port, stage.partner, REFUSE_IT, WAIT_NS, -EPERM);
    port_stage_ask(port, stage.partner, CANCEL, WAIT_NS, -RIM_ENOHANDLER);
    port_stage_ask(port, stage.partner, NEVER, RIM_MS(2), -ETIMEDOUT);
    CHECK(rim_port_stop(port, stage.partner) == 0);
    role_settle(s, &stats);
    for (uint32_t i = 0; i < 3; i++) {
        port_stage_ask(port, stage.partner, ECHO_ASK, WAIT_NS, -RIM_EDOWN);
    }
    rim_port_close(port);
}

void port_requests_have_one_outcome(struct scenario *s) {
    ask_everything(s, 0);
    ask_everything(s, 1);
}

void port_request_cancelled_has_no_outcome(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 1024, 1);
    rim_port_item items[BATCH];
    rim_token tokens[20];
    rim_stats stats;
    for (uint32_t round = 0; round < 20; round++) { /* so that places are used again */
        for (uint32_t i = 0; i < 4; i++) {
            rim_port_ask ask = {.to = stage.partner,
                                .tag = i % 2 == 0 ? ECHO_ASK : NEVER,
                                .timeout_ns = RIM_SECONDS(100),
                                .cookie = i};
            CHECK(rim_port_request(port, &ask, &tokens[i]) == 0);
        }
        if (round % 2 == 0) {
            scenario_pass_time(s, RIM_US(300)); /* some outcomes wait already */
        }
        for (uint32_t i = 0; i < 4; i++) {
            CHECK(rim_port_cancel(port, tokens[i]));
            CHECK(!rim_port_cancel(port, tokens[i]));
        }
        CHECK(rim_port_receive(port, items, BATCH, RIM_US(100)) == 0);
    }
    role_settle(s, &stats);
    CHECK(stats.requests_open == 0);
    CHECK(rim_port_receive(port, items, BATCH, 0) == 0);
    port_stage_ask(port, stage.partner, ECHO_ASK, WAIT_NS, 0);
    rim_port_close(port);
}

void port_answers_and_refuses_requests(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 0, 1);
    uint64_t answer = 42;
    port_stage_say(port, stage.partner, ASK_PORT, 0);
    rim_port_item item = port_stage_receive(port);
    CHECK(item.kind == RIM_PORT_REQUEST && item.tag == ASK && item.from == stage.partner);
    CHECK(role_number(item.body) == 41);
    CHECK(rim_port_reply(port, item.request, ADD, &answer, sizeof answer) == 0);
    port_stage_await(s, &stage);
    CHECK(atomic_exchange(&stage.outcome, 0) == 1);
    CHECK(stage.answer == 42);
    CHECK(rim_port_reply(port, item.request, ADD, NULL, 0) == 0); /* to none: ignored */
    port_stage_say(port, stage.partner, ASK_PORT, 0);
    item = port_stage_receive(port);
    CHECK(rim_port_refuse(port, item.request, -EPERM) == 0);
    port_stage_await(s, &stage);
    CHECK(atomic_exchange(&stage.outcome, 0) == -EPERM);
    for (uint32_t received = 0; received < 2; received++) { /* closed before it was answered: received, or not even */
        port = received == 0 ? port : port_stage_open(scenario_system(s), 0, 0);
        stage.port = rim_port_ref(port);
        port_stage_say(port, stage.partner, ASK_PORT, 0);
        if (received == 1) {
            (void)port_stage_receive(port);
        }
        rim_port_close(port);
        port_stage_await(s, &stage);
        CHECK(atomic_exchange(&stage.outcome, 0) == -RIM_EDOWN);
    }
}

/* ---- bounds ---- */

/* Receives all there is, in order, and counts the messages. */
static uint32_t receive_all(rim_port *port, uint64_t *last) {
    rim_port_item items[BATCH];
    uint32_t messages = 0;
    for (int count; (count = rim_port_receive(port, items, BATCH, 0)) > 0;) {
        for (int i = 0; i < count; i++) {
            if (items[i].kind == RIM_PORT_MESSAGE) {
                CHECK(messages == 0 || role_number(items[i].body) > *last);
                *last = role_number(items[i].body);
                messages++;
            }
        }
    }
    return messages;
}

static void fill(struct scenario *s, uint32_t shard) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 64, shard);
    rim_stats stats;
    uint64_t last = 0;
    port_stage_say(port, stage.partner, FLOOD_PORT, 0);
    do {
        stats = port_stage_stats(s);
    } while (stats.queued < 24 || atomic_load(&stage.flooded) < 56);
    atomic_store(&stage.over, true);
    uint32_t received = receive_all(port, &last);
    CHECK(received >= 32); /* what was handed over at least */
    for (int quiet = 0; quiet < 20;) {
        stats = port_stage_stats(s);
        uint32_t more = receive_all(port, &last);
        received += more;
        quiet = more == 0 && stats.queued == 0 && rim_stats_add_up(&stats) ? quiet + 1 : 0;
    }
    CHECK(received + stats.refused - stage.refused == stage.accepted);
    CHECK(atomic_load(&stage.rooms) >= 1);
    CHECK(stage.refused >= 1);
    rim_port_close(port);
}

void port_that_does_not_receive_is_a_full_mailbox(struct scenario *s) {
    fill(s, 0);
    fill(s, 1);
}

ROLE_ON(count_slowly) {
    struct port_stage *stage = role_world(self);
    atomic_fetch_add(&stage->counted, 1);
    return RIM_DONE;
}
static const rim_handler slow_on[] = {[WORD] = count_slowly};
ROLE(port_slow, slow_on);

void port_is_told_what_was_refused(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 4096, 0);
    rim_spawn_options tight = {.place = RIM_ON_SHARD, .shard = 0, .mailbox_count = 4};
    rim_ref slow = role_spawn_with(s, &port_slow, tight, (struct role_cast){.world = &stage});
    rim_port_item items[BATCH];
    rim_stats stats;
    uint64_t told = 0;
    for (uint64_t i = 0; i < 2000; i++) {
        int error = rim_port_send(port, slow, WORD, &i, sizeof i);
        CHECK(error == 0);
    }
    role_settle(s, &stats);
    for (int count; (count = rim_port_receive(port, items, BATCH, 0)) > 0;) {
        for (int i = 0; i < count; i++) {
            CHECK(items[i].kind == RIM_PORT_EVENT && items[i].tag == RIM_REFUSED);
            const rim_refused_event *event = items[i].body;
            CHECK(event->who == slow && event->tag == WORD);
            told += event->count;
        }
    }
    CHECK(told > 0);
    CHECK(told + atomic_load(&stage.counted) == 2000);
    CHECK(rim_port_want_room(port, slow) == 0);
    rim_port_item item = port_stage_receive(port);
    CHECK(item.kind == RIM_PORT_EVENT && item.tag == RIM_ROOM && ((const rim_room_event *)item.body)->who == slow);
    rim_port_close(port);
}

/* ---- the descriptor ---- */

void port_descriptor_is_readable_while_something_waits(struct scenario *s) {
    static struct port_stage stage;
    rim_port *port = port_stage_set_up(s, &stage, 64, 1);
    rim_port_item items[BATCH];
    rim_stats stats;
    port_stage_say(port, stage.partner, ADD, 0);
    role_settle(s, &stats);
    int fd = rim_port_fd(port); /* asked for late: it is readable all the same */
    for (uint64_t round = 0; round < 4; round++) {
        CHECK(port_stage_is_readable(fd, 0));
        CHECK(port_stage_is_readable(fd, 0));
        CHECK(rim_port_receive(port, items, BATCH, 0) == 1);
        CHECK(!port_stage_is_readable(fd, 0));
        for (uint64_t i = 0; i < 3; i++) {
            port_stage_say(port, stage.partner, ADD, i);
        }
        role_settle(s, &stats);
        CHECK(port_stage_is_readable(fd, 0));
        CHECK(rim_port_receive(port, items, 2, round % 2 == 0 ? 0 : WAIT_NS) == 2);
        CHECK(port_stage_is_readable(fd, 0)); /* one is left */
        CHECK(rim_port_fd(port) == fd);
    }
    rim_port_close(port);
}
