/* SPDX-License-Identifier: MIT */
/*
 * data.h - the keys and values of the load: what a key's value is follows from the key, so every reply can be checked.
 *
 *     Threads  made once, then read by all
 */
#ifndef KV_LOAD_DATA_H
#define KV_LOAD_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct data {
    size_t value_size;
    char *block;         /* values are slices of it */
    char set_middle[32]; /* "$<value size>\r\n" behind the key */
    size_t set_middle_size;
};

/* False when out of memory. */
bool data_init(struct data *data, size_t value_size);
void data_finish(struct data *data);

/* The most bytes that a request takes. */
size_t data_request_max(const struct data *data);
/* Write a request to `to` and return its size. */
size_t data_write_get(const struct data *data, uint32_t key, char *to);
size_t data_write_set(const struct data *data, uint32_t key, char *to);
/* Whether a GET's value is what the SETs of this key write. */
bool data_check(const struct data *data, uint32_t key, const char *value, size_t size);

#endif
