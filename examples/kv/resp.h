/* SPDX-License-Identifier: MIT */
/*
 * resp.h - the Redis protocol: reading requests (RESP arrays and inline), writing replies (RESP2 and RESP3), and
 * writing requests, for shards speak it with each other too.
 *
 * The parser works in place: arguments point into the request's bytes (or, of an inline request, into memory of the
 * parser, where only one fits), and a request that is not complete is read from its start again. Requests may be read
 * one after the other before the first is run: their arguments stand in a row, until `used` is set to 0.
 */
#ifndef KV_RESP_H
#define KV_RESP_H

#include <ringmail/buffer.h>

#include "text.h"

struct resp_parser {
    size_t max_bulk;   /* longest argument */
    size_t size;       /* of the request that was read */
    size_t need;       /* it is not complete: without so many bytes there is no point in trying again */
    struct text *args; /* the last `count` of those that are used: args[0] of a request is the name */
    uint32_t count;    /* 0: nothing to do (an empty line) */
    uint32_t used, room;
    char *line; /* words of an inline request */
    char error[64];
};

enum resp_result {
    RESP_MORE = 0, /* not complete yet */
    RESP_REQUEST,
    RESP_BAD, /* `error` says why: the connection is beyond repair */
};

enum resp_result resp_parse(struct resp_parser *parser, struct text bytes);
/* The same after nothing else: the arguments are at args[0]. */
static inline enum resp_result resp_parse_one(struct resp_parser *parser, struct text bytes) {
    parser->used = 0;
    return resp_parse(parser, bytes);
}

/* Frees what it holds. */
void resp_finish(struct resp_parser *parser);

/* ---- replies ---- */

struct reply {
    rim_ctx *ctx;
    rim_buffer text;
    size_t start;        /* of the reply in the text */
    struct entry *entry; /* if not NULL the reply is not there, but a bulk string, */
    struct text value;   /* this part of the entry's value, which the reply holds */
    unsigned version;    /* of RESP: 2 or 3 */
};

static inline struct text reply_text(const struct reply *out) {
    return (struct text){out->text.bytes, out->text.size};
}

void reply_raw(struct reply *out, struct text bytes);
/* What is to follow: '$' so many bytes, '*' an array, '%' a map and '~' a set, which for RESP2 are arrays. */
void reply_head(struct reply *out, char type, int64_t number);
void reply_integer(struct reply *out, int64_t number);
void reply_bulk(struct reply *out, struct text text);
void reply_strings(struct reply *out, const char *const *strings); /* as bulk strings, up to NULL */
void reply_status(struct reply *out, const char *string);
/* "-ERR text"; a text that starts with '-' brings its own code. */
void reply_error(struct reply *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_null(struct reply *out);
void reply_verbatim(struct reply *out, struct text text);
/* A request. */
void reply_request(struct reply *out, const struct text *args, uint32_t count);

#endif
