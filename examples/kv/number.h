/* SPDX-License-Identifier: MIT */
/*
 * number.h - numbers as Redis reads and writes them: no blanks, no leading zeros, no plus sign.
 */
#ifndef KV_NUMBER_H
#define KV_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NUMBER_TEXT_MAX  24u
#define NUMBER_FLOAT_MAX 5120u

bool number_parse(const char *text, size_t size, int64_t *out);
/* Writes at most NUMBER_TEXT_MAX bytes, without a NUL, and says how many. */
size_t number_print(int64_t number, char *text);
bool number_parse_float(const char *text, size_t size, long double *out);
/* Writes at most NUMBER_FLOAT_MAX bytes, without trailing zeros, and says how many. */
size_t number_print_float(long double number, char *text);

#endif
