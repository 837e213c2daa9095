/* SPDX-License-Identifier: MIT */
/* Descriptors that travel over Unix sockets: taken, not taken, too many, to nobody. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "socket_world.h"

#define CHECK(expression) SCENARIO_CHECK(scenario_current(), expression)

#define PIPES 3

struct gift {
    uint32_t allowed; /* descriptors that the receiver takes */
    uint32_t sent;
    rim_ref here, there;
    int ends[PIPES][2]; /* the second of each is sent, and closed here */
    bool is_over;
};

static struct gift *gift_of(void *self) {
    return *(struct gift **)self;
}

static struct gift *begin(void *self, const void *arg) {
    struct gift *gift = socket_world_of(arg);
    *(struct gift **)self = gift;
    for (int i = 0; i < PIPES; i++) {
        CHECK(pipe2(gift->ends[i], O_CLOEXEC | O_NONBLOCK) == 0);
    }
    return gift;
}

static void name_socket(char host[64], const char *what) {
    snprintf(host, 64, "unix:@ringmail-%d-%s", (int)getpid(), what);
}

static void give_away(struct gift *gift) {
    for (int i = 0; i < PIPES; i++) {
        close(gift->ends[i][1]);
    }
}

/* Whether all that writes into this pipe is closed. */
static bool is_closed(const struct gift *gift, int pipe) {
    char byte;
    return read(gift->ends[pipe][0], &byte, 1) == 0;
}

static bool says(const struct gift *gift, int pipe, char what) {
    char byte = 0;
    return read(gift->ends[pipe][0], &byte, 1) == 1 && byte == what;
}

/* What came with a message: the first is taken and used, the others are left. */
static void unpack(const struct gift *gift, rim_msg *msg) {
    uint32_t count = gift->sent < gift->allowed ? gift->sent : gift->allowed;
    CHECK(rim_passed_count(msg) == count);
    CHECK(rim_passed_is_cut(msg) == (gift->allowed > 0 && gift->sent > gift->allowed));
    CHECK(rim_passed_take(msg, count) == -EBADF);
    if (count > 0) {
        int fd = rim_passed_take(msg, 0);
        CHECK(fd >= 0 && rim_passed_take(msg, 0) == -EBADF && rim_passed_count(msg) == count);
        CHECK((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
        CHECK(write(fd, "!", 1) == 1 && says(gift, 0, '!'));
        close(fd);
    }
}

/* After the message is gone. */
static rim_verdict on_timer(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct gift *gift = gift_of(self);
    (void)body;
    (void)msg;
    for (int i = 0; i < PIPES; i++) {
        if (!is_closed(gift, i)) { /* another shard has not come to it as yet */
            CHECK(rim_after(ctx, RIM_MS(1), 0) != 0);
            return RIM_DONE;
        }
    }
    gift->is_over = true;
    scenario_done(ctx);
    return RIM_DONE;
}

#define BEHAVIOUR(id, init_fn, ...)                                                                                    \
    static const rim_handler id##_rows[] = {__VA_ARGS__, [RIM_TIMER] = on_timer};                                      \
    static const rim_behaviour id = {                                                                                  \
        .name = #id,                                                                                                   \
        .state_size = sizeof(struct gift *),                                                                           \
        .on = id##_rows,                                                                                               \
        .on_count = RIM_COUNT(id##_rows),                                                                              \
        .init = init_fn,                                                                                               \
    }

static void pass(struct scenario *s, const rim_behaviour *boss, struct gift *gift) {
    socket_world_run(s, boss, gift);
    SCENARIO_CHECK(s, gift->is_over);
    SCENARIO_CHECK(s, scenario_stop(s, RIM_SECONDS(5), NULL) == 0);
    for (int i = 0; i < PIPES; i++) {
        close(gift->ends[i][0]); /* who takes reads them on another shard, maybe */
    }
}

/* ---- datagrams ---- */

static rim_verdict letter_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct gift *gift = begin(self, arg);
    char host[64];
    (void)size;
    name_socket(host, "letter");
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.host = host, .descriptors = gift->allowed}, &gift->here) ==
          0);
    CHECK(rim_datagram_open(ctx, &(rim_datagram_options){.peer = host}, &gift->there) == 0);
    int descriptors[PIPES] = {gift->ends[0][1], gift->ends[1][1], gift->ends[2][1]};
    rim_datagram_letter letters[] = {
        {.bytes = "before", .size = 6},
        {.bytes = "with", .size = 4, .descriptors = descriptors, .descriptor_count = gift->sent},
        {.bytes = "after!", .size = 6},
    };
    CHECK(rim_datagram_send_many(ctx, gift->there, letters, RIM_COUNT(letters), NULL) == 0);
    letters[1].descriptors = (int[]){-1};
    letters[1].descriptor_count = 1;
    CHECK(rim_datagram_send_many(ctx, gift->there, &letters[1], 1, NULL) == -EBADF);
    give_away(gift);
    return RIM_DONE;
}

static rim_verdict letter_datagram(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct gift *gift = gift_of(self);
    const rim_datagram_event *event = body;
    CHECK(event->error == 0);
    if (event->size == 6) {
        CHECK(rim_passed_count(msg) == 0 && !rim_passed_is_cut(msg) && rim_passed_take(msg, 0) == -EBADF);
        return RIM_DONE;
    }
    CHECK(event->size == 4 && memcmp(rim_datagram_bytes(event), "with", 4) == 0);
    unpack(gift, msg);
    CHECK(rim_after(ctx, RIM_MS(1), 0) != 0);
    return RIM_DONE;
}

BEHAVIOUR(letter, letter_init, [RIM_DATAGRAM] = letter_datagram);

void passing_with_a_datagram(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = RIM_PASSING_MAX, .sent = PIPES};
    pass(s, &letter, &gift);
}

void passing_more_than_are_taken_closes_the_others_and_says_so(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = 1, .sent = PIPES};
    pass(s, &letter, &gift);
}

void passing_to_a_socket_that_takes_none_closes_them(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = 0, .sent = PIPES};
    pass(s, &letter, &gift);
}

/* Where datagrams may be larger than receive buffers they are received by another way. */
void passing_with_a_datagram_into_memory_of_its_own(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = 2, .sent = 2};
    scenario_system_with(s, &(rim_config){.shards = 1, .buffer_bytes = 1024});
    pass(s, &letter, &gift);
}

/* ---- streams ---- */

static rim_verdict taker_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const rim_connection *connection = arg;
    (void)ctx;
    (void)size;
    *(struct gift **)self = (struct gift *)(uintptr_t)connection->arg;
    return RIM_DONE;
}

/* "a", then "b..." with the descriptors, then "c": those that belong to the "b" come with it, maybe behind the "a". */
static rim_verdict taker_data(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct gift *gift = gift_of(self);
    const char *bytes = body;
    bool has_gift = memchr(bytes, 'b', rim_size(msg)) != NULL;
    if (has_gift) {
        unpack(gift, msg);
    } else {
        CHECK(rim_passed_count(msg) == 0);
    }
    if (memchr(bytes, 'c', rim_size(msg)) != NULL) {
        return rim_socket_close(ctx, rim_from(msg)) == 0 ? RIM_DONE : RIM_FAIL;
    }
    return RIM_DONE;
}

static const rim_handler taker_rows[] = {[RIM_SOCKET_DATA] = taker_data};
static const rim_behaviour taker = {
    .name = "taker",
    .state_size = sizeof(struct gift *),
    .on = taker_rows,
    .on_count = RIM_COUNT(taker_rows),
    .init = taker_init,
};

static rim_verdict giver_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct gift *gift = begin(self, arg);
    char host[64];
    (void)size;
    name_socket(host, "stream");
    rim_listen_options options = {.host = host, .owner = &taker, .arg = gift, .socket = {.descriptors = gift->allowed}};
    CHECK(rim_listen(ctx, &options, &gift->here) == 0);
    return RIM_DONE;
}

static rim_verdict giver_listening(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    char host[64];
    (void)self;
    (void)body;
    (void)msg;
    name_socket(host, "stream");
    rim_connect_options options = {.host = host, .timeout_ns = RIM_SECONDS(5)};
    CHECK(rim_connect(ctx, &options, NULL) == 0);
    return RIM_DONE;
}

static void give(rim_ctx *ctx, const struct gift *gift, rim_ref socket) {
    static char large[20000] = {'b'};
    const int descriptors[PIPES] = {gift->ends[0][1], gift->ends[1][1], gift->ends[2][1]};
    CHECK(rim_socket_write(ctx, socket, "a", 1) == 0);
    CHECK(rim_socket_write_with(ctx, socket, large, sizeof large, descriptors, gift->sent) == 0);
    CHECK(rim_socket_write(ctx, socket, "c", 1) == 0);
}

static rim_verdict giver_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct gift *gift = gift_of(self);
    const rim_open_event *event = body;
    const int one[] = {gift->ends[0][1]};
    const int bad[] = {-1};
    (void)msg;
    CHECK(rim_socket_write_with(ctx, event->socket, "b", 1, bad, 1) == -EBADF);
    CHECK(rim_socket_write_with(ctx, event->socket, "b", 0, one, 1) == -EINVAL);
    CHECK(rim_socket_write_with(ctx, event->socket, "b", 1, one, 0) == -EINVAL);
    CHECK(rim_socket_write_with(ctx, event->socket, "b", 1, NULL, 1) == -EINVAL);
    CHECK(rim_socket_write_with(ctx, event->socket, "b", 1, one, RIM_PASSING_MAX + 1) == -EINVAL);
    CHECK(rim_socket_write_with(ctx, RIM_NIL, "b", 1, one, 1) == -RIM_EBADREF);
    give(ctx, gift, event->socket);
    give_away(gift);
    return RIM_DONE;
}

static rim_verdict giver_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const struct gift *gift = gift_of(self);
    const rim_closed_event *event = body;
    (void)msg;
    CHECK(event->error == 0 && event->unwritten == 0);
    CHECK(rim_stop(ctx, gift->here) == 0);
    CHECK(rim_after(ctx, RIM_MS(1), 0) != 0);
    return RIM_DONE;
}

BEHAVIOUR(
    giver,
    giver_init, [RIM_LISTENING] = giver_listening, [RIM_SOCKET_OPEN] = giver_open, [RIM_SOCKET_CLOSED] = giver_closed);

void passing_with_the_bytes_of_a_stream(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = RIM_PASSING_MAX, .sent = PIPES};
    pass(s, &giver, &gift);
}

void passing_more_than_a_stream_takes_closes_the_others(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = 2, .sent = PIPES};
    pass(s, &giver, &gift);
}

void passing_to_a_stream_that_takes_none_closes_them(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = 0, .sent = PIPES};
    pass(s, &giver, &gift);
}

/* ---- from another shard ---- */

struct errand {
    struct gift *gift;
    rim_ref socket;
};

static rim_verdict far_giver_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct errand errand;
    (void)self;
    CHECK(size == sizeof errand);
    memcpy(&errand, arg, sizeof errand);
    CHECK(rim_shard_index(ctx) != rim_shard_of(errand.socket));
    give(ctx, errand.gift, errand.socket);
    give_away(errand.gift);
    return RIM_STOP;
}

static const rim_behaviour far_giver = {.name = "far giver", .init = far_giver_init};

static rim_verdict sender_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    const rim_open_event *event = body;
    const struct errand errand = {.gift = gift_of(self), .socket = event->socket};
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = !rim_shard_index(ctx)};
    rim_ref ignored;
    (void)msg;
    CHECK(rim_spawn(ctx, &far_giver, &options, &errand, sizeof errand, &ignored) == 0);
    return RIM_DONE;
}

BEHAVIOUR(
    sender,
    giver_init, [RIM_LISTENING] = giver_listening, [RIM_SOCKET_OPEN] = sender_open, [RIM_SOCKET_CLOSED] = giver_closed);

void passing_from_another_shard(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = RIM_PASSING_MAX, .sent = PIPES};
    scenario_open_lanes(s);
    pass(s, &sender, &gift);
}

/* ---- never sent, never handled ---- */

static rim_verdict fickle_open(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    struct gift *gift = gift_of(self);
    const rim_open_event *event = body;
    (void)msg;
    give(ctx, gift, event->socket);
    give_away(gift);
    CHECK(rim_socket_abort(ctx, event->socket) == 0);
    return RIM_DONE;
}

static rim_verdict fickle_closed(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    (void)body;
    (void)msg;
    CHECK(rim_stop(ctx, gift_of(self)->here) == 0);
    CHECK(rim_after(ctx, RIM_MS(50), 0) != 0); /* the other side has ended as well, by the simulated clock at least */
    return RIM_DONE;
}

BEHAVIOUR(fickle, giver_init, [RIM_LISTENING] = giver_listening, [RIM_SOCKET_OPEN] = fickle_open,
          [RIM_SOCKET_CLOSED] = fickle_closed);

void passing_what_is_never_sent_closes_the_copies(struct scenario *s) {
    static struct gift gift;
    gift = (struct gift){.allowed = RIM_PASSING_MAX, .sent = PIPES};
    pass(s, &fickle, &gift);
}

/* ---- not over TCP ---- */

static rim_verdict wrong_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    const int one[] = {0};
    (void)self;
    (void)arg;
    (void)size;
    rim_ref socket = socket_world_connect(ctx, scenario_current(), "127.0.0.1", 1);
    CHECK(rim_socket_write_with(ctx, socket, "x", 1, one, 1) == -EOPNOTSUPP);
    rim_listen_options options = {.host = "127.0.0.1", .owner = &taker, .socket = {.descriptors = RIM_PASSING_MAX + 1}};
    CHECK(rim_listen(ctx, &options, NULL) == -EINVAL);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour wrong = {.name = "wrong", .init = wrong_init};

void passing_is_of_unix_sockets_alone(struct scenario *s) {
    socket_world_run(s, &wrong, s);
}
