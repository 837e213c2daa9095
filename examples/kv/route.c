/* SPDX-License-Identifier: MIT */
#include "server.h"

#define BATCH_BYTES     16384u /* a batch with so much takes no more */
#define REQUEST_TIMEOUT RIM_SECONDS(60)

static const char no_memory[] = "-OOM out of memory\r\n";

static void gather_take(uint64_t target, struct text answer);

/* ---- asking keepers: an answer's target is a place, or, odd, a gather ---- */

struct question {
    struct question *next;
    uint32_t shard, tag;
    rim_buffer batch;
};

static uint64_t target_place(rim_pipeline_place place) {
    return place << 1;
}

static rim_verdict on_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg);

bool route_flush(struct connection *c) {
    while (c->questions != NULL) {
        struct question *question = c->questions;
        rim_ask ask = {
            .to = c->server->keepers[question->shard],
            .tag = question->tag,
            .body = question->batch.bytes,
            .size = question->batch.size,
            .timeout_ns = REQUEST_TIMEOUT,
            .on_outcome = on_answers,
        };
        int error = rim_request(c->ctx, &ask, NULL);
        if (error == -RIM_EFULL && rim_want_room(c->ctx, ask.to) == 0) {
            return false;
        }
        c->failed |= error != 0;
        c->questions = question->next;
        rim_buffer_clear(c->ctx, &question->batch);
        rim_free(c->ctx, question);
    }
    return true;
}

/* The last question to a shard if it takes one request more, or another. NULL without memory. */
static struct question *open_question(struct connection *c, uint32_t shard) {
    struct question *found = NULL, **at = &c->questions;
    uint32_t tag = KEEPER_BATCH + c->out.version;
    for (; *at != NULL; at = &(*at)->next) {
        found = (*at)->shard == shard ? *at : found;
    }
    if (found != NULL && found->tag == tag && found->batch.size < BATCH_BYTES) {
        return found;
    }
    *at = rim_alloc(c->ctx, sizeof **at);
    if (*at != NULL) {
        **at = (struct question){.shard = shard, .tag = tag};
    }
    return *at;
}

static void take_answer(struct connection *c, uint64_t target, struct text text) {
    target & 1 ? gather_take(target, text) : connection_write(c, target >> 1, text, NULL);
}

/* Asks a shard to do what is written as a request in `sent`, or, if that is empty, as arguments. */
static void ask_keeper(struct connection *c, uint64_t target, uint32_t shard, const struct call *call) {
    struct question *question = open_question(c, shard);
    size_t size = question != NULL ? question->batch.size : 0;
    if (question != NULL) {
        struct reply text = {.ctx = c->ctx, .text = question->batch};
        struct asked asked = {target, call->key.hash, call->command};
        reply_raw(&text, (struct text){(const char *)&asked, sizeof asked});
        if (call->sent.size > 0 && call->sent.at[0] == '*') {
            reply_raw(&text, call->sent);
        } else {
            reply_request(&text, call->args, call->count);
        }
        question->batch = text.text;
    }
    if (question != NULL && question->batch.failed) {
        question->batch.size = size;
        question->batch.failed = false; /* what was there before is still whole */
        take_answer(c, target, text_of(no_memory));
    }
    c->failed |= question == NULL;
}

/* Has a shard run a command: here at once, elsewhere by a message. */
static void ask(struct connection *c, uint64_t target, uint32_t shard, const struct text *args, uint32_t count) {
    struct call call = {.server = c->server, .shard = c->shard, .args = args, .count = count};
    command_find_for(&call);
    if (c->server->shards[shard] != c->shard) {
        ask_keeper(c, target, shard, &call);
        return;
    }
    command_run(&call, &c->out);
    target & 1 ? gather_take(target, reply_text(&c->out)) : connection_reply(c, target >> 1, &c->out);
}

void route_forward(struct call *call, uint32_t shard) {
    call->asked = true;
    ask_keeper(call->c, target_place(call->place), shard, call);
}

/* ---- answers ---- */

static void take_part(struct connection *c, uint64_t target, const char *bytes, rim_msg *answers) {
    struct part part;
    memcpy(&part, bytes, sizeof part);
    rim_msg *value = rim_msg_view(c->ctx, RIM_USER, part.bytes.at, part.bytes.size, answers);
    c->failed |= value == NULL;
    connection_write(c, target >> 1, (struct text){NULL, 0}, value);
}

static rim_verdict on_answers(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                              rim_msg *msg) {
    struct connection *c = state;
    struct answer answer;
    size_t size = error == 0 ? rim_size(msg) : 0;
    rim_msg *kept = NULL; /* while there are parts */
    c->ctx = c->out.ctx = ctx;
    c->failed |= error != 0;
    for (size_t at = 0; at < size && !c->failed; at += sizeof answer + answer.size) {
        memcpy(&answer, (const char *)body + at, sizeof answer);
        uint64_t target = answer.target;
        if (answer.is_part && kept == NULL) {
            kept = rim_take(ctx, msg);
            c->failed |= kept == NULL;
            body = kept != NULL ? rim_body(kept) : body;
        }
        const char *bytes = (const char *)body + at + sizeof answer;
        if (answer.is_part) {
            take_part(c, target, bytes, kept);
        } else {
            take_answer(c, target, (struct text){bytes, answer.size});
        }
    }
    rim_msg_free(ctx, kept);
    return connection_go_on(c, NULL, 0);
}

/* ---- gathers ---- */

/* NULL without memory: the connection has failed. */
static struct gather *gather_begin(struct call *call) {
    struct connection *c = call->c;
    struct gather *gather = rim_alloc(c->ctx, sizeof *gather);
    c->failed |= gather == NULL;
    call->asked = true;
    if (gather != NULL) {
        *gather = (struct gather){.c = c, .command = call->command, .place = call->place, .pending = 1};
        gather->version = c->out.version;
    }
    return gather;
}

static void gather_finish(struct gather *gather) {
    struct connection *c = gather->c;
    struct reply out = {.ctx = c->ctx, .version = gather->version};
    if (gather->failed) {
        reply_raw(&out, (struct text){gather->text.bytes, gather->text.size});
    } else {
        gather->command->merge(gather, &out);
    }
    connection_reply(c, gather->place, &out);
    c->in_steps = c->in_steps && gather->request.size == 0;
    rim_buffer_clear(c->ctx, &out.text);
    rim_buffer_clear(c->ctx, &gather->text);
    rim_buffer_clear(c->ctx, &gather->request);
    rim_free(c->ctx, gather);
}

/* One of what was pending is not any more. The gather may be gone then. */
static void gather_end(struct gather *gather) {
    void (*next)(struct gather *) = gather->failed ? NULL : gather->next;
    if (--gather->pending == 0) {
        gather->next = NULL;
        gather->pending = next != NULL;
        (next != NULL ? next : gather_finish)(gather);
    }
}

static void gather_take(uint64_t target, struct text answer) {
    struct gather *gather = (struct gather *)(uintptr_t)(target - 1);
    struct connection *c = gather->c;
    const char *end = memchr(answer.at, '\r', answer.size);
    size_t head = end != NULL ? (size_t)(end - answer.at) : 0;
    bool failed = answer.at[0] == '-';
    int64_t number;
    if (!gather->failed && !failed && text_number((struct text){answer.at + 1, head - 1}, &number)) {
        gather->sum += number;
    }
    if (!gather->failed) {
        gather->text.size = failed ? 0 : gather->text.size;
        head = failed ? 0 : head + 2;
        (void)rim_buffer_add(c->ctx, &gather->text, answer.at + head, answer.size - head);
    }
    gather->failed |= failed;
    if (gather->text.failed) {
        gather->failed = true;
        rim_buffer_clear(c->ctx, &gather->text);
        (void)rim_buffer_add(c->ctx, &gather->text, no_memory, sizeof no_memory - 1);
    }
    c->out.text.size = 0; /* which may be where the answer was: the next one is written there */
    gather_end(gather);
}

static void gather_ask(struct gather *gather, uint32_t shard, const struct text *args, uint32_t count) {
    gather->pending++;
    ask(gather->c, (uintptr_t)gather | 1, shard, args, count);
}

static void ask_all(struct call *call) {
    struct gather *gather = gather_begin(call);
    for (uint32_t i = 0; gather != NULL && i < call->server->count; i++) {
        gather_ask(gather, i, call->args, call->count);
    }
    if (gather != NULL) {
        gather_end(gather);
    }
}

/* Asks each shard for its part: of every `step` arguments from the first key on, the first `take`. */
static void split(struct gather *gather, const struct text *args, uint32_t count, uint32_t step, uint32_t take) {
    struct connection *c = gather->c;
    uint32_t keys = (count - 1) / step;
    uint8_t *where = rim_alloc(c->ctx, keys);
    struct text *part = rim_alloc(c->ctx, count * sizeof *part);
    c->failed |= where == NULL || part == NULL;
    for (uint32_t i = 0; i < keys && !c->failed; i++) {
        where[i] = (uint8_t)server_shard(c->server, args[1 + i * step]);
    }
    for (uint32_t shard = 0; shard < c->server->count && !c->failed; shard++) {
        uint32_t size = 1;
        part[0] = args[0];
        for (uint32_t i = 0; i < keys; i++) {
            if (where[i] == shard) {
                memcpy(&part[size], &args[1 + i * step], take * sizeof *part);
                size += take;
            }
        }
        if (size > 1) {
            gather_ask(gather, shard, part, size);
        }
    }
    rim_free(c->ctx, where);
    rim_free(c->ctx, part);
    gather_end(gather);
}

void merge_sum(struct gather *gather, struct reply *out) {
    reply_integer(out, gather->sum);
}

void merge_ok(struct gather *gather UNUSED, struct reply *out) {
    reply_status(out, "OK");
}

/* A reply of its own for each key, behind the head of the array: the pipeline puts them in order. */
void spread_each(struct call *call) {
    struct connection *c = call->c;
    reply_head(call->out, '*', call->count - 1);
    connection_reply(c, call->place, call->out);
    call->asked = true;
    for (uint32_t i = 1; i < call->count; i++) {
        struct text part[] = {text_of("get"), call->args[i]};
        ask(c, target_place(connection_place(c, call->args[i].size)), server_shard(c->server, part[1]), part, 2);
    }
}

/* ---- in steps, during which the connection runs nothing else ---- */

/* Keeps the request, whose arguments gather_args gives again. */
static struct gather *steps_begin(struct call *call, void (*next)(struct gather *gather)) {
    struct gather *gather = gather_begin(call);
    struct reply copy = {.ctx = call->c->ctx};
    if (gather != NULL) {
        reply_request(&copy, call->args, call->count);
        gather->request = copy.text;
        gather->next = next;
        call->c->in_steps = true;
        call->c->failed |= copy.text.failed;
    }
    return gather;
}

static struct text *gather_args(struct gather *gather, const rim_buffer *request) {
    (void)resp_parse_one(&gather->c->shard->parts, (struct text){request->bytes, request->size});
    return gather->c->shard->parts.args;
}

static void msetnx_set(struct gather *gather) {
    struct text *args = gather_args(gather, &gather->request);
    if (gather->sum > 0) {
        gather->sum = 0;
        gather_end(gather);
        return;
    }
    args[0] = text_of("mset");
    gather->sum = 1;
    split(gather, args, gather->c->shard->parts.count, 2, 2);
}

void spread_msetnx(struct call *call) {
    struct gather *gather = steps_begin(call, msetnx_set);
    if (gather != NULL) {
        struct text *args = gather_args(gather, &gather->request);
        args[0] = text_of("exists");
        split(gather, args, call->count, 2, 1);
    }
}

/* Nothing is lost if a step fails: the old name goes last, and only if its value is still what was copied. */
static void rename_drop(struct gather *gather) {
    char room[TEXT_NUMBER_MAX];
    struct text from = gather_args(gather, &gather->request)[1];
    struct text args[] = {text_of("kv.drop"), from, text_from_number((int64_t)gather->mark, room)};
    if (gather->sum > 0) { /* else there is a key with the new name, and RENAMENX does not want that */
        gather_ask(gather, server_shard(gather->c->server, from), args, 3);
    }
    gather_end(gather);
}

static void rename_give(struct gather *gather) {
    static const char *const names[] = {"kv.give", "kv.givenx"};
    struct text args[5] = {text_of(names[gather->command->form]), gather_args(gather, &gather->request)[2]};
    memcpy(&args[2], gather_args(gather, &gather->text), 3 * sizeof args[0]);
    gather->mark = (uint64_t)gather->sum;
    gather->sum = 0;
    gather->next = rename_drop;
    gather_ask(gather, server_shard(gather->c->server, args[1]), args, 5);
    gather_end(gather);
}

void spread_rename(struct call *call) {
    struct gather *gather = steps_begin(call, rename_give);
    if (gather != NULL) {
        struct text args[] = {text_of("kv.dump"), call->args[1]};
        gather_ask(gather, server_shard(call->server, args[1]), args, 2);
        gather_end(gather);
    }
}

void merge_rename(struct gather *gather, struct reply *out) {
    gather->command->form == 1 ? reply_integer(out, gather->sum) : merge_ok(gather, out);
}

/* ---- requests ---- */

static void reply_unknown(struct call *call) {
    rim_buffer words = {0};
    for (uint32_t i = 1; i < call->count && words.size < 128; i++) {
        int shown = text_shown(call->args[i], 128 - words.size);
        rim_buffer_format(call->out->ctx, &words, "'%.*s' ", shown, call->args[i].at);
    }
    reply_error(call->out, "unknown command '%.*s', with args beginning with: %.*s", text_shown(call->args[0], 128),
                call->args[0].at, (int)words.size, words.size > 0 ? words.bytes : "");
    rim_buffer_clear(call->out->ctx, &words);
}

static void route_keys(struct call *call) {
    const struct command *command = call->command;
    uint32_t first = command->first_key, end = command_keys_end(command, call->count);
    if ((end - first) % command->step != 0) {
        reply_wrong_arity(call);
        return;
    }
    uint32_t shard = rim_shard_for(call->key.hash, call->server->count);
    bool together = command->run != NULL;
    for (uint32_t i = first + command->step; i < end && together; i += command->step) {
        together = server_shard(call->server, call->args[i]) == shard;
    }
    struct gather *gather;
    if (together && call->server->shards[shard] == call->shard) {
        command->run(call);
    } else if (together) {
        route_forward(call, shard);
    } else if (command->spread != NULL) {
        command->spread(call);
    } else if ((gather = gather_begin(call)) != NULL) {
        split(gather, call->args, call->count, command->step, command->step);
    }
}

void route(struct call *call) {
    const struct command *command = call->command;
    bool is_name = memchr(call->args[0].at, '|', call->args[0].size) == NULL; /* and not that of a part */
    if (command == NULL || !is_name || (command->flags & COMMAND_INTERNAL)) {
        reply_unknown(call);
    } else if (!command_fits(command, call->count)) {
        reply_wrong_arity(call);
    } else {
        call->c->last = command->name;
        call->shard->counts.commands++;
        if (command->first_key > 0) {
            route_keys(call);
        } else if (command->merge != NULL) {
            ask_all(call);
        } else {
            command->run(call);
        }
    }
}
