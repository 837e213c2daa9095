/* SPDX-License-Identifier: MIT */
#include "data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLICES = 4096,  /* values differ in where in the block they start ... */
    STAMP_SIZE = 8, /* ... and in the key's number, in front */
    KEY_SIZE = 16,
};

bool data_init(struct data *data, size_t value_size) {
    data->value_size = value_size;
    data->block = malloc(SLICES + value_size);
    if (data->block == NULL) {
        return false;
    }
    uint64_t state = 0x9e3779b97f4a7c15u;
    for (size_t i = 0; i < SLICES + value_size; i++) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        data->block[i] = (char)(' ' + (state >> 57) % 95);
    }
    int size = snprintf(data->set_middle, sizeof data->set_middle, "\r\n$%zu\r\n", value_size);
    data->set_middle_size = (size_t)size;
    return true;
}

void data_finish(struct data *data) {
    free(data->block);
    data->block = NULL;
}

size_t data_request_max(const struct data *data) {
    return data->value_size + 96;
}

/* "key:" and twelve digits, as redis-benchmark names them. */
static char *write_key(uint32_t key, char *to) {
    memcpy(to, "key:000000000000", KEY_SIZE);
    for (char *digit = to + KEY_SIZE - 1; key > 0; key /= 10) {
        *digit-- = (char)('0' + key % 10);
    }
    return to + KEY_SIZE;
}

static void stamp(uint32_t key, char out[STAMP_SIZE]) {
    for (int i = 0; i < STAMP_SIZE; i++) {
        out[i] = "0123456789abcdef"[key >> (4 * i) & 15];
    }
}

static size_t stamp_size(const struct data *data) {
    return data->value_size < STAMP_SIZE ? data->value_size : STAMP_SIZE;
}

static const char *slice(const struct data *data, uint32_t key) {
    return data->block + (key * 2654435761u >> 20) % SLICES;
}

size_t data_write_get(const struct data *data, uint32_t key, char *to) {
    static const char head[] = "*2\r\n$3\r\nGET\r\n$16\r\n";
    (void)data;
    memcpy(to, head, sizeof head - 1);
    char *end = write_key(key, to + sizeof head - 1);
    memcpy(end, "\r\n", 2);
    return (size_t)(end + 2 - to);
}

size_t data_write_set(const struct data *data, uint32_t key, char *to) {
    static const char head[] = "*3\r\n$3\r\nSET\r\n$16\r\n";
    char mark[STAMP_SIZE];
    stamp(key, mark);
    memcpy(to, head, sizeof head - 1);
    char *at = write_key(key, to + sizeof head - 1);
    memcpy(at, data->set_middle, data->set_middle_size);
    at += data->set_middle_size;
    memcpy(at, slice(data, key), data->value_size);
    memcpy(at, mark, stamp_size(data));
    at += data->value_size;
    memcpy(at, "\r\n", 2);
    return (size_t)(at + 2 - to);
}

bool data_check(const struct data *data, uint32_t key, const char *value, size_t size) {
    char mark[STAMP_SIZE];
    size_t marked = stamp_size(data);
    stamp(key, mark);
    return size == data->value_size && memcmp(value, mark, marked) == 0 &&
           memcmp(value + marked, slice(data, key) + marked, size - marked) == 0;
}
