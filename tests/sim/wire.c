/* SPDX-License-Identifier: MIT */
#include "play.h"

static const size_t sizes[] = {sizeof(struct wire), 40, 200, 1000, 1100, 5000};

struct wire wire_next(struct play *play, uint32_t from, uint32_t to) {
    return (struct wire){.from = from, .to = to, .number = ++play->sent[from][to]};
}

void wire_arrived(struct play *play, uint32_t to, const void *body, size_t size) {
    struct wire wire = {0};
    PLAY_CHECK(play, size >= sizeof wire);
    if (size < sizeof wire) {
        return;
    }
    memcpy(&wire, body, sizeof wire);
    PLAY_CHECK(play, wire.to == to);
    PLAY_CHECK(play, wire.from < PLAY_ACTORS);
    PLAY_CHECK(play, wire.wrap == 0 || play->released[wire.wrap - 1] == 0);
    if (wire.from < PLAY_ACTORS && wire.to == to) {
        PLAY_CHECK(play, wire.number > play->seen[wire.from][to]);
        PLAY_CHECK(play, wire.number <= play->sent[wire.from][to]);
        play->seen[wire.from][to] = wire.number;
    }
}

static void unwrap(void *bytes, void *arg) {
    struct play *play = arg;
    const struct wire *wire = bytes;
    PLAY_CHECK(play, wire->wrap != 0);
    PLAY_CHECK(play, ++play->released[wire->wrap - 1] == 1);
    play->unwraps++;
    free(bytes);
}

static rim_msg *wrap(rim_ctx *ctx, struct play *play, uint32_t tag, const struct wire *wire, size_t size) {
    struct wire *bytes = calloc(1, size);
    if (bytes == NULL || play->wraps == PLAY_ENTRIES) {
        free(bytes);
        return NULL;
    }
    *bytes = *wire;
    bytes->wrap = ++play->wraps;
    rim_msg *msg = rim_msg_wrap(ctx, tag, bytes, size, unwrap, play);
    if (msg != NULL) {
        play_note(play, PLAY_wrapped);
    }
    return msg;
}

rim_msg *wire_msg(rim_ctx *ctx, struct play *play, uint32_t tag, const struct wire *wire) {
    size_t size = sizes[rim_random(ctx) % RIM_COUNT(sizes)];
    if (rim_random(ctx) % 3 == 0) {
        return wrap(ctx, play, tag, wire, size);
    }
    rim_msg *msg = rim_msg_new(ctx, tag, size);
    if (msg != NULL) {
        memset(rim_body(msg), 0, size);
        memcpy(rim_body(msg), wire, sizeof *wire);
    }
    return msg;
}
