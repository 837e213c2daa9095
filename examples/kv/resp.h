/* SPDX-License-Identifier: MIT */
/*
 * resp.h - the Redis protocol: reading commands (RESP arrays and inline), writing replies (RESP2 and RESP3).
 *
 * The parser works in place: arguments point into the caller's bytes and are good as long as those are. A command that
 * is not complete is resumed where it stopped, also when the bytes have moved meanwhile, as long as they start at the
 * same place of the stream.
 */
#ifndef KV_RESP_H
#define KV_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define RESP_FEW_ARGS 12u

struct resp_arg {
    const char *at; /* while the command is not complete: an offset */
    size_t size;
};

struct resp_parser {
    size_t max_bulk;       /* longest argument */
    size_t at;             /* parsed up to here, from the start of the command */
    size_t need;           /* without as many bytes there is no point in trying again */
    uint32_t want;         /* arguments of the command, 0: its head has not been read */
    uint32_t count;        /* arguments so far */
    uint32_t room;         /* in args */
    const char *base;      /* where the bytes were when args were last made to point into them */
    struct resp_arg *args; /* `few`, or memory of its own */
    char *line;            /* an inline command with quotes, unquoted */
    char error[64];
    struct resp_arg few[RESP_FEW_ARGS];
};

enum resp_result {
    RESP_MORE = 0, /* not complete yet */
    RESP_COMMAND,  /* count > 0: args are there; count 0: nothing to do (an empty line) */
    RESP_BAD,      /* error says why: the connection is beyond repair */
    RESP_NO_MEMORY,
};

void resp_init(struct resp_parser *parser, size_t max_bulk);
void resp_finish(struct resp_parser *parser);
/* `to` takes over what `from` has read so far. */
void resp_move(struct resp_parser *to, struct resp_parser *from);
/* Reads one command at `bytes`, which took parser->at bytes if it is complete. */
enum resp_result resp_parse(struct resp_parser *parser, const char *bytes, size_t size);
/* Makes ready for the next command. Without it, the same command is read again, at no cost. */
void resp_next(struct resp_parser *parser);

void resp_integer(struct buffer *out, int64_t number);
void resp_bulk_head(struct buffer *out, size_t size);
void resp_bulk(struct buffer *out, const void *bytes, size_t size);
void resp_text(struct buffer *out, const char *text); /* as a bulk string */
void resp_status(struct buffer *out, const char *text);
/* "-ERR text"; a text that starts with '-' brings its own code. */
void resp_error(struct buffer *out, const char *text);
void resp_array(struct buffer *out, int64_t count);
/* `version` is 2 or 3. */
void resp_null(struct buffer *out, unsigned version);
void resp_map(struct buffer *out, unsigned version, int64_t pairs);
void resp_verbatim(struct buffer *out, unsigned version, const char *text, size_t size);

/* Whether an argument is this word, whatever its case; `word` is in lower case. */
bool resp_is(const struct resp_arg *arg, const char *word);

#endif
