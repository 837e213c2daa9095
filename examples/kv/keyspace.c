/* SPDX-License-Identifier: MIT */
/* Commands on all keys. Each shard tells of its own, and begins with a number: a gather sums these up. */
#include "server.h"

void do_dbsize(struct call *call) {
    reply_integer(call->out, (int64_t)call->store->counts.keys);
}

void do_flush(struct call *call) {
    static const char *const words[] = {"sync", "async", NULL};
    if (call->count > 2 || (call->count == 2 && text_choice(call->args[1], words) < 0)) {
        reply_error(call->out, "%s", bad_syntax);
        return;
    }
    store_clear(call->store);
    reply_status(call->out, "OK");
}

/* ---- lists ---- */

struct listing {
    struct reply keys;
    struct text pattern; /* at NULL: all */
    bool nothing;        /* no key is of the wanted type */
    uint64_t seen, count;
};

static void list_key(void *arg, struct entry *entry) {
    struct listing *listing = arg;
    listing->seen++;
    if (!listing->nothing && (listing->pattern.at == NULL || text_matches(entry_key(entry), listing->pattern, false))) {
        reply_bulk(&listing->keys, entry_key(entry));
        listing->count++;
    }
}

static void reply_listing(struct reply *out, struct listing *listing) {
    reply_head(out, '*', (int64_t)listing->count);
    reply_raw(out, reply_text(&listing->keys));
    out->text.failed |= listing->keys.text.failed;
    rim_buffer_clear(out->ctx, &listing->keys.text);
}

void do_keys(struct call *call) {
    struct listing listing = {.keys = {.ctx = call->out->ctx}, .pattern = call->args[1]};
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(call->store, i, list_key, &listing);
    }
    reply_listing(call->out, &listing);
}

void merge_keys(struct gather *gather, struct reply *out) {
    reply_head(out, '*', gather->sum);
    reply_raw(out, (struct text){gather->text.bytes, gather->text.size});
}

/* The options of SCAN. False: the error is the reply. */
static bool read_scan(struct call *call, struct listing *listing, int64_t *count) {
    static const char *const words[] = {"count", "match", "type", NULL};
    for (uint32_t i = 2; i < call->count; i += 2) {
        int word = text_choice(call->args[i], words);
        bool has_value = word >= 0 && i + 1 < call->count;
        if (word == 0 && has_value && !call_number(call, i + 1, count)) {
            return false;
        }
        if (!has_value || *count < 1) {
            reply_error(call->out, "%s", bad_syntax);
            return false;
        }
        listing->pattern = word == 1 ? call->args[i + 1] : listing->pattern;
        listing->nothing = word == 2 ? !text_is(call->args[i + 1], "string") : listing->nothing;
    }
    return true;
}

/* The cursor is the number of a partition, counted over all shards; what is no such number is behind the last. */
void do_scan(struct call *call) {
    struct listing listing = {.keys = {.ctx = call->out->ctx}};
    uint32_t own = rim_shard_index(call->out->ctx);
    int64_t end = (int64_t)call->server->count * STORE_PARTITIONS, at, count = 10;
    char room[TEXT_NUMBER_MAX];
    if (!text_number(call->args[1], &at) || at < 0) {
        reply_error(call->out, "invalid cursor");
        return;
    }
    if (at < end && at / STORE_PARTITIONS != own) {
        route_forward(call, (uint32_t)(at / STORE_PARTITIONS));
        return;
    }
    if (!read_scan(call, &listing, &count)) {
        return;
    }
    for (; at / STORE_PARTITIONS == own && listing.seen < (uint64_t)count; at++) {
        store_each(call->store, (uint32_t)(at % STORE_PARTITIONS), list_key, &listing);
    }
    reply_head(call->out, '*', 2);
    reply_bulk(call->out, text_from_number(at < end ? at : 0, room));
    reply_listing(call->out, &listing);
}

/* ---- one of them: each shard offers one, and says how many it has, both as the words of a request ---- */

void do_randomkey(struct call *call) {
    struct entry *entry = store_random(call->store, rim_random(call->out->ctx));
    char room[TEXT_NUMBER_MAX];
    reply_integer(call->out, 0);
    if (entry != NULL) {
        struct text words[] = {text_from_number((int64_t)call->store->counts.keys, room), entry_key(entry)};
        reply_request(call->out, words, 2);
    }
}

/* Which one is taken depends on how many stand behind it. */
void merge_randomkey(struct gather *gather, struct reply *out) {
    struct resp_parser *parser = &gather->c->shard->parts;
    struct text left = {gather->text.bytes, gather->text.size}, key = {NULL, 0};
    uint64_t seen = 0;
    while (resp_parse_one(parser, left) == RESP_REQUEST) {
        int64_t keys = 0;
        (void)text_number(parser->args[0], &keys);
        seen += (uint64_t)keys;
        key = rim_random(out->ctx) % seen < (uint64_t)keys ? parser->args[1] : key;
        left = (struct text){left.at + parser->size, left.size - parser->size};
    }
    key.at != NULL ? reply_bulk(out, key) : reply_null(out);
}
