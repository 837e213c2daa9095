/* SPDX-License-Identifier: MIT */
/* Sending datagrams: many at once, trains, gathered, from other shards, by the address that was meant. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

enum { LETTERS = 40, TRAIN = 1050, SEGMENT = 100, GATHERED = 100 };

struct post {
    rim_ref here, there, boss;
    rim_address address, other;
    uint32_t heard, bytes;
    bool merge, is_told, is_over;
};

static struct post *post_of(void *self) {
    return *(struct post **)self;
}

static struct post *begin(void *self, const void *arg) {
    struct post *post = socket_world_of(arg);
    *(struct post **)self = post;
    return post;
}

static rim_datagram_state ask(rim_ctx *ctx, rim_ref socket) {
    rim_datagram_state state = {0};
    CHECK(rim_datagram_ask(ctx, socket, &state) == 0);
    return state;
}

/* `there` talks to `here`. */
static void open_two(rim_ctx *ctx, struct post *post, const rim_datagram_options *server, rim_datagram_options client) {
    CHECK(rim_datagram_open(ctx, server, &post->here) == 0);
    post->address = ask(ctx, post->here).local;
    client.peer = "127.0.0.1";
    client.peer_port = post->address.port;
    CHECK(rim_datagram_open(ctx, &client, &post->there) == 0);
}

static void finish(rim_ctx *ctx, struct post *post) {
    post->is_over = true;
    scenario_done(ctx);
}

static void run_post(struct scenario *s, const rim_behaviour *boss, struct post *post) {
    socket_world_run(s, boss, post);
    SCENARIO_CHECK(s, post->is_over);
}

#define BEHAVIOUR(id, init_fn, ...)                                                                                    \
    static const rim_handler id##_rows[] = {__VA_ARGS__};                                                              \
    static const rim_behaviour id = {                                                                                  \
        .name = #id,                                                                                                   \
        .state_size = sizeof(struct post *),                                                                           \
        .on = id##_rows,                                                                                               \
        .on_count = RIM_COUNT(id##_rows),                                                                              \
        .init = init_fn,                                                                                               \
    }

/* ---- many at once ---- */

static rim_verdict many_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    static char large[70000];
    struct post *post = begin(self, arg);
    rim_datagram_letter letters[LETTERS] = {{0}};
    uint32_t numbers[LETTERS];
    size_t sent = 99;
    (void)size;
    open_two(ctx, post, &(rim_datagram_options){.host = "127.0.0.1"}, (rim_datagram_options){.send_buffer = 0});
    for (uint32_t i = 0; i < LETTERS; i++) {
        numbers[i] = i;
        letters[i] = (rim_datagram_letter){.bytes = &numbers[i], .size = sizeof numbers[i]};
    }
    letters[7].size = 0;
    CHECK(rim_datagram_send_many(ctx, post->there, letters, LETTERS, &sent) == 0 && sent == LETTERS);
    CHECK(ask(ctx, post->there).sent == LETTERS);
    letters[0].size = 0;
    letters[3] = (rim_datagram_letter){.bytes = large, .size = sizeof large};
    CHECK(rim_datagram_send_many(ctx, post->there, letters, LETTERS, &sent) == -EMSGSIZE && sent == 3);
    CHECK(rim_datagram_send_many(ctx, post->there, letters, 0, &sent) == -EINVAL && sent == 0);
    CHECK(rim_datagram_send_many(ctx, post->there, NULL, 1, NULL) == -EINVAL);
    letters[0].descriptor_count = RIM_PASSING_MAX + 1;
    CHECK(rim_datagram_send_many(ctx, post->there, letters, 1, NULL) == -EINVAL);
    CHECK(rim_datagram_send_many(ctx, rim_self(ctx), &letters[1], 1, NULL) == -RIM_EDOWN);
    return RIM_DONE;
}

static rim_verdict many_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->error == 0 && (event->size == 0 || event->size == sizeof(uint32_t)));
    post->bytes += event->size;
    if (++post->heard == LETTERS + 3) {
        CHECK(post->bytes == 4 * (LETTERS - 1 + 2));
        finish(ctx, post);
    }
    return RIM_DONE;
}

BEHAVIOUR(many, many_init, [RIM_DATAGRAM] = many_datagram);

void datagrams_leave_together(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    run_post(s, &many, &post);
}

/* ---- trains ---- */

static rim_verdict train_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    char bytes[TRAIN];
    (void)size;
    for (uint32_t i = 0; i < TRAIN; i++) {
        bytes[i] = (char)socket_world_byte(i % SEGMENT);
    }
    rim_datagram_options server = {.host = "127.0.0.1", .merge = post->merge};
    open_two(ctx, post, &server, (rim_datagram_options){.send_buffer = 0});
    const rim_datagram_letter letter = {.bytes = bytes, .size = sizeof bytes, .segment = SEGMENT};
    CHECK(rim_datagram_send_many(ctx, post->there, &letter, 1, NULL) == 0);
    CHECK(ask(ctx, post->there).sent == (TRAIN + SEGMENT - 1) / SEGMENT);
    return RIM_DONE;
}

/* One by one, or some behind one another. */
static rim_verdict train_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_datagram_event *event = body;
    uint32_t segment = event->segment != 0 ? event->segment : event->size;
    const char *bytes = rim_datagram_bytes(event);
    (void)msg;
    CHECK(event->error == 0 && !event->is_truncated && segment <= SEGMENT && segment > 0);
    CHECK(event->segment == 0 || (post->merge && event->segment < event->size));
    for (uint32_t at = 0; at < event->size; at += segment) {
        uint32_t left = event->size - at;
        CHECK(socket_world_is(bytes + at, left < segment ? left : segment, 0));
        post->heard++;
    }
    post->bytes += event->size;
    if (post->bytes == TRAIN) {
        CHECK(post->heard == (TRAIN + SEGMENT - 1) / SEGMENT);
        finish(ctx, post);
    }
    return RIM_DONE;
}

BEHAVIOUR(train, train_init, [RIM_DATAGRAM] = train_datagram);

void datagram_train_is_cut_on_its_way(struct scenario *s) {
    static struct post post;
    post = (struct post){.merge = false};
    run_post(s, &train, &post);
}

void datagram_train_may_come_whole(struct scenario *s) {
    static struct post post;
    post = (struct post){.merge = true};
    run_post(s, &train, &post);
}

/* ---- gathered ---- */

static rim_verdict gather_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    (void)size;
    open_two(ctx, post, &(rim_datagram_options){.host = "127.0.0.1"}, (rim_datagram_options){.gather = true});
    CHECK(rim_address_parse("255.255.255.255", 9, &post->other) == 0);
    for (uint32_t i = 0; i < GATHERED; i++) {
        CHECK(rim_datagram_send(ctx, post->there, NULL, &i, sizeof i) == 0);
        if (i == GATHERED / 2) {
            CHECK(rim_datagram_send(ctx, post->there, &post->other, "x", 1) == 0); /* not allowed: told later */
        }
    }
    CHECK(ask(ctx, post->there).sent < GATHERED);
    return RIM_DONE;
}

static rim_verdict gather_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    if (event->socket == post->there) {
        CHECK(event->error == -EACCES && event->from.port == 9 && event->from.bytes[0] == 255);
        CHECK(ask(ctx, post->there).failed == 1);
        post->is_told = true;
    } else {
        CHECK(event->error == 0 && event->size == sizeof(uint32_t));
        post->heard++;
    }
    if (post->is_told && post->heard == GATHERED) {
        CHECK(ask(ctx, post->there).sent == GATHERED);
        finish(ctx, post);
    }
    return RIM_DONE;
}

BEHAVIOUR(gatherer, gather_init, [RIM_DATAGRAM] = gather_datagram);

void datagrams_of_a_turn_leave_together_and_failures_are_told(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    run_post(s, &gatherer, &post);
}

/* What is in the box when the owner stops still leaves. */
static rim_verdict hasty_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    (void)size;
    rim_datagram_options options = {.peer = "127.0.0.1", .peer_port = post->address.port, .gather = true};
    CHECK(rim_datagram_open(ctx, &options, &post->there) == 0);
    CHECK(rim_datagram_send(ctx, post->there, NULL, "bye", 3) == 0);
    return RIM_STOP;
}

static const rim_behaviour hasty = {.name = "hasty", .state_size = sizeof(struct post *), .init = hasty_init};

static rim_verdict left_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    rim_ref ignored;
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "127.0.0.1"}, &post->here) == 0);
    post->address = ask(ctx, post->here).local;
    CHECK(rim_spawn(ctx, &hasty, NULL, arg, size, &ignored) == 0);
    return RIM_DONE;
}

static rim_verdict left_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->size == 3 && memcmp(rim_datagram_bytes(event), "bye", 3) == 0);
    finish(ctx, post_of(self));
    return RIM_DONE;
}

BEHAVIOUR(left, left_init, [RIM_DATAGRAM] = left_datagram);

void datagram_that_was_gathered_leaves_though_its_sender_stops(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    run_post(s, &left, &post);
}

/* ---- from another shard ---- */

enum { GONE = RIM_USER };

static rim_verdict far_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    rim_datagram_state state;
    rim_address all, group;
    (void)size;
    CHECK(rim_shard_index(ctx) != rim_shard_of(post->there));
    CHECK(rim_datagram_send(ctx, post->there, NULL, "far", 3) == 0);
    const rim_datagram_letter letters[2] = {{.bytes = "off", .size = 3}, {.bytes = "awayaw", .size = 6, .segment = 4}};
    size_t sent = 0;
    CHECK(rim_datagram_send_many(ctx, post->there, letters, 2, &sent) == 0 && sent == 2);
    const rim_datagram_letter heavy = {.bytes = "x", .size = 1, .descriptors = &(int){0}, .descriptor_count = 1};
    CHECK(rim_datagram_send_many(ctx, post->there, &heavy, 1, &sent) == -RIM_ECONTEXT && sent == 0);
    CHECK(rim_datagram_ask(ctx, post->there, &state) == -RIM_ECONTEXT);
    CHECK(rim_address_parse("255.255.255.255", 9, &all) == 0);
    CHECK(rim_datagram_send(ctx, post->there, &all, "x", 1) == 0);
    CHECK(rim_address_parse("239.1.2.4", 9, &group) == 0);
    CHECK(rim_datagram_join(ctx, post->there, &group, "no such") == 0);
    CHECK(rim_datagram_join(ctx, post->there, &group, "a name that no interface can have") == -EINVAL);
    CHECK(rim_datagram_join(ctx, post->there, NULL, NULL) == -EINVAL);
    return RIM_DONE;
}

static rim_verdict far_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->socket == post->there && event->size == 0);
    CHECK(event->error == -EACCES || event->error == -EINVAL); /* the one is told after the turn, the other at once */
    CHECK(event->from.bytes[0] == (event->error == -EACCES ? 255 : 239));
    return rim_send(ctx, post->boss, GONE, NULL, 0) == 0 ? RIM_DONE : RIM_FAIL;
}

BEHAVIOUR(far, far_init, [RIM_DATAGRAM] = far_datagram);

static rim_verdict near_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    rim_ref ignored;
    post->boss = rim_self(ctx);
    open_two(ctx, post, &(rim_datagram_options){.host = "127.0.0.1"}, (rim_datagram_options){.send_buffer = 0});
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = rim_shard_index(ctx) + 1};
    CHECK(rim_spawn(ctx, &far, &options, arg, size, &ignored) == 0);
    return RIM_DONE;
}

static void count(rim_ctx *ctx, struct post *post) {
    if (++post->heard == 6) { /* four datagrams and two words about failures */
        CHECK(post->bytes == 12 && ask(ctx, post->there).failed == 2);
        finish(ctx, post);
    }
}

static rim_verdict near_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->socket == post->here && event->error == 0 && event->size >= 2 && event->size <= 4);
    post->bytes += event->size;
    count(ctx, post);
    return RIM_DONE;
}

static rim_verdict near_gone(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    count(ctx, post_of(self));
    return RIM_DONE;
}

BEHAVIOUR(near, near_init, [RIM_DATAGRAM] = near_datagram, [GONE] = near_gone);

void datagrams_are_sent_from_other_shards(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    scenario_open_lanes(s);
    run_post(s, &near, &post);
}

/* ---- by the address that was meant ---- */

static rim_verdict meant_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    (void)size;
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "0.0.0.0", .tell_way = true}, &post->here) == 0);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "0.0.0.0"}, &post->there) == 0);
    CHECK(rim_address_parse("127.0.0.3", ask(ctx, post->here).local.port, &post->address) == 0);
    CHECK(rim_datagram_send(ctx, post->there, &post->address, "where?", 6) == 0);
    return RIM_DONE;
}

static rim_verdict meant_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct post *post = post_of(self);
    const rim_datagram_event *event = body;
    (void)msg;
    if (event->socket == post->here) {
        const rim_datagram_letter letter = {.to = &event->from, .way = &event->way, .bytes = "here", .size = 4};
        CHECK(rim_datagram_send_many(ctx, post->here, &letter, 1, NULL) == 0);
        return RIM_DONE;
    }
    CHECK(event->from.port == post->address.port && memcmp(event->from.bytes, post->address.bytes, 4) == 0);
    finish(ctx, post);
    return RIM_DONE;
}

BEHAVIOUR(meant, meant_init, [RIM_DATAGRAM] = meant_datagram);

void datagram_is_answered_by_the_address_that_was_meant(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    run_post(s, &meant, &post);
}

/* ---- one source of a group; IPv4 on a socket of IPv6 ---- */

static rim_verdict source_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    rim_address group, good, bad;
    (void)size;
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.share = true}, &post->here) == 0);
    CHECK(rim_address_parse("232.1.2.3", ask(ctx, post->here).local.port, &group) == 0);
    CHECK(rim_address_parse("127.0.0.1", 0, &good) == 0 && rim_address_parse("127.0.0.9", 0, &bad) == 0);
    CHECK(rim_datagram_join_source(ctx, post->here, &group, NULL, "lo") == -EINVAL);
    CHECK(rim_datagram_join_source(ctx, post->here, &group, &bad, "lo") == 0);
    CHECK(rim_datagram_leave_source(ctx, post->here, &group, &bad, "lo") == 0);
    CHECK(rim_datagram_join_source(ctx, post->here, &group, &good, "lo") == 0);
    CHECK(rim_datagram_join_source(ctx, post->here, &group, &good, "lo") == -EADDRNOTAVAIL);
    rim_datagram_options stranger = {.host = "127.0.0.9", .interface = "lo"};
    CHECK(rim_datagram_open(ctx, &stranger, &post->there) == 0);
    CHECK(rim_datagram_send(ctx, post->there, &group, "bad", 3) == 0);
    rim_datagram_options source = {.host = "127.0.0.1", .interface = "lo"};
    CHECK(rim_datagram_open(ctx, &source, &post->there) == 0);
    CHECK(rim_datagram_send(ctx, post->there, &group, "good", 4) == 0);
    return RIM_DONE;
}

static rim_verdict source_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_datagram_event *event = body;
    (void)msg;
    CHECK(event->size == 4 && memcmp(rim_datagram_bytes(event), "good", 4) == 0);
    finish(ctx, post_of(self));
    return RIM_DONE;
}

BEHAVIOUR(source_hearer, source_init, [RIM_DATAGRAM] = source_datagram);

void datagram_of_one_source_is_heard_on_a_dual_stack(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    run_post(s, &source_hearer, &post);
}

/* ---- what the kernel refuses ---- */

static bool ports_are_free(void) {
    int first = 1024;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");
    bool is_known = file != NULL && fscanf(file, "%d", &first) == 1;
    if (file != NULL) {
        fclose(file);
    }
    return is_known && first <= 80;
}

static void check_limits(rim_ctx *ctx) {
    struct rlimit all, none;
    rim_ref socket;
    CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = all.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "127.0.0.1"}, &socket) == -EMFILE);
    CHECK(strstr(rim_error_text(ctx), "127.0.0.1") != NULL);
    CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
    if (geteuid() != 0 && !ports_are_free()) {
        CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "127.0.0.1", .port = 80}, &socket) == -EACCES);
    }
}

static rim_verdict refuse_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct post *post = begin(self, arg);
    rim_address unreachable;
    (void)size;
    if (!scenario_is_sim(scenario_current())) {
        check_limits(ctx);
    }
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.descriptors = RIM_PASSING_MAX + 1}, NULL) == -EINVAL);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = "127.0.0.1"}, &post->here) == 0);
    CHECK(rim_address_parse("198.51.100.1", 9, &unreachable) == 0);
    int result =
        rim_datagram_send(ctx, post->here, &unreachable, "x", 1); /* from the loopback's address it cannot leave */
    CHECK(result == -ENETUNREACH || result == -EINVAL);
    unreachable.family = 77;
    CHECK(rim_datagram_send(ctx, post->here, &unreachable, "x", 1) == -EINVAL);
    CHECK(rim_datagram_send(ctx, post->here, NULL, NULL, 1) == -EINVAL);
    CHECK(rim_address_parse("::1", 9, &unreachable) == 0);
    result = rim_datagram_send(ctx, post->here, &unreachable, "x", 1); /* an IPv4 socket */
    CHECK(result == -EAFNOSUPPORT || result == -ENETUNREACH);
    finish(ctx, post);
    return RIM_DONE;
}

static const rim_behaviour refuser = {.name = "refuser", .state_size = sizeof(struct post *), .init = refuse_init};

void datagram_that_cannot_be_sent_says_why(struct scenario *s) {
    static struct post post;
    post = (struct post){.is_over = false};
    run_post(s, &refuser, &post);
}
