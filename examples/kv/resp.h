/* SPDX-License-Identifier: MIT */
/*
 * resp.h - the Redis protocol: reading requests (RESP arrays and inline), writing replies (RESP2 and RESP3).
 *
 * The parser works in place: an argument is a place in the request's bytes. A request that is not complete is resumed
 * where the parser stopped, also when the bytes have moved meanwhile. In between all arguments stand as they were sent,
 * "$3\r\nkey\r\n", those of an inline request too: so they can be passed on to a shard without taking them apart.
 */
#ifndef KV_RESP_H
#define KV_RESP_H

#include <ringmail/buffer.h>

#include "text.h"

struct resp_arg {
    size_t at; /* from the request's first byte */
    size_t size;
};

struct resp_parser {
    size_t max_bulk;       /* longest argument */
    size_t size;           /* parsed so far; if the request is complete, what it took */
    size_t need;           /* without so many bytes there is no point in trying again */
    const char *base;      /* complete: what the arguments are places in */
    struct resp_arg *args; /* `few`, or memory of its own */
    uint32_t want;         /* arguments of the request, 0: its head has not been read */
    uint32_t count;        /* arguments so far */
    uint32_t room;
    char *line; /* an inline request, as an array */
    const char *error;
    char got; /* instead of '$', if that is the error */
    struct resp_arg few[4];
};

enum resp_result {
    RESP_MORE = 0, /* not complete yet */
    RESP_REQUEST,  /* count > 0: args are there; count 0: nothing to do (an empty line) */
    RESP_BAD,      /* resp_error says why: the connection is beyond repair */
};

void resp_init(struct resp_parser *parser, size_t max_bulk);
void resp_finish(struct resp_parser *parser);
/* Reads one request at `bytes`, which are those of the last time, or more. Once it is complete, it stays so. */
enum resp_result resp_parse(struct resp_parser *parser, const char *bytes, size_t size);
/* Makes ready for the next request. */
void resp_next(struct resp_parser *parser);

static inline struct text resp_arg(const struct resp_parser *parser, uint32_t i) {
    return (struct text){parser->base + parser->args[i].at, parser->args[i].size};
}

/* Arguments from .. to, as they were sent; `from` is not 0. */
static inline struct text resp_raw(const struct resp_parser *parser, uint32_t from, uint32_t to) {
    size_t start = parser->args[from - 1].at + parser->args[from - 1].size + 2;
    return (struct text){parser->base + start, parser->args[to].at + parser->args[to].size + 2 - start};
}

/* Takes the first of such arguments off the front. */
struct text resp_shift(struct text *raw);

/* ---- replies ---- */

struct resp_out {
    rim_ctx *ctx;
    rim_buffer text;
    unsigned version; /* 2 or 3 */
};

static inline struct text resp_text(const struct resp_out *out) {
    return (struct text){out->text.bytes, out->text.size};
}

void reply_raw(struct resp_out *out, const void *bytes, size_t size);
void reply_integer(struct resp_out *out, int64_t number);
void reply_bulk_head(struct resp_out *out, size_t size);
void reply_bulk(struct resp_out *out, struct text text);
void reply_string(struct resp_out *out, const char *string);          /* as a bulk string */
void reply_strings(struct resp_out *out, const char *const *strings); /* up to NULL */
void reply_status(struct resp_out *out, const char *string);
/* What the parser found wrong. */
void resp_error(const struct resp_parser *parser, struct resp_out *out);
/* "-ERR text"; a text that starts with '-' brings its own code. */
void reply_error(struct resp_out *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_array(struct resp_out *out, uint64_t count);
void reply_null(struct resp_out *out);
void reply_map(struct resp_out *out, uint64_t pairs);
void reply_set(struct resp_out *out, uint64_t count);
void reply_verbatim(struct resp_out *out, struct text text);

#endif
