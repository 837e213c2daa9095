/* SPDX-License-Identifier: MIT */
/* The keys of one shard, compared with a plain array, and what is done with them. */
#include <stdlib.h>

#include "check.h"
#include "operation.h"
#include "store.h"

static struct key key_of(const char *text) {
    uint64_t hash = 1469598103934665603u;
    for (const char *at = text; *at != '\0'; at++) {
        hash = (hash ^ (unsigned char)*at) * 1099511628211u;
    }
    hash ^= hash >> 29;
    return (struct key){hash * 0x9e3779b97f4a7c15u, text, (uint32_t)strlen(text)};
}

static struct entry *put(struct store *store, const char *name, const char *text, int64_t expire_ms) {
    struct key key = key_of(name);
    struct store_value value = {.at = text, .size = strlen(text), .expire_ms = expire_ms};
    return store_put(store, &key, store_find(store, &key), value);
}

static bool holds(struct store *store, const char *name, const char *text) {
    struct key key = key_of(name);
    struct entry *entry = store_find(store, &key);
    return entry != NULL && entry->value_size == strlen(text) &&
           memcmp(entry_value(entry), text, entry->value_size) == 0;
}

static void puts_finds_removes(void) {
    struct store *store = store_create();
    store_set_time(store, 1000);
    CU_ASSERT_PTR_NOT_NULL(put(store, "a", "1", 0));
    CU_ASSERT_PTR_NOT_NULL(put(store, "", "empty", 0));
    CU_ASSERT_PTR_NOT_NULL(put(store, "a", "another, longer value", 0));
    CU_ASSERT_TRUE(holds(store, "a", "another, longer value") && holds(store, "", "empty"));
    CU_ASSERT_EQUAL(store_keys(store), 2);
    struct key key = key_of("a");
    store_remove(store, store_find(store, &key));
    CU_ASSERT_PTR_NULL(store_find(store, &key));
    store_clear(store);
    CU_ASSERT_EQUAL(store_keys(store), 0);
    CU_ASSERT_EQUAL(store_random(store, 7), NULL);
    store_destroy(store);
}

/* A long random walk over a thousand names against an array of what they should hold. */
static void random_walk(void) {
    enum { NAMES = 1000 };
    static char held[NAMES][8];
    struct store *store = store_create();
    srand(2);
    for (int i = 0; i < 300000; i++) {
        int n = rand() % NAMES;
        char name[16];
        snprintf(name, sizeof name, "name%d", n);
        struct key key = key_of(name);
        struct entry *entry = store_find(store, &key);
        CU_ASSERT_EQUAL_FATAL(entry != NULL, held[n][0] != '\0');
        if (entry != NULL) {
            CU_ASSERT_TRUE_FATAL(holds(store, name, held[n]));
        }
        if (rand() % 3 == 0 && entry != NULL) {
            store_remove(store, entry);
            held[n][0] = '\0';
        } else {
            snprintf(held[n], sizeof held[n], "%d", rand() % 100000);
            CU_ASSERT_PTR_NOT_NULL(put(store, name, held[n], rand() % 2 ? 0 : 1 << 30));
        }
    }
    uint64_t count = 0;
    for (int n = 0; n < NAMES; n++) {
        count += held[n][0] != '\0';
    }
    CU_ASSERT_EQUAL(store_keys(store), count);
    store_destroy(store);
}

static void expires(void) {
    struct store *store = store_create();
    store_set_time(store, 1000);
    for (int i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        put(store, name, "x", i % 2 ? 1500 : 0);
    }
    CU_ASSERT_EQUAL(store_timed(store), 250);
    struct key key = key_of("2");
    struct entry *entry = store_expire(store, store_find(store, &key), 1200);
    CU_ASSERT_EQUAL(entry_expire(entry), 1200);
    store_set_time(store, 1200);
    CU_ASSERT_PTR_NULL(store_find(store, &key));
    store_set_time(store, 2000);
    for (int i = 0; i < 50; i++) {
        store_sweep(store, 100);
    }
    CU_ASSERT_EQUAL(store_timed(store), 0);
    CU_ASSERT_EQUAL(store_keys(store), 249);
    CU_ASSERT_EQUAL(store_counts(store).expired, 251);
    store_destroy(store);
}

static void shared_values_stay(void) {
    struct store *store = store_create();
    struct entry *entry = put(store, "a", "first", 0);
    entry_share(entry);
    const char *bytes = entry_value(entry);
    put(store, "a", "other", 0);
    CU_ASSERT_TRUE(memcmp(bytes, "first", 5) == 0 && holds(store, "a", "other"));
    struct key key = key_of("a");
    struct entry *second = store_find(store, &key);
    entry_share(second);
    CU_ASSERT_PTR_NOT_EQUAL(store_resize(store, second, 10), second);
    CU_ASSERT_EQUAL(second->value_size, 5);
    store_remove(store, store_find(store, &key));
    CU_ASSERT_TRUE(memcmp(entry_value(second), "other", 5) == 0);
    entry_release(second);
    entry_release(entry);
    store_destroy(store);
}

static void visit(void *arg, struct entry *entry) {
    (void)entry;
    ++*(uint32_t *)arg;
}

static void walks_every_partition(void) {
    struct store *store = store_create();
    uint32_t seen = 0;
    uint32_t counted = 0;
    for (int i = 0; i < 20000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        put(store, name, "x", 0);
    }
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(store, i, visit, &seen);
        counted += store_partition_count(store, i);
        CU_ASSERT_TRUE(store_partition_count(store, i) < 100);
    }
    CU_ASSERT_EQUAL(seen, 20000);
    CU_ASSERT_EQUAL(counted, 20000);
    for (uint64_t i = 0; i < 100; i++) {
        CU_ASSERT_PTR_NOT_NULL(store_random(store, i * 7919));
    }
    store_destroy(store);
}

/* One operation on the key "k" with a value. */
static struct reply ask(struct store *store, struct buffer *work, const struct request *head, const char *value) {
    static _Alignas(8) char room[512];
    struct key key = key_of("k");
    struct request *request = (struct request *)room;
    struct reply reply;
    *request = *head;
    request->hash = key.hash;
    request->key_size = 1;
    request->value_size = (uint32_t)strlen(value);
    request->bytes[0] = 'k';
    memcpy(request->bytes + 1, value, strlen(value));
    operate(store, request, work, &reply);
    return reply;
}

static void operations(void) {
    struct store *store = store_create();
    struct buffer work = {0};
    store_set_time(store, 1000);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_GET}, "").kind, REPLY_NIL);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_SET, .flags = FLAG_XX}, "1").kind, REPLY_NIL);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_SET, .number = 5000}, "41").kind, REPLY_OK);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_INCRBY, .number = 1}, "").number, 42);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_TTL, .number = TTL_MILLISECONDS}, "").number, 4000);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_APPEND, .count = 100}, "xyz").number, 5);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_APPEND, .count = 6}, "xyz").kind, REPLY_ERROR);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_INCRBY, .number = 1}, "").kind, REPLY_ERROR);
    struct reply reply = ask(store, &work, &(struct request){.op = OP_GETDEL}, "");
    CU_ASSERT_TRUE(reply.kind == REPLY_BULK && reply.size == 5 && memcmp(reply.text, "42xyz", 5) == 0);
    entry_release(reply.entry);
    CU_ASSERT_EQUAL(store_keys(store), 0);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_SETRANGE, .number = 3, .count = 99}, "x").number, 4);
    CU_ASSERT_EQUAL(ask(store, &work, &(struct request){.op = OP_EXPIRE, .number = 900}, "").number, 1);
    CU_ASSERT_EQUAL(store_keys(store), 0);
    buffer_clear(&work, 0);
    store_destroy(store);
}

int main(void) {
    static const struct check checks[] = {
        {"puts, finds, removes", puts_finds_removes},
        {"random walk", random_walk},
        {"expires", expires},
        {"shared values stay", shared_values_stay},
        {"walks every partition", walks_every_partition},
        {"operations", operations},
    };
    return check_all("store", checks, sizeof checks / sizeof checks[0]);
}
