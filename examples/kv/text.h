/* SPDX-License-Identifier: MIT */
/*
 * text.h - pieces of bytes, as clients send them: words, numbers and patterns, read and written as Redis does it.
 */
#ifndef KV_TEXT_H
#define KV_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UNUSED __attribute__((unused))

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
bool text_matches(struct text text, struct text pattern, bool ignore_case);

#endif
