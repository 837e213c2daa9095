/* SPDX-License-Identifier: MIT */
/* From a request to the shards that it is about. */
#include "server.h"

#define KEYS_AT_ONCE 32u

const char no_memory[] = "-OOM out of memory\r\n";

static uint32_t shard_of(const struct server *server, struct text key) {
    return server->count > 1 ? rim_shard_for(store_hash(server->hash_key, key), server->count) : 0;
}

/* ---- asking, and what comes of it ---- */

static void take_answer(struct connection *c, uint64_t target, struct text text, rim_msg *value) {
    struct gather *gather = gather_of(target);
    gather != NULL ? gather_take(gather, text) : connection_write(c, target >> 1, text, value);
}

/* Has a shard run a call: here at once, elsewhere by what leaves at the end of the handler. */
static void ask(struct call *call, uint64_t target, uint32_t shard) {
    struct connection *c = call->c;
    struct reply *out = &c->shard->out;
    size_t size = resp_packed_size(call->args, call->count);
    struct gather *gather = gather_of(target);
    struct asked *asked;
    call->asked = true;
    if (gather != NULL) {
        gather->pending++;
    }
    if (c->server->shards[shard] != c->shard) {
        asked = rim_bundle_add(c->ctx, &c->bundle, c->server->keepers[shard], target, sizeof *asked + size);
        if (asked == NULL) {
            take_answer(c, target, text_of(no_memory), NULL);
            return;
        }
        *asked = (struct asked){.hash = call->key.hash, .command = call->command, .version = c->version};
        resp_pack(asked->args, call->args, call->count);
        return;
    }
    command_run(call, out, c->used_ms);
    if (gather == NULL) {
        connection_reply(c, target >> 1);
        return;
    }
    size = out->size;
    out->size = 0; /* whoever takes the answer may write there when it is read */
    gather_take(gather, (struct text){out->bytes, size});
}

rim_verdict route_answers(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct connection *c = state;
    rim_bundle_answer answer;
    c->ctx = ctx;
    c->used_ms = rim_wall_ms(ctx);
    rim_bundle_open(ctx, &c->bundle, cookie, error, body, msg);
    while (rim_bundle_next(ctx, &c->bundle, &answer)) {
        bool held = answer.error == 0 && answer.held && !c->failed;
        rim_msg *value = held ? rim_bundle_view(ctx, &c->bundle, RIM_USER) : NULL;
        c->failed |= answer.error != 0 || (held && value == NULL);
        if (!c->failed) {
            take_answer(c, answer.cookie, (struct text){answer.bytes, answer.size}, value);
        }
    }
    return connection_go_on(c, NULL, 0);
}

/* Asks the shard of a key: args[1], behind a name that nobody looks at. */
static void ask_key(struct connection *c, uint64_t target, const struct command *command, const struct text *args,
                    uint32_t count) {
    struct key key = {store_hash(c->server->hash_key, args[1]), args[1]};
    struct call call = {.store = &c->shard->store, .command = command, .args = args, .key = key, .c = c};
    call.shard = c->shard;
    call.count = count;
    ask(&call, target, rim_shard_for(key.hash, c->server->count));
}

void route_key(struct connection *c, struct gather *gather, const char *command, const struct text *args,
               uint32_t count) {
    ask_key(c, target_of(gather), command_named(text_of(command)), args, count);
}

static void ask_everywhere(struct call *call) {
    struct gather *gather = gather_begin(call);
    if (gather != NULL) {
        for (uint32_t i = 0; i < call->store->shards; i++) {
            ask(call, target_of(gather), i);
        }
        gather_end(gather);
    }
}

void route_keys(struct gather *gather, const char *name, const struct text *args, uint32_t count, uint32_t take) {
    struct connection *c = gather->c;
    uint32_t step = gather->command->step;
    const struct command *command = command_named(text_of(name));
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
                ask_key(c, target_of(gather), command, part, size);
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

static void ask_owners(struct call *call) {
    const struct command *command = call->command;
    const struct server *server = call->c->server;
    uint32_t first = command->first_key, end = command_last_key(command, call->count) + 1;
    uint32_t shard = rim_shard_for(call->key.hash, server->count);
    bool together = true;
    for (uint32_t i = first + command->step; i < end && together && server->count > 1; i += command->step) {
        together = shard_of(server, call->args[i]) == shard;
    }
    if ((end - first) % command->step != 0) {
        reply_wrong_arity(call);
    } else if (command->place == AT_KEYS_AS) {
        reply_each(call, command_named(text_of("get")));
    } else if (together) {
        server->shards[shard] == call->shard ? run_here(call) : ask(call, call->place << 1, shard);
    } else if (command->place == IN_STEPS) {
        gather_steps(call);
    } else {
        struct gather *gather = gather_begin(call);
        if (gather != NULL) {
            route_keys(gather, command->name, call->args, call->count, command->step);
            gather_end(gather);
        }
    }
}

/* A cursor counts partitions over all shards. */
static void ask_cursor(struct call *call) {
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
    if (!command_takes(command, call->count)) {
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
        ask_cursor(call);
        break;
    case EVERYWHERE:
        ask_everywhere(call);
        break;
    default:
        ask_owners(call);
    }
}
