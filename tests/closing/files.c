/* SPDX-License-Identifier: MIT */
/* Files: every call, from the owner's shard and from another, copying, and replacing. */
#define _GNU_SOURCE
#include <fcntl.h>

#include "closing.h"

enum { OWNER, GUEST };
enum { FILE_A, FILE_B, OPENED };
enum { PIECE = 3000, WHOLE = 300000 };
enum { DIRECT = 1, COPIES = 2, REPLACES = 4 };

static char bytes[WHOLE];

static bool is(uint32_t variant) {
    return (closing.of->variant & variant) != 0;
}

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    (void)state;
    (void)body;
    (void)msg;
    (void)error;
    uint32_t me = (uint32_t)cookie;
    closing.sum++;
    closing_answered(me);
    if (me == OWNER && closing.asked[OWNER] == closing.outcomes[OWNER] && closing.numbers[OPENED] > 0) {
        for (uint32_t i = 0; i < closing.count; i++) {
            if (closing.objects[i].close != NULL) {
                (void)closing.objects[i].close(ctx, closing.objects[i].ref);
            }
        }
    }
    return RIM_DONE;
}

static rim_file_ask ask_of(uint32_t actor, uint64_t offset) {
    return (rim_file_ask){.file = closing.numbers[FILE_A],
                          .offset = offset,
                          .timeout_ns = RIM_SECONDS(20),
                          .on_outcome = on_outcome,
                          .cookie = actor};
}

static void open_one(rim_ctx *ctx, uint64_t number, const char *path) {
    rim_file_options options = {.path = path, .flags = O_RDWR | O_CREAT | (is(DIRECT) ? O_DIRECT : 0)};
    if (rim_file_open(ctx, &options, &closing.numbers[number]) == 0) {
        closing_made(ctx, OWNER, closing.numbers[number], rim_file_close);
    }
}

static void write_some(rim_ctx *ctx, uint32_t actor, uint64_t offset, size_t size) {
    rim_file_ask ask = ask_of(actor, offset);
    (void)closing_asked(actor, rim_file_write(ctx, &ask, bytes, size, NULL));
}

static void read_some(rim_ctx *ctx, uint32_t actor, uint64_t offset, size_t size) {
    rim_file_ask ask = ask_of(actor, offset);
    (void)closing_asked(actor, rim_file_read(ctx, &ask, size, NULL));
}

static void replace_it(rim_ctx *ctx) {
    rim_file_replacement replacement = {.path = "/closing/replaced",
                                        .timeout_ns = RIM_SECONDS(20),
                                        .on_outcome = on_outcome,
                                        .cookie = OWNER};
    closing_made(ctx, OWNER, rim_self(ctx), NULL);
    (void)closing_asked(OWNER, rim_file_replace(ctx, &replacement, bytes, 5 * PIECE, NULL));
}

/* All that there is, before the file is open. */
static void begin(rim_ctx *ctx, uint32_t actor) {
    if (actor != OWNER) {
        return;
    }
    if (is(REPLACES)) {
        replace_it(ctx);
        return;
    }
    open_one(ctx, FILE_A, "/closing/a");
    if (is(COPIES)) {
        open_one(ctx, FILE_B, "/closing/b");
        write_some(ctx, OWNER, 0, WHOLE);
        return;
    }
    size_t size = is(DIRECT) ? 4096 : PIECE;
    write_some(ctx, OWNER, 0, size);
    read_some(ctx, OWNER, 0, size);
    read_some(ctx, OWNER, 100, size);
    rim_file_ask ask = ask_of(OWNER, 0);
    (void)closing_asked(OWNER, rim_file_stat(ctx, &ask, NULL));
}

static void call_all(rim_ctx *ctx, uint32_t actor) {
    rim_file_ask ask = ask_of(actor, 0);
    size_t size = is(DIRECT) ? 4096 : PIECE;
    for (uint64_t i = 0; i < 5; i++) {
        read_some(ctx, actor, i * 500, size);
    }
    write_some(ctx, actor, size, size);
    (void)closing_asked(actor, rim_file_sync(ctx, &ask, true, NULL));
    (void)closing_asked(actor, rim_file_lock(ctx, &ask, 10, RIM_FILE_LOCK_EXCLUSIVE, NULL));
    (void)closing_asked(actor, rim_file_allocate(ctx, &ask, 100000, 0, NULL));
    (void)closing_asked(actor, rim_file_advise(ctx, &ask, 0, POSIX_FADV_SEQUENTIAL, NULL));
    ask.offset = 2 * size;
    (void)closing_asked(actor, rim_file_truncate(ctx, &ask, NULL));
    read_some(ctx, actor, RIM_FILE_HERE, 10);
    read_some(ctx, actor, size, size);
}

static void opened(rim_ctx *ctx) {
    closing.numbers[OPENED]++;
    if (!is(COPIES)) {
        call_all(ctx, OWNER);
        closing_tell(ctx, GUEST, 0);
    } else if (closing.numbers[OPENED] == 2) {
        rim_file_ask ask = ask_of(OWNER, 0);
        (void)closing_asked(OWNER, rim_file_copy(ctx, &ask, closing.numbers[FILE_B], 0, UINT64_MAX, NULL));
    }
}

static void event(rim_ctx *ctx, uint32_t actor, const void *body, rim_msg *msg) {
    if (rim_tag(msg) == RIM_FILE_CLOSED) {
        closing_last(((const rim_file_closed_event *)body)->file);
        return;
    }
    closing_from(rim_from(msg));
    if (rim_tag(msg) == RIM_FILE_OPEN) {
        opened(ctx);
    } else if (rim_tag(msg) == CLOSING_TALK && actor == GUEST) {
        call_all(ctx, GUEST);
    }
}

#define FILES(called, which, is_apart, options)                                                                        \
    {                                                                                                                  \
        .name = (called), .actors = 2, .subject = (which), .apart = (is_apart), .variant = (options), .begin = begin,  \
        .event = event                                                                                                 \
    }
const struct closing_case closing_files[] = {
    FILES("file", 0, false, 0),
    FILES("file-apart", 0, true, 0),
    FILES("file-direct", 0, true, DIRECT),
    FILES("file-copied", 0, false, COPIES),
    FILES("file-copied-to", 1, false, COPIES),
    FILES("file-replaced", 0, false, REPLACES),
};
const uint32_t closing_file_count = RIM_COUNT(closing_files);
