/* SPDX-License-Identifier: MIT */
/* The keys of one shard, compared with a plain array, and what is done with them. */
#include <stdlib.h>

#include "check.h"
#include "server.h"

static const unsigned char hash_key[STORE_HASH_KEY];

static struct key key_for(const char *text) {
    return (struct key){store_hash(hash_key, text_of(text)), text_of(text)};
}

static struct store *create(int64_t now_ms) {
    struct store *store = calloc(1, sizeof *store);
    store->now_ms = now_ms;
    store->hash_key = hash_key;
    return store;
}

static void destroy(struct store *store) {
    store_clear(store);
    free(store);
}

static struct entry *put(struct store *store, const char *name, const char *text, int64_t expire_ms) {
    struct key key = key_for(name);
    struct entry *entry = store_make(store, &key, store_find(store, &key), strlen(text), false);
    store_expire(store, entry, expire_ms);
    memcpy(entry_value(entry), text, strlen(text));
    return entry;
}

static bool holds(struct store *store, const char *name, const char *text) {
    struct key key = key_for(name);
    struct entry *entry = store_find(store, &key);
    return entry != NULL && entry->value_size == strlen(text) &&
           memcmp(entry_value(entry), text, entry->value_size) == 0;
}

static void puts_finds_removes(void) {
    struct store *store = create(1000);
    CU_ASSERT_PTR_NOT_NULL(put(store, "a", "1", 0));
    CU_ASSERT_PTR_NOT_NULL(put(store, "", "empty", 0));
    CU_ASSERT_PTR_NOT_NULL(put(store, "a", "another, longer value", 0));
    CU_ASSERT_TRUE(holds(store, "a", "another, longer value") && holds(store, "", "empty"));
    CU_ASSERT_EQUAL(store->counts.keys, 2);
    struct key key = key_for("a");
    store_remove(store, store_find(store, &key));
    CU_ASSERT_PTR_NULL(store_find(store, &key));
    store_clear(store);
    CU_ASSERT_EQUAL(store->counts.keys, 0);
    CU_ASSERT_PTR_NULL(store_random(store));
    destroy(store);
}

/* A long random walk over a thousand names against an array of what they should hold. */
static void random_walk(void) {
    enum { NAMES = 1000 };
    static char held[NAMES][8];
    struct store *store = create(0);
    srand(2);
    for (int i = 0; i < 300000; i++) {
        int n = rand() % NAMES;
        char name[16];
        snprintf(name, sizeof name, "name%d", n);
        struct key key = key_for(name);
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
    CU_ASSERT_EQUAL(store->counts.keys, count);
    destroy(store);
}

static void expires(void) {
    struct store *store = create(1000);
    for (int i = 0; i < 500; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        put(store, name, "x", i % 2 ? 1500 : 0);
    }
    CU_ASSERT_EQUAL(store->counts.timed, 250);
    struct key key = key_for("2");
    struct entry *entry = store_find(store, &key);
    store_expire(store, entry, 1200);
    CU_ASSERT_EQUAL(entry->expire_ms, 1200);
    CU_ASSERT_EQUAL(store->counts.timed, 251);
    store->now_ms = 1200;
    CU_ASSERT_PTR_NULL(store_find(store, &key));
    store->now_ms = 2000;
    for (int i = 0; i < 50; i++) {
        store_sweep(store, 100);
    }
    CU_ASSERT_EQUAL(store->counts.timed, 0);
    CU_ASSERT_EQUAL(store->counts.keys, 249);
    CU_ASSERT_EQUAL(store->counts.expired, 251);
    destroy(store);
}

static void shared_values_stay(void) {
    struct store *store = create(0);
    struct entry *entry = put(store, "a", "first", 0);
    entry->refs++;
    const char *bytes = entry_value(entry);
    put(store, "a", "other", 0);
    CU_ASSERT_TRUE(memcmp(bytes, "first", 5) == 0 && holds(store, "a", "other"));
    struct key key = key_for("a");
    struct entry *second = store_find(store, &key);
    second->refs++;
    CU_ASSERT_PTR_NOT_EQUAL(store_make(store, &key, second, 5, true), second);
    CU_ASSERT_EQUAL(second->value_size, 5);
    store_remove(store, store_find(store, &key));
    CU_ASSERT_TRUE(memcmp(entry_value(second), "other", 5) == 0);
    entry_release(second);
    entry_release(entry);
    destroy(store);
}

static void visit(void *arg, struct entry *entry) {
    (void)entry;
    ++*(uint32_t *)arg;
}

static void walks_every_partition(void) {
    struct store *store = create(0);
    uint32_t seen = 0;
    uint32_t counted = 0;
    for (int i = 0; i < 20000; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        put(store, name, "x", 0);
    }
    for (uint32_t i = 0; i < STORE_PARTITIONS; i++) {
        store_each(store, i, visit, &seen);
        counted += store->partitions[i].count;
        CU_ASSERT_TRUE(store->partitions[i].count < 100);
    }
    CU_ASSERT_EQUAL(seen, 20000);
    CU_ASSERT_EQUAL(counted, 20000);
    for (uint64_t i = 0; i < 100; i++) {
        CU_ASSERT_PTR_NOT_NULL(store_random(store));
    }
    destroy(store);
}

/* What grows and shrinks keeps its bytes. */
static void values_change_size(void) {
    struct store *store = create(0);
    struct key key = key_for("a");
    struct entry *entry = put(store, "a", "abc", 0);
    entry = store_make(store, &key, entry, 6, true);
    CU_ASSERT_TRUE(entry->value_size == 6 && memcmp(entry_value(entry), "abc", 3) == 0);
    memcpy(entry_value(entry) + 3, "def", 3);
    struct entry *again = store_make(store, &key, entry, 8, true);
    CU_ASSERT_PTR_EQUAL(again, entry); /* it was made with room to grow */
    CU_ASSERT_TRUE(memcmp(entry_value(again), "abcdef", 6) == 0);
    again = store_make(store, &key, again, 2, true);
    CU_ASSERT_TRUE(holds(store, "a", "ab") && store->counts.keys == 1);
    store_remove(store, again);
    CU_ASSERT_EQUAL(store->counts.bytes, 0);
    destroy(store);
}

/* A command on the key "k"; what it replies is written over the last reply. */
static bool replies(struct reply *out, struct shard *shard, const char *command, const char *wanted) {
    shard->parser.used = 0;
    CU_ASSERT_EQUAL_FATAL(resp_parse(&shard->parser, text_of(command)), RESP_REQUEST);
    struct call call = {.store = &shard->store, .args = shard->parser.args, .count = shard->parser.count};
    out->size = 0;
    call.command = command_find(call.args, call.count);
    call.key = (struct key){store_hash(hash_key, call.args[1]), call.args[1]};
    command_run(&call, out, 1000);
    bool right = out->size == strlen(wanted) && memcmp(out->bytes, wanted, out->size) == 0;
    if (!right) {
        printf("%s: %.*s\n", command, (int)out->size, out->bytes);
    }
    return right;
}

static void some_commands(void) {
    struct shard *shard = calloc(1, sizeof *shard);
    shard->store.hash_key = hash_key;
    shard->store.max_value = 8;
    shard->parser.max_bulk = 100;
    command_index_fill();
    struct reply out = {.version = 2};
    CU_ASSERT_TRUE(replies(&out, shard, "get k\n", "$-1\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "set k 1 xx\n", "$-1\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "set k 41 px 4000\n", "+OK\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "incr k\n", ":42\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "pttl k\n", ":4000\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "append k xyz\n", ":5\r\n"));
    CU_ASSERT_TRUE(
        replies(&out, shard, "append k xyzu\n", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "incr k\n", "-ERR value is not an integer or out of range\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "set k 7 get\n", "$5\r\n42xyz\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "getdel k\n", "$1\r\n7\r\n"));
    CU_ASSERT_EQUAL(shard->store.counts.keys, 0);
    CU_ASSERT_TRUE(replies(&out, shard, "setrange k 3 x\n", ":4\r\n"));
    CU_ASSERT_TRUE(replies(&out, shard, "expireat k 0\n", ":1\r\n"));
    CU_ASSERT_EQUAL(shard->store.counts.keys, 0);
    store_clear(&shard->store);
    resp_finish(&shard->parser);
    reply_free(&out);
    free(shard);
}

int main(void) {
    static const struct check checks[] = {
        {"puts, finds, removes", puts_finds_removes},
        {"random walk", random_walk},
        {"expires", expires},
        {"shared values stay", shared_values_stay},
        {"walks every partition", walks_every_partition},
        {"values change size", values_change_size},
        {"commands", some_commands},
    };
    return check_all("store", checks, sizeof checks / sizeof checks[0]);
}
