/* SPDX-License-Identifier: MIT */
/* Answers of several shards that make one reply; and the commands that take several steps for that. */
#include "server.h"

struct gather *gather_begin(struct call *call) {
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

static void finish(struct gather *gather) {
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

/* What was gathered gives way to an error, which stays. */
static void fail(struct gather *gather, struct text error) {
    gather->failed = true;
    rim_buffer_clear(gather->c->ctx, &gather->text);
    gather->c->failed |= rim_buffer_add(gather->c->ctx, &gather->text, error.at, error.size) != 0;
}

void gather_take(struct gather *gather, struct text answer) {
    size_t head = (size_t)((const char *)memchr(answer.at, '\r', answer.size) - answer.at);
    int64_t number = 0;
    if (!gather->failed && answer.at[0] == '-') {
        fail(gather, answer);
    } else if (!gather->failed) {
        gather->sum += text_number((struct text){answer.at + 1, head - 1}, &number) ? number : 0;
        (void)text_shift(&answer, head + 2);
        if (rim_buffer_add(gather->c->ctx, &gather->text, answer.at, answer.size) != 0) {
            fail(gather, text_of(no_memory));
        }
    }
    gather_end(gather);
}

/* ---- in steps, during which the connection runs nothing else ---- */

/* RENAME: what the key is; its copy under the new name; then the old one goes, but only if there is a copy, and its
   value is still what was copied. Whatever fails, nothing is lost. */
static void step_rename(struct gather *gather, const struct text *args, uint32_t left) {
    struct connection *c = gather->c;
    char room[TEXT_NUMBER_MAX];
    if (left == 3) {
        route_key(c, gather, "kv.dump", args, 2);
    } else if (left == 2) {
        struct resp_parser dump = {.max_bulk = 0};
        struct text packed = {gather->text.bytes, gather->text.size};
        gather->mark = gather->sum;
        gather->sum = 0;
        if (resp_unpack(&dump, &packed)) {
            struct text words[] = {args[0], args[2], dump.args[1], dump.args[2], dump.args[3]};
            route_key(c, gather, gather->command->form == FORM_SUM ? "kv.givenx" : "kv.give", words, 5);
        } else {
            c->failed = true;
        }
        resp_finish(&dump);
    } else if (gather->sum > 0) {
        struct text words[] = {args[0], args[1], text_from_number(gather->mark, room)};
        route_key(c, gather, "kv.drop", words, 3);
    }
}

/* MSETNX: whether there is any of the keys, and if not, all of them. */
static void step_msetnx(struct gather *gather, const struct text *args, uint32_t count, uint32_t left) {
    if (left == 2) {
        route_keys(gather, "exists", args, count, 1);
    } else if (gather->sum == 0) {
        gather->sum = 1;
        route_keys(gather, "mset", args, count, 2);
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

void gather_end(struct gather *gather) {
    if (--gather->pending == 0) {
        gather->steps > 0 && !gather->failed ? take_step(gather) : finish(gather);
    }
}

void gather_steps(struct call *call) {
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
