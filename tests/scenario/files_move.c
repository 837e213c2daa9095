/* SPDX-License-Identifier: MIT */
/* Files as wholes: replaced, copied, sent to a socket. */
#define _GNU_SOURCE
#include <fcntl.h>

#include "file_play.h"
#include "socket_world.h"

#define BIG  (700u << 10)
#define MUCH (3u << 20) /* the default of mailboxes is 1 MiB */

struct move {
    struct scenario *s;
    rim_ref from, to, listener, owner, socket;
    uint64_t received, length, offset;
    unsigned step;
    bool sent, ended;
    char path[128], other[128];
};
static struct move move;

static rim_file_ask ask_of(rim_ref file, uint64_t offset, rim_outcome on_outcome, uint64_t cookie) {
    return (rim_file_ask){
        .file = file, .offset = offset, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome, .cookie = cookie};
}

static rim_ref open_file(rim_ctx *ctx, const char *path, int flags) {
    rim_ref file = RIM_NIL;
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = path, .flags = flags}, &file) == 0);
    return file;
}

ROLE_OUTCOME(is_fine) {
    CHECK(error == 0);
    return RIM_DONE;
}

/* Makes the file to be moved, of socket_world_byte. */
static rim_ref make_big(rim_ctx *ctx) {
    rim_ref file = open_file(ctx, move.path, O_RDWR | O_CREAT | O_TRUNC);
    rim_msg *msg = rim_file_buffer(ctx, BIG);
    uint8_t *bytes = rim_file_bytes(msg);
    for (uint32_t i = 0; i < BIG; i++) {
        bytes[i] = socket_world_byte(i);
    }
    rim_file_ask ask = ask_of(file, 0, is_fine, 0);
    CHECK(rim_file_write_buffer(ctx, &ask, msg, NULL) == 0);
    return file;
}

static void prepare(struct scenario *s) {
    move = (struct move){.s = s};
    file_path(s, "moved", move.path);
    file_path(s, "other", move.other);
    scenario_open_lanes(s);
    (void)scenario_system(s);
}

static void run(struct scenario *s, const rim_behaviour *behaviour) {
    prepare(s);
    role_go(s, role_spawn(s, behaviour, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

/* ---- replaced ---- */

static void replace(rim_ctx *ctx, const char *path, const char *text, rim_outcome on_outcome) {
    rim_file_replacement replacement = {.path = path, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
    CHECK(rim_file_replace(ctx, &replacement, text, strlen(text), NULL) == 0);
}

static void read_all(rim_ctx *ctx, rim_ref file, rim_outcome on_outcome) {
    rim_file_ask ask = ask_of(file, 0, on_outcome, 0);
    CHECK(rim_file_read(ctx, &ask, 100, NULL) == 0);
}

ROLE_OUTCOME(new_has_all) {
    CHECK(error == 0 && rim_size(msg) == 6 && memcmp(body, "second", 6) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

/* Who had it open still reads what it opened. */
ROLE_OUTCOME(old_is_whole) {
    CHECK(error == 0 && rim_size(msg) == 5 && memcmp(body, "first", 5) == 0);
    read_all(ctx, open_file(ctx, move.path, O_RDONLY), new_has_all);
    return RIM_DONE;
}

ROLE_OUTCOME(replaced_twice) {
    CHECK(error == 0 && ((const rim_file_result *)body)->bytes == 6);
    read_all(ctx, move.from, old_is_whole);
    return RIM_DONE;
}

ROLE_OUTCOME(replaced_once) {
    CHECK(error == 0 && ((const rim_file_result *)body)->bytes == 5);
    move.from = open_file(ctx, move.path, O_RDONLY);
    return RIM_DONE;
}

ROLE_ON(replacer_go) {
    replace(ctx, move.path, "first", replaced_once);
    return RIM_DONE;
}

ROLE_ON(replacer_open) {
    if (move.step++ == 0) {
        replace(ctx, move.path, "second", replaced_twice);
    }
    return RIM_DONE;
}
static const rim_handler replacer_on[] = {[GO] = replacer_go, [RIM_FILE_OPEN] = replacer_open};
ROLE(file_replacer, replacer_on);

void file_is_replaced_in_one_step(struct scenario *s) {
    run(s, &file_replacer);
}

ROLE_OUTCOME(replaced_by_much) {
    CHECK(error == 0 && ((const rim_file_result *)body)->bytes == MUCH);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(much_go) {
    static char bytes[MUCH];
    rim_file_replacement replacement = {.path = move.path, .timeout_ns = FILE_LIMIT_NS, .on_outcome = replaced_by_much};
    CHECK(rim_file_replace(ctx, &replacement, bytes, MUCH, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler much_on[] = {[GO] = much_go};
ROLE(file_much, much_on);

void file_is_replaced_by_more_than_a_mailbox_takes(struct scenario *s) {
    run(s, &file_much);
}

ROLE_OUTCOME(not_replaced) {
    CHECK(error == -ENOENT);
    CHECK(strcmp(rim_error_text(ctx), "replace /no/such/folder/file: no such file or directory") == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(unreplacer_go) {
    rim_file_replacement none = {.timeout_ns = FILE_LIMIT_NS, .on_outcome = not_replaced};
    CHECK(rim_file_replace(ctx, &none, "x", 1, NULL) == -EINVAL);
    CHECK(rim_file_replace(ctx, NULL, "x", 1, NULL) == -EINVAL);
    none.path = "/no/such/folder/file";
    none.timeout_ns = 0;
    CHECK(rim_file_replace(ctx, &none, "x", 1, NULL) == -EINVAL);
    if (scenario_is_sim(move.s)) { /* where any folder is there */
        scenario_done(ctx);
        return RIM_DONE;
    }
    replace(ctx, "/no/such/folder/file", "x", not_replaced);
    return RIM_DONE;
}
static const rim_handler unreplacer_on[] = {[GO] = unreplacer_go};
ROLE(file_unreplacer, unreplacer_on);

void file_that_cannot_be_replaced_says_so(struct scenario *s) {
    run(s, &file_unreplacer);
}

/* ---- copied ---- */

ROLE_OUTCOME(copy_is_right) {
    CHECK(error == 0 && rim_size(msg) == BIG - 1000);
    CHECK(error != 0 || socket_world_is((const char *)body + 5, BIG - 1005, 1000));
    CHECK(error != 0 || memcmp(body, "\0\0\0\0\0", 5) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(copied) {
    const rim_file_result *result = body;
    CHECK(error == 0 && result->offset == 1000 && result->bytes == BIG - 1000);
    rim_file_ask ask = ask_of(move.to, 0, copy_is_right, 0);
    CHECK(rim_file_read(ctx, &ask, BIG - 1000, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(copier_go) {
    move.from = make_big(ctx);
    move.to = open_file(ctx, move.other, O_RDWR | O_CREAT | O_TRUNC);
    rim_file_ask ask = ask_of(move.from, 1000, copied, 0);
    CHECK(rim_file_copy(ctx, &ask, move.to, 5, UINT64_MAX, NULL) == 0);
    ask.offset = RIM_FILE_HERE;
    CHECK(rim_file_copy(ctx, &ask, move.to, 5, 1, NULL) == -EINVAL);
    ask = ask_of(move.from, 0, copied, 0);
    CHECK(rim_file_copy(ctx, &ask, move.to, 5, 0, NULL) == -EINVAL);
    return RIM_DONE;
}
static const rim_handler copier_on[] = {[GO] = copier_go};
ROLE(file_copier, copier_on);

void file_is_copied_to_another(struct scenario *s) {
    run(s, &file_copier);
}

ROLE_OUTCOME(copy_failed) {
    CHECK(error == -ENOSPC && strstr(rim_error_text(ctx), "/dev/full: no space left") != NULL);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(full_copier_go) {
    move.from = make_big(ctx);
    move.to = open_file(ctx, "/dev/full", O_WRONLY);
    rim_file_ask ask = ask_of(move.from, 0, copy_failed, 0);
    CHECK(rim_file_copy(ctx, &ask, move.to, 0, BIG, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler full_copier_on[] = {[GO] = full_copier_go};
ROLE(file_full_copier, full_copier_on);

void file_copy_that_fails_says_where(struct scenario *s) {
    run(s, &file_full_copier);
}

/* ---- sent: the owner of an accepted connection sends the file, the client checks it ---- */

ROLE_OUTCOME(sent) {
    const rim_file_result *result = body;
    CHECK(error == 0 && result->bytes == move.length);
    CHECK(rim_socket_close(ctx, move.socket) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(sent_in_vain) {
    CHECK(error == -RIM_EDOWN);
    move.sent = true;
    if (move.ended) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static rim_verdict sender_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    CHECK(size == sizeof(rim_connection));
    const rim_connection *connection = arg;
    move.socket = connection->socket;
    rim_file_ask ask = ask_of(move.from, move.offset, move.length == 0 ? sent_in_vain : sent, 0);
    CHECK(rim_file_send(ctx, &ask, connection->socket, move.length == 0 ? UINT64_MAX : move.length, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(sender_closed) {
    move.ended = true;
    if (move.length != 0) {
        return RIM_STOP;
    }
    if (move.sent) {
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler sender_on[] = {[RIM_SOCKET_CLOSED] = sender_closed};
static const rim_behaviour file_sender = {
    .name = "file_sender", .state_size = 8, .init = sender_init, .on = sender_on, .on_count = RIM_COUNT(sender_on)};

ROLE_ON(client_go) {
    move.from = make_big(ctx);
    move.listener = socket_world_listen(ctx, move.s, &file_sender, NULL);
    return RIM_DONE;
}

ROLE_ON(client_listening) {
    const rim_listening_event *event = body;
    move.to = socket_world_connect(ctx, move.s, "127.0.0.1", event->address.port);
    return RIM_DONE;
}

ROLE_ON(client_data) {
    CHECK(socket_world_is(body, rim_size(msg), move.offset + move.received));
    move.received += rim_size(msg);
    if (move.length == 0) {
        CHECK(rim_socket_abort(ctx, move.to) == 0);
    }
    return RIM_DONE;
}

ROLE_ON(client_closed) {
    CHECK(rim_stop(ctx, move.listener) == 0);
    if (move.length != 0) {
        CHECK(move.received == move.length);
        scenario_done(ctx);
    }
    return RIM_DONE;
}
static const rim_handler client_on[] = {[GO] = client_go,
                                        [RIM_LISTENING] = client_listening,
                                        [RIM_SOCKET_DATA] = client_data,
                                        [RIM_SOCKET_CLOSED] = client_closed};
ROLE(file_client, client_on);

static void send_part(struct scenario *s, uint64_t offset, uint64_t length) {
    prepare(s);
    move.offset = offset;
    move.length = length;
    role_go(s, role_spawn(s, &file_client, 0, (struct role_cast){.index = 0}));
    scenario_run(s, ROLE_LIMIT_NS);
}

void file_is_sent_to_a_socket(struct scenario *s) {
    send_part(s, 777, BIG - 1000);
}

void file_sent_to_a_socket_that_closes_fails(struct scenario *s) {
    send_part(s, 0, 0);
}
