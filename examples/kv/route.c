/* SPDX-License-Identifier: MIT */
/* From a request to the shards that it is about, and from their answers to the reply. */
#include <stdlib.h>

#include "server.h"

#define BATCH_BYTES     16384u /* a batch with so much takes no more */
#define REQUEST_TIMEOUT RIM_SECONDS(60)
#define KEYS_AT_ONCE    32u

static const char no_memory[] = "-OOM out of memory\r\n";

/* Several answers that make one reply. */
struct gather {
    struct connection *c;
    const struct command *command;
    rim_pipeline_place place;
    unsigned version;
    uint32_t pending; /* answers, and who asks for them */
    int64_t sum;      /* of the numbers with which they begin */
    rim_buffer text;  /* what follows there, of all; an error, if failed */
    bool failed;
    uint32_t steps;     /* of a command in steps: how many are to come */
    rim_buffer request; /* its packed arguments */
    int64_t mark;       /* of the value that is copied */
};

static void gather_take(struct gather *gather, struct text answer);

static uint32_t shard_of(const struct server *server, struct text key) {
    return server->count > 1 ? rim_shard_for(store_hash(server->hash_key, key), server->count) : 0;
}

/* ---- asking ---- */

/* A batch of requests to a keeper. The target of an answer is the place of the reply, doubled, or a gather, plus 1. */
struct question {
    struct question *next;
    uint32_t shard, tag;
    rim_buffer batch;
};

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
        c->unanswered += error == 0;
        c->questions = question->next;
        rim_buffer_clear(c->ctx, &question->batch);
        rim_free(c->ctx, question);
    }
    return true;
}

/* The last question to a shard if it takes one request more, or another. NULL without memory. */
static struct question *open_question(struct connection *c, uint32_t shard) {
    struct question *found = NULL, **at = &c->questions;
    uint32_t tag = KEEPER_BATCH + c->version;
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
    if (target & 1) {
        gather_take((struct gather *)(uintptr_t)(target - 1), text);
    } else {
        connection_write(c, target >> 1, text, NULL);
    }
}

/* Has a shard run a call: here at once, elsewhere by a message. */
static void ask(struct call *call, uint64_t target, uint32_t shard) {
    struct connection *c = call->c;
    call->asked = true;
    if (target & 1) {
        ((struct gather *)(uintptr_t)(target - 1))->pending++;
    }
    if (c->server->shards[shard] == c->shard) {
        command_run(call, &c->shard->out, c->used_ms);
        target & 1 ? take_answer(c, target, reply_text(&c->shard->out)) : connection_reply(c, target >> 1);
        return;
    }
    struct asked asked = {target, call->key.hash, call->command, resp_packed_size(call->args, call->count)};
    struct question *question = open_question(c, shard);
    if (question == NULL) {
        c->failed = true;
    } else if (rim_buffer_reserve(c->ctx, &question->batch, sizeof asked + asked.size) != 0) {
        question->batch.failed = false; /* what was there before is still whole */
        take_answer(c, target, text_of(no_memory));
    } else {
        char *to = question->batch.bytes + question->batch.size;
        memcpy(to, &asked, sizeof asked);
        resp_pack(to + sizeof asked, call->args, call->count);
        question->batch.size += sizeof asked + asked.size;
    }
}

/* The same of the shard of a key: args[1], behind a name that nobody looks at. */
static void ask_key(struct connection *c, uint64_t target, const struct command *command, const struct text *args,
                    uint32_t count) {
    struct key key = {store_hash(c->server->hash_key, args[1]), args[1]};
    struct call call = {.store = &c->shard->store, .command = command, .args = args, .key = key, .c = c};
    call.shard = c->shard;
    call.count = count;
    ask(&call, target, rim_shard_for(key.hash, c->server->count));
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
    c->ctx = ctx;
    c->used_ms = rim_wall_ms(ctx);
    c->unanswered--;
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
        if (!answer.is_part) {
            take_answer(c, target, (struct text){bytes, answer.size});
        } else if (kept != NULL) {
            take_part(c, target, bytes, kept);
        }
    }
    rim_msg_free(ctx, kept);
    return connection_go_on(c, NULL, 0);
}

/* ---- gathers ---- */

static void take_step(struct gather *gather);

/* NULL without memory: the connection has failed. */
static struct gather *gather_begin(struct call *call) {
    struct connection *c = call->c;
    struct gather *gather = rim_alloc(c->ctx, sizeof *gather);
    c->failed |= gather == NULL;
    call->asked = true;
    if (gather != NULL) {
        *gather = (struct gather){.c = c, .command = call->command, .place = call->place, .pending = 1};
        gather->version = c->version;
    }
    return gather;
}

static void gather_finish(struct gather *gather) {
    struct connection *c = gather->c;
    struct reply *out = &c->shard->out;
    struct text text = {gather->text.bytes, gather->text.size};
    struct call call = {.store = &c->shard->store, .out = out, .command = gather->command, .c = c};
    out->version = gather->version;
    if (gather->failed) {
        reply_raw(out, text);
    } else if (gather->command->merge != NULL) {
        gather->command->merge(&call, gather->sum, text);
    } else {
        gather->command->form == FORM_SUM ? reply_integer(out, gather->sum) : reply_ok(out);
    }
    if (out->failed) {
        reply_no_memory(out);
    }
    connection_reply(c, gather->place);
    c->in_steps = c->in_steps && gather->request.size == 0;
    rim_buffer_clear(c->ctx, &gather->text);
    rim_buffer_clear(c->ctx, &gather->request);
    rim_free(c->ctx, gather);
}

/* One of what was pending is not any more. The gather may be gone then. */
static void gather_end(struct gather *gather) {
    if (--gather->pending == 0) {
        gather->steps > 0 && !gather->failed ? take_step(gather) : gather_finish(gather);
    }
}

static void gather_take(struct gather *gather, struct text answer) {
    struct connection *c = gather->c;
    rim_buffer *text = &gather->text;
    size_t head = (size_t)((const char *)memchr(answer.at, '\r', answer.size) - answer.at);
    int64_t number;
    if (!gather->failed) {
        gather->failed = answer.at[0] == '-';
        if (gather->failed) {
            text->size = 0;
        } else {
            bool counts = text_number((struct text){answer.at + 1, head - 1}, &number);
            gather->sum += counts ? number : 0;
            (void)text_shift(&answer, head + 2);
        }
        if (rim_buffer_add(c->ctx, text, answer.at, answer.size) != 0) {
            gather->failed = true;
            rim_buffer_clear(c->ctx, text);
            (void)rim_buffer_add(c->ctx, text, no_memory, sizeof no_memory - 1);
        }
    }
    c->shard->out.size = 0; /* which may be where the answer was: the next one is written there */
    gather_end(gather);
}

static uint64_t target_gather(struct gather *gather) {
    return (uintptr_t)gather | 1;
}

static void ask_everywhere(struct call *call) {
    struct gather *gather = gather_begin(call);
    if (gather != NULL) {
        for (uint32_t i = 0; i < call->store->shards; i++) {
            ask(call, target_gather(gather), i);
        }
        gather_end(gather);
    }
}

/* Asks each shard about its keys: of what belongs to each key, the first `take`. */
static void ask_keys(struct gather *gather, const struct command *command, const struct text *args, uint32_t count,
                     uint32_t take) {
    struct connection *c = gather->c;
    uint32_t step = gather->command->step;
    struct text part[1 + 2 * KEYS_AT_ONCE] = {{NULL, 0}};
    uint8_t where[KEYS_AT_ONCE];
    for (uint32_t first = 1; first < count; first += KEYS_AT_ONCE * step) {
        uint32_t left = (count - first) / step, keys = left < KEYS_AT_ONCE ? left : KEYS_AT_ONCE;
        for (uint32_t i = 0; i < keys; i++) {
            where[i] = (uint8_t)shard_of(c->server, args[first + i * step]);
        }
        for (uint32_t shard = 0; shard < c->server->count; shard++) {
            uint32_t size = 1;
            for (uint32_t i = 0; i < keys; i++) {
                if (where[i] == shard) {
                    memcpy(&part[size], &args[first + i * step], take * sizeof *part);
                    size += take;
                }
            }
            if (size > 1) {
                ask_key(c, target_gather(gather), command, part, size);
            }
        }
    }
}

/* A reply of its own for each key, behind the head of the array: the pipeline puts them in order. */
static void reply_each(struct call *call, const struct command *command) {
    struct connection *c = call->c;
    reply_head(call->out, '*', call->count - 1);
    connection_reply(c, call->place);
    call->asked = true;
    for (uint32_t i = 1; i < call->count; i++) {
        ask_key(c, connection_place(c, call->args[i].size) << 1, command, call->args + i - 1, 2);
    }
}

/* ---- in steps, during which the connection runs nothing else ---- */

static const struct command *named(const char *name) {
    return command_named(text_of(name));
}

/* RENAME: what the key is; its copy under the new name; then the old one goes, but only if there is a copy, and its
   value is still what was copied. Whatever fails, nothing is lost. */
static void step_rename(struct gather *gather, const struct text *args, uint32_t left) {
    struct connection *c = gather->c;
    uint64_t target = target_gather(gather);
    char room[TEXT_NUMBER_MAX];
    if (left == 3) {
        ask_key(c, target, named("kv.dump"), args, 2);
    } else if (left == 2) {
        struct resp_parser dump = {.max_bulk = 0};
        struct text packed = {gather->text.bytes, gather->text.size};
        gather->mark = gather->sum;
        gather->sum = 0;
        if (resp_unpack(&dump, &packed)) {
            struct text words[] = {args[0], args[2], dump.args[1], dump.args[2], dump.args[3]};
            ask_key(c, target, named(gather->command->form == FORM_SUM ? "kv.givenx" : "kv.give"), words, 5);
        } else {
            c->failed = true;
        }
        resp_finish(&dump);
    } else if (gather->sum > 0) {
        struct text words[] = {args[0], args[1], text_from_number(gather->mark, room)};
        ask_key(c, target, named("kv.drop"), words, 3);
    }
}

/* MSETNX: whether there is any of the keys, and if not, all of them. */
static void step_msetnx(struct gather *gather, const struct text *args, uint32_t count, uint32_t left) {
    if (left == 2) {
        ask_keys(gather, named("exists"), args, count, 1);
    } else if (gather->sum == 0) {
        gather->sum = 1;
        ask_keys(gather, named("mset"), args, count, 2);
    } else {
        gather->sum = 0;
    }
}

static void take_step(struct gather *gather) {
    struct resp_parser *request = &gather->c->shard->parts;
    struct text packed = {gather->request.bytes, gather->request.size};
    uint32_t left = gather->steps--;
    gather->pending = 1;
    if (!resp_unpack(request, &packed)) {
        gather->c->failed = true;
    } else if (gather->command->step == 1) {
        step_rename(gather, request->args, left);
    } else {
        step_msetnx(gather, request->args, request->count, left);
    }
    gather_end(gather);
}

static void begin_steps(struct call *call) {
    struct gather *gather = gather_begin(call);
    struct connection *c = call->c;
    size_t size = resp_packed_size(call->args, call->count);
    if (gather == NULL || rim_buffer_reserve(c->ctx, &gather->request, size) != 0) {
        c->failed = true;
        return;
    }
    resp_pack(gather->request.bytes, call->args, call->count);
    gather->request.size = size;
    gather->steps = call->command->step == 1 ? 3 : 2;
    c->in_steps = true;
    take_step(gather);
}

/* ---- requests ---- */

static void reply_unknown(struct call *call) {
    struct reply words = {.size = 0};
    for (uint32_t i = 1; i < call->count && words.size < 128; i++) {
        reply_format(&words, "'%.*s' ", text_shown(call->args[i], 128 - words.size), call->args[i].at);
    }
    reply_error(call->out, "unknown command '%.*s', with args beginning with: %.*s", text_shown(call->args[0], 128),
                call->args[0].at, (int)words.size, words.size > 0 ? words.bytes : "");
    reply_free(&words);
}

static void run_here(struct call *call) {
    command_run(call, call->out, call->c->used_ms);
}

static void route_keys(struct call *call) {
    const struct command *command = call->command;
    const struct server *server = call->c->server;
    uint32_t first = command->first_key, end = command->last_key < 0 ? call->count : (uint32_t)command->last_key + 1;
    uint32_t shard = rim_shard_for(call->key.hash, server->count);
    bool together = true;
    for (uint32_t i = first + command->step; i < end && together && server->count > 1; i += command->step) {
        together = shard_of(server, call->args[i]) == shard;
    }
    if ((end - first) % command->step != 0) {
        reply_wrong_arity(call);
    } else if (command->place == AT_KEYS_AS) {
        reply_each(call, named("get"));
    } else if (together) {
        server->shards[shard] == call->shard ? run_here(call) : ask(call, call->place << 1, shard);
    } else if (command->place == IN_STEPS) {
        begin_steps(call);
    } else {
        struct gather *gather = gather_begin(call);
        if (gather != NULL) {
            ask_keys(gather, command, call->args, call->count, command->step);
            gather_end(gather);
        }
    }
}

/* A cursor counts partitions over all shards. */
static void route_cursor(struct call *call) {
    int64_t cursor, end = (int64_t)call->store->shards * STORE_PARTITIONS;
    bool known = text_number(call->args[1], &cursor) && cursor >= 0 && cursor < end;
    known ? ask(call, call->place << 1, (uint32_t)(cursor / STORE_PARTITIONS)) : run_here(call);
}

void route(struct call *call) {
    const struct command *command = call->command;
    if (command == NULL) {
        reply_unknown(call);
        return;
    }
    if ((int)call->count < abs(command->arity) || (command->arity > 0 && (int)call->count > command->arity)) {
        reply_wrong_arity(call);
        return;
    }
    call->c->last = command->name;
    call->store->counts.commands++;
    switch (command->place) {
    case AT_CONNECTION:
        run_here(call);
        break;
    case AT_CURSOR:
        route_cursor(call);
        break;
    case EVERYWHERE:
        ask_everywhere(call);
        break;
    default:
        route_keys(call);
    }
}
