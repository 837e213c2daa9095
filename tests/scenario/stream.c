/* SPDX-License-Identifier: MIT */
/* Buffers and streams, in the init of an actor: bytes that come in pieces of any size are read as they were written. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "socket_world.h"

#define ROUNDS 300u

struct reader {
    struct scenario *s;
    rim_stream stream;
    rim_buffer sent; /* what a peer would have sent */
    size_t given;    /* of it, to the stream */
};

static bool add_random_bytes(rim_ctx *ctx, struct reader *reader, size_t size) {
    if (rim_buffer_reserve(ctx, &reader->sent, size) != 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        reader->sent.bytes[reader->sent.size + i] = (char)socket_world_byte(reader->sent.size + i);
    }
    reader->sent.size += size;
    return true;
}

/* "SIZE\n" or "SIZE\r\n", then so many bytes. */
static void make_blocks(rim_ctx *ctx, struct reader *reader) {
    for (uint32_t i = 0; i < ROUNDS; i++) {
        static const uint32_t most[] = {1, 20, 300, 5000, 200000};
        size_t size = rim_random(ctx) % most[rim_random(ctx) % (i % 50 == 0 ? 5 : 4)];
        (void)rim_buffer_format(ctx, &reader->sent, "%zu%s\n", size, i % 2 == 0 ? "\r" : "");
        SCENARIO_CHECK(reader->s, add_random_bytes(ctx, reader, size));
    }
    SCENARIO_CHECK(reader->s, !reader->sent.failed);
}

/* Opens the stream with the next piece; with nothing new when all is given. */
static void feed(rim_ctx *ctx, struct reader *reader) {
    size_t left = reader->sent.size - reader->given;
    size_t size = 1 + rim_random(ctx) % (rim_random(ctx) % 4 == 0 ? 40000 : 60);
    size = size < left ? size : left;
    SCENARIO_CHECK(reader->s, rim_stream_open(ctx, &reader->stream, reader->sent.bytes + reader->given, size) == 0);
    reader->given += size;
}

/* What is unread, where it was sent from. */
static const char *unread(const struct reader *reader) {
    return reader->sent.bytes + reader->given - reader->stream.size;
}

/* Reads the line with a block's size. False: it is not there. */
static bool read_size(struct reader *reader, size_t *size) {
    const char *line, *sent = unread(reader);
    size_t length;
    int found = rim_stream_line(&reader->stream, 10, &line, &length);
    SCENARIO_CHECK(reader->s, found >= 0);
    if (found == 1) {
        char text[16] = {0};
        SCENARIO_CHECK(reader->s, length < sizeof text && memcmp(line, sent, length) == 0);
        memcpy(text, line, length);
        *size = strtoul(text, NULL, 10);
    }
    return found == 1;
}

/* Reads a block as bytes or as a message, and compares. False: it is not all there. */
static bool read_block(rim_ctx *ctx, struct reader *reader, size_t size) {
    const char *sent = unread(reader);
    if (rim_random(ctx) % 2 == 0) {
        const char *block = rim_stream_block(&reader->stream, size);
        SCENARIO_CHECK(reader->s, block == NULL || memcmp(block, sent, size) == 0);
        return block != NULL;
    }
    if (reader->stream.size < size) {
        rim_stream_need(&reader->stream, size);
        SCENARIO_CHECK(reader->s, rim_stream_take(ctx, &reader->stream, RIM_USER, size) == NULL);
        return false;
    }
    rim_msg *msg = rim_stream_take(ctx, &reader->stream, RIM_USER, size);
    SCENARIO_CHECK(reader->s, msg != NULL);
    SCENARIO_CHECK(reader->s, rim_tag(msg) == RIM_USER && rim_size(msg) == size);
    SCENARIO_CHECK(reader->s, memcmp(rim_body(msg), sent, size) == 0);
    rim_msg_free(ctx, msg);
    return true;
}

static rim_verdict blocks_init(rim_ctx *ctx, void *self, const void *arg, size_t arg_size) {
    (void)arg_size;
    struct reader *reader = self;
    size_t size = 0;
    bool in_block = false;
    uint32_t blocks = 0;
    reader->s = socket_world_of(arg);
    make_blocks(ctx, reader);
    for (uint32_t turn = 0; blocks < ROUNDS && turn < 1000000; turn++) {
        bool more = true;
        feed(ctx, reader);
        while (more && blocks < ROUNDS && rim_random(ctx) % 64 != 0) { /* sometimes something is left unread */
            more = in_block ? read_block(ctx, reader, size) : read_size(reader, &size);
            blocks += more && in_block;
            in_block = more ? !in_block : in_block;
        }
        SCENARIO_CHECK(reader->s, rim_stream_close(ctx, &reader->stream) == 0);
    }
    SCENARIO_CHECK(reader->s, blocks == ROUNDS);
    SCENARIO_CHECK(reader->s, reader->given == reader->sent.size && reader->stream.size == 0);
    SCENARIO_CHECK(reader->s, reader->stream.kept == NULL);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour blocks = {.name = "blocks", .state_size = sizeof(struct reader), .init = blocks_init};

void stream_gives_back_lines_and_blocks_of_any_pieces(struct scenario *s) {
    socket_world_run(s, &blocks, s);
}

/* ---- what a stream costs, and where it stops ---- */

static rim_verdict copies_init(rim_ctx *ctx, void *self, const void *arg, size_t arg_size) {
    (void)arg_size;
    struct reader *reader = self;
    struct scenario *s = reader->s = socket_world_of(arg);
    rim_stream *stream = &reader->stream;
    const char *line;
    size_t size;
    SCENARIO_CHECK(s, rim_stream_open(ctx, stream, "ab\r\nc\n", 6) == 0);
    SCENARIO_CHECK(s, rim_stream_line(stream, 2, &line, &size) == 1 && size == 2 && memcmp(line, "ab", 2) == 0);
    SCENARIO_CHECK(s, rim_stream_line(stream, 2, &line, &size) == 1 && size == 1 && line[0] == 'c');
    SCENARIO_CHECK(s, rim_stream_line(stream, 2, &line, &size) == 0);
    SCENARIO_CHECK(s, rim_stream_close(ctx, stream) == 0 && stream->kept == NULL);
    SCENARIO_CHECK(s, rim_stream_open(ctx, stream, "abc", 3) == 0);
    SCENARIO_CHECK(s, rim_stream_line(stream, 2, &line, &size) == -RIM_ETOOBIG);
    SCENARIO_CHECK(s, rim_stream_block(stream, 1 << 20) == NULL);
    SCENARIO_CHECK(s, rim_stream_close(ctx, stream) == 0 && stream->kept != NULL && stream->room > 1 << 20);
    /* Of a large block that was announced, the bytes stay where they were first put. */
    static const char piece[1 << 16];
    const char *first = (const char *)stream->kept;
    for (uint32_t i = 0; i < 16; i++) {
        SCENARIO_CHECK(s, rim_stream_open(ctx, stream, piece, sizeof piece) == 0);
        SCENARIO_CHECK(s, (const char *)stream->kept == first && rim_stream_close(ctx, stream) == 0);
    }
    SCENARIO_CHECK(s, rim_stream_open(ctx, stream, NULL, 0) == 0);
    const char *bytes = stream->bytes;
    rim_msg *msg = rim_stream_take(ctx, stream, RIM_USER, 1 << 20);
    SCENARIO_CHECK(s, msg != NULL && rim_body(msg) == bytes && memcmp(bytes, "abc", 3) == 0);
    SCENARIO_CHECK(s, stream->size == 3 + 16 * sizeof piece - (1 << 20));
    rim_msg_free(ctx, msg);
    rim_stream_skip(stream, SIZE_MAX);
    SCENARIO_CHECK(s, stream->size == 0 && rim_stream_close(ctx, stream) == 0);
    rim_stream_free(ctx, stream);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour copies = {.name = "copies", .state_size = sizeof(struct reader), .init = copies_init};

void stream_keeps_what_it_must_and_nothing_else(struct scenario *s) {
    socket_world_run(s, &copies, s);
}

/* ---- buffers ---- */

static rim_verdict buffer_init(rim_ctx *ctx, void *self, const void *arg, size_t arg_size) {
    (void)self;
    (void)arg_size;
    struct scenario *s = socket_world_of(arg);
    rim_buffer buffer = {0};
    rim_buffer_skip(&buffer, 1);
    SCENARIO_CHECK(s, rim_buffer_add(ctx, &buffer, NULL, 0) == 0 && buffer.bytes == NULL);
    for (uint32_t i = 0; i < 1000; i++) {
        SCENARIO_CHECK(s, rim_buffer_add(ctx, &buffer, "ab", 2) == 0);
        SCENARIO_CHECK(s, rim_buffer_format(ctx, &buffer, "%04u", i) == 0);
    }
    SCENARIO_CHECK(s, buffer.size == 6000 && memcmp(buffer.bytes + 5994, "ab0999", 6) == 0);
    rim_buffer_skip(&buffer, 5996);
    SCENARIO_CHECK(s, buffer.size == 4 && memcmp(buffer.bytes, "0999", 4) == 0);
    rim_buffer_clear(ctx, &buffer);
    /* The spawn's limit: a failed addition leaves what is there, and is remembered. */
    SCENARIO_CHECK(s, rim_buffer_add(ctx, &buffer, "x", 1) == 0 && !buffer.failed);
    SCENARIO_CHECK(s, rim_buffer_reserve(ctx, &buffer, 1 << 20) == -ENOMEM);
    SCENARIO_CHECK(s, rim_buffer_reserve(ctx, &buffer, SIZE_MAX) == -ENOMEM);
    SCENARIO_CHECK(s, buffer.failed && buffer.size == 1 && buffer.bytes[0] == 'x');
    rim_buffer_clear(ctx, &buffer);
    SCENARIO_CHECK(s, !buffer.failed && buffer.bytes == NULL);
    SCENARIO_CHECK(s, rim_buffer_add(ctx, &buffer, "left to the actor's end", 23) == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

static const rim_behaviour buffer = {.name = "buffer", .state_size = 1, .init = buffer_init};

void buffer_grows_within_its_actors_memory(struct scenario *s) {
    rim_spawn_options options = {.memory_bytes = 100000};
    rim_ref someone;
    SCENARIO_CHECK(s, rim_system_spawn(scenario_system(s), &buffer, &options, &s, sizeof s, &someone) == 0);
    scenario_run(s, RIM_SECONDS(5));
}
