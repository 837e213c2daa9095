/* SPDX-License-Identifier: MIT */
#include "ask.h"

#include <string.h>

#include "connection.h"

#define WHOLE_FROM 65536u /* so large a request is not copied on its way to the keeper */

/* Arguments from .. to, the first of which is a key, to its keeper. */
static void ask(struct call *call, uint64_t target, uint32_t from, uint32_t to) {
    struct question question = {.target = target, .command = call->command, .count = to - from + 1};
    question.hash = server_hash(call->c->server, call_arg(call, from));
    question.to = server_keeper(call->c->server, question.hash);
    question.args = resp_raw(call->args, from, to);
    call->asked = true;
    bool whole = from == 1 && to == call->count - 1 && call->args->line == NULL && call->c->step == 0;
    if (whole && question.args.size >= WHOLE_FROM) {
        connection_ask_whole(call->c, target, question.to);
    } else {
        connection_ask(call->c, &question);
    }
}

bool ask_key(struct call *call) {
    ask(call, target_place(call->place), 1, call->count - 1);
    return true;
}

bool ask_object(struct call *call) {
    if (!text_is(call_arg(call, 1), "encoding")) {
        reply_unknown_subcommand(&call->out, "OBJECT", call_arg(call, 1));
    } else if (call->count != 3) {
        reply_wrong_arity(&call->out, "object|encoding");
    } else {
        ask(call, target_place(call->place), 2, 2);
    }
    return true;
}

/* A reply of its own for each key, behind the head of the array: the pipeline puts them in order. */
bool ask_each(struct call *call) {
    reply_array(&call->out, call->count - 1);
    for (uint32_t i = 1; i < call->count; i++) {
        rim_pipeline_place place = rim_pipeline_reserve(call->c->ctx, &call->c->pipeline, call_arg(call, i).size);
        call->c->failed |= place == 0;
        ask(call, target_place(place), i, i);
    }
    call->asked = false; /* the head is there */
    return true;
}

/* ---- gathers ---- */

struct gather *gather_begin(struct call *call, void (*take)(struct gather *, struct resp_out *, struct text),
                            void (*finish)(struct gather *, struct resp_out *)) {
    struct gather *gather = rim_alloc(call->c->ctx, sizeof *gather);
    call->c->failed |= gather == NULL;
    call->asked = true;
    if (gather != NULL) {
        *gather = (struct gather){.c = call->c, .place = call->place, .take = take, .finish = finish};
        gather->version = call->c->version;
    }
    return gather;
}

static void take(struct gather *gather, struct text answer) {
    struct resp_out text = {.ctx = gather->c->ctx, .text = gather->text};
    int64_t number;
    if (gather->failed) {
        return;
    }
    if (answer.at[0] == '-') {
        gather->failed = true;
        text.text.size = 0;
        reply_raw(&text, answer.at, answer.size);
    } else if (gather->take != NULL) {
        gather->take(gather, &text, answer);
    } else if (text_number((struct text){answer.at + 1, answer.size - 3}, &number)) {
        gather->sum += number;
    }
    gather->text = text.text;
    gather->c->failed |= text.text.failed;
}

void gather_take(struct gather *gather, struct text answer) {
    struct connection *c = gather->c;
    struct resp_out out = {.ctx = c->ctx, .version = gather->version};
    take(gather, answer);
    if (--gather->pending > 0) {
        return;
    }
    if (gather->failed && gather->place != 0) {
        reply_raw(&out, gather->text.bytes, gather->text.size);
    } else {
        gather->finish(gather, &out);
    }
    if (gather->place != 0) {
        connection_reply(c, gather->place, &out);
    }
    rim_buffer_clear(c->ctx, &gather->text);
    rim_free(c->ctx, gather);
}

void gather_ask_shards(struct call *call, struct gather *gather, const struct command *command) {
    struct question question = {.target = target_gather(gather), .command = command, .count = call->count - 1};
    if (call->count > 1) {
        question.args = resp_raw(call->args, 1, call->count - 1);
    }
    for (uint32_t i = 0; gather != NULL && i < call->c->server->shards; i++) {
        question.to = call->c->server->keepers[i];
        gather->pending++;
        connection_ask(call->c, &question);
    }
}

/* Every `step` arguments from the first on are one request. */
static void ask_parts(struct call *call, struct gather *gather, uint32_t step) {
    for (uint32_t i = 1; gather != NULL && i < call->count; i += step) {
        gather->pending++;
        ask(call, target_gather(gather), i, i + step - 1);
    }
}

static void reply_sum(struct gather *gather, struct resp_out *out) {
    reply_integer(out, gather->sum);
}

static void reply_ok(struct gather *gather UNUSED, struct resp_out *out) {
    reply_status(out, "OK");
}

bool ask_sum(struct call *call) {
    ask_parts(call, gather_begin(call, NULL, reply_sum), 1);
    return true;
}

bool ask_pairs(struct call *call) {
    if (call->count % 2 == 0) {
        reply_wrong_arity(&call->out, call->command->name);
    } else {
        ask_parts(call, gather_begin(call, NULL, reply_ok), 2);
    }
    return true;
}

bool ask_all(struct call *call) {
    gather_ask_shards(call, gather_begin(call, NULL, reply_sum), call->command);
    return true;
}

bool ask_flush(struct call *call) {
    static const char *const words[] = {"sync", "async", NULL};
    if (call->count > 2 || (call->count == 2 && text_choice(call_arg(call, 1), words) < 0)) {
        reply_error(&call->out, "%s", job_syntax);
    } else {
        gather_ask_shards(call, gather_begin(call, NULL, reply_ok), call->command);
    }
    return true;
}

/* ---- all keys ---- */

/* Reads the number on the first line of an answer, which is taken off it. */
static int64_t shift_number(struct text *answer) {
    const char *end = memchr(answer->at, '\n', answer->size);
    size_t size = (size_t)(end - answer->at) + 1;
    int64_t number = 0;
    (void)text_number((struct text){answer->at + 1, size - 3}, &number);
    *answer = (struct text){end + 1, answer->size - size};
    return number;
}

static void take_keys(struct gather *gather, struct resp_out *text, struct text answer) {
    gather->sum += shift_number(&answer);
    reply_raw(text, answer.at, answer.size);
}

static void reply_keys(struct gather *gather, struct resp_out *out) {
    reply_array(out, (uint64_t)gather->sum);
    reply_raw(out, gather->text.bytes, gather->text.size);
}

bool ask_keys(struct call *call) {
    gather_ask_shards(call, gather_begin(call, take_keys, reply_keys), call->command);
    return true;
}

/* Each shard says how many keys it has and offers one: which is kept depends on how many stand behind it. */
static void take_random(struct gather *gather, struct resp_out *text, struct text answer) {
    int64_t keys = shift_number(&answer);
    gather->sum += keys;
    if (keys > 0 && rim_random(text->ctx) % (uint64_t)gather->sum < (uint64_t)keys) {
        text->text.size = 0;
        reply_raw(text, answer.at, answer.size);
    }
}

static void reply_random(struct gather *gather, struct resp_out *out) {
    gather->sum > 0 ? reply_raw(out, gather->text.bytes, gather->text.size) : reply_null(out);
}

bool ask_random(struct call *call) {
    gather_ask_shards(call, gather_begin(call, take_random, reply_random), call->command);
    return true;
}

bool ask_cursor(struct text text, uint64_t *cursor) {
    *cursor = 0;
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)(text.at[i] - '0');
        if (digit > 9 || __builtin_mul_overflow(*cursor, 10u, cursor) ||
            __builtin_add_overflow(*cursor, digit, cursor)) {
            return false;
        }
    }
    return true;
}

bool ask_scan(struct call *call) {
    const struct server *server = call->c->server;
    struct question question = {.target = target_place(call->place),
                                .command = call->command,
                                .count = call->count - 1};
    uint64_t cursor;
    if (!ask_cursor(call_arg(call, 1), &cursor)) {
        reply_error(&call->out, "invalid cursor");
        return true;
    }
    cursor /= STORE_PARTITIONS;
    question.to = server->keepers[cursor < server->shards ? cursor : server->shards - 1];
    question.args = resp_raw(call->args, 1, call->count - 1);
    call->asked = true;
    connection_ask(call->c, &question);
    return true;
}

/* ---- commands in steps: run again when the answers to a step are there, as step_sum and step_text ---- */

static void take_text(struct gather *gather UNUSED, struct resp_out *text, struct text answer) {
    reply_raw(text, answer.at, answer.size);
}

static void end_step(struct gather *gather, struct resp_out *out UNUSED) {
    struct connection *c = gather->c;
    c->awaiting_step = false;
    c->step++;
    c->step_sum = gather->sum;
    if (gather->text.size > 0 && !gather->failed) { /* else that of the step before is kept */
        rim_buffer_clear(c->ctx, &c->step_text);
        c->step_text = gather->text;
        gather->text = (rim_buffer){0};
    }
}

static struct gather *begin_step(struct call *call,
                                 void (*take_answer)(struct gather *, struct resp_out *, struct text)) {
    struct gather *gather = gather_begin(call, take_answer, end_step);
    if (gather != NULL) {
        gather->place = 0;
    }
    call->asked = false;
    return gather;
}

bool ask_pairs_if_new(struct call *call) {
    struct connection *c = call->c;
    if (call->count % 2 == 0) {
        reply_wrong_arity(&call->out, call->command->name);
        return true;
    }
    if (c->step == 2 || (c->step == 1 && c->step_sum > 0)) {
        reply_integer(&call->out, c->step == 2);
        return true;
    }
    struct gather *gather = begin_step(call, NULL);
    struct call look = *call;
    look.command = command_find(&c->server->commands, text_of("exists"));
    for (uint32_t i = 1; c->step == 0 && gather != NULL && i < call->count; i += 2) {
        gather->pending++;
        ask(&look, target_gather(gather), i, i);
    }
    if (c->step == 1) {
        ask_parts(call, gather, 2);
    }
    return false;
}

/* Asks for a step of RENAME, from or to the key that is argument `i`, with the value that was taken before. */
static void ask_move(struct call *call, const struct command *command, uint32_t i, bool only_new) {
    static const char nx[] = "$2\r\nnx\r\n";
    struct connection *c = call->c;
    struct gather *gather = begin_step(call, command == &command_take ? take_text : NULL);
    struct text key = resp_raw(call->args, i, i);
    struct resp_out args = {.ctx = c->ctx};
    struct question question = {.target = target_gather(gather), .command = command, .count = 1};
    question.hash = server_hash(c->server, call_arg(call, i));
    question.to = server_keeper(c->server, question.hash);
    reply_raw(&args, key.at, key.size);
    if (command == &command_give) {
        reply_raw(&args, c->step_text.bytes, c->step_text.size);
        reply_raw(&args, nx, only_new ? sizeof nx - 1 : 0);
        question.count = only_new ? 5 : 4;
    }
    question.args = resp_text(&args);
    c->failed |= args.text.failed;
    if (gather != NULL && !c->failed) {
        gather->pending = 1;
        connection_ask(c, &question);
    }
    rim_buffer_clear(c->ctx, &args.text);
}

/* Takes the value, gives it to the new key, and if that does not want it gives it back. False: there are more steps. */
static bool move(struct call *call, bool only_new) {
    struct connection *c = call->c;
    bool is_there = c->step_text.size > 5; /* else it is a null */
    if (c->step == 0) {
        ask_move(call, &command_take, 1, false);
    } else if (c->step == 1 && is_there) {
        ask_move(call, &command_give, 2, only_new);
    } else if (c->step == 2 && c->step_sum == 0) {
        ask_move(call, &command_give, 1, true);
    } else if (c->step == 1) {
        reply_error(&call->out, "no such key");
        return true;
    } else if (only_new) {
        reply_integer(&call->out, c->step == 2);
        return true;
    } else {
        c->step == 2 ? reply_status(&call->out, "OK") : reply_error(&call->out, "out of memory");
        return true;
    }
    return false;
}

bool ask_rename(struct call *call) {
    const struct server *server = call->c->server;
    rim_ref from = server_keeper(server, server_hash(server, call_arg(call, 1)));
    rim_ref to = server_keeper(server, server_hash(server, call_arg(call, 2)));
    if (from == to) {
        ask(call, target_place(call->place), 1, 2);
        return true;
    }
    bool done = move(call, call->command->form == 1);
    if (done) {
        rim_buffer_clear(call->c->ctx, &call->c->step_text);
    }
    return done;
}
