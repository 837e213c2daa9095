/* SPDX-License-Identifier: MIT */
/*
 * resp.h - the language of Redis, in plain C: texts as clients send them, requests (RESP arrays and inline), and
 * replies (RESP2 and RESP3).
 *
 * The parser works in place: arguments point into the request's bytes (or, of an inline request, into memory of the
 * parser, where only one fits), and a request that is not complete is read from its start again. Requests may be read
 * one after the other before the first is run: their arguments stand in a row, until `used` is set to 0.
 */
#ifndef KV_RESP_H
#define KV_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UNUSED          __attribute__((unused))
#define TEXT_NUMBER_MAX 24u
#define TEXT_FLOAT_MAX  5120u

struct text {
    const char *at;
    size_t size;
};

static inline struct text text_of(const char *string) {
    return (struct text){string, strlen(string)};
}

/* Takes bytes off the front, and returns where they are. */
static inline const char *text_shift(struct text *text, size_t size) {
    const char *at = text->at;
    text->at += size;
    text->size -= size;
    return at;
}

/* How much of it printf is to show, as the precision of a %.*s. */
static inline int text_shown(struct text text, size_t limit) {
    return (int)(text.size < limit ? text.size : limit);
}

/* Whether it is this word, whatever its case; `word` is in lower case. */
bool text_is(struct text text, const char *word);
/* The index of a word in a list that ends with NULL; -1: none of them. */
int text_choice(struct text text, const char *const *words);
/* No blanks, no leading zeros, no plus sign. */
bool text_number(struct text text, int64_t *out);
bool text_float(struct text text, long double *out);
/* Into `room`, of TEXT_NUMBER_MAX or TEXT_FLOAT_MAX bytes. */
struct text text_from_number(int64_t number, char *room);
struct text text_from_float(long double number, char *room);
/* Patterns of KEYS, SCAN and CONFIG GET: * ? [a-z] [^a], and \ as an escape. */
bool text_matches(struct text text, struct text pattern);

/* ---- requests ---- */

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

enum resp_result { RESP_MORE = 0 /* not complete yet */, RESP_REQUEST, RESP_BAD /* `error` says why: for good */ };

enum resp_result resp_parse(struct resp_parser *parser, struct text bytes);
/* Frees what it holds. */
void resp_finish(struct resp_parser *parser);

/* Arguments from shard to shard: their number, sizes and bytes. The first, the name, is left out. */
size_t resp_packed_size(const struct text *args, uint32_t count);
void resp_pack(char *to, const struct text *args, uint32_t count);
/* Takes packed arguments off the front. They are parser->args[0 .. count) until next time. False: out of memory. */
bool resp_unpack(struct resp_parser *parser, struct text *bytes);

/* ---- replies ---- */

struct reply {
    char *bytes;
    size_t size, room;
    size_t start;        /* of the last reply in it */
    bool failed;         /* it is not whole: out of memory */
    unsigned version;    /* of RESP: 2 or 3 */
    struct entry *entry; /* if not NULL the reply is not there, but a bulk string, */
    struct text value;   /* this part of the entry's value, which the reply holds */
};

static inline struct text reply_text(const struct reply *out) {
    return (struct text){out->bytes, out->size};
}

/* Where so many bytes may be written behind the last, and `size` be counted up. NULL: out of memory. */
char *reply_reserve(struct reply *out, size_t size);
void reply_raw(struct reply *out, struct text bytes);
/* What is to follow: '$' so many bytes, '*' an array, '%' a map and '~' a set, which for RESP2 are arrays. */
void reply_head(struct reply *out, char type, int64_t number);
void reply_integer(struct reply *out, int64_t number);
void reply_bulk(struct reply *out, struct text text);
void reply_strings(struct reply *out, const char *const *strings); /* as bulk strings, up to NULL */
void reply_status(struct reply *out, const char *string);
void reply_ok(struct reply *out);
void reply_format(struct reply *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* "-ERR text"; a text that starts with '-' brings its own code. */
void reply_error(struct reply *out, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_null(struct reply *out);
void reply_verbatim(struct reply *out, struct text text);
void reply_free(struct reply *out);
/* Frees its memory if that is much; it must be empty. */
void reply_shrink(struct reply *out);

#endif
