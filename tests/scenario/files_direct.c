/* SPDX-License-Identifier: MIT */
/* Reads by actors of the file's own shard, once it is open: they begin within the call. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "file_play.h"

#define PAGE   4096u
#define PAGES  64u
#define ROUNDS 2000u

struct hall {
    rim_ref file, clerk;
    unsigned made, outcomes, errors, closed;
    uint64_t next;
    rim_msg *kept;
    char path[128];
    char pages[PAGES * PAGE];
};
static struct hall hall;

static rim_file_ask ask_of(uint64_t offset, rim_outcome on_outcome, uint64_t cookie) {
    return (rim_file_ask){
        .file = hall.file, .offset = offset, .timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome, .cookie = cookie};
}

static void open_file(rim_ctx *ctx) {
    rim_file_options options = {.path = hall.path, .flags = O_RDWR | O_CREAT | O_TRUNC};
    CHECK(rim_file_open(ctx, &options, &hall.file) == 0);
}

static void run(struct scenario *s, const rim_behaviour *behaviour, const char *name) {
    hall = (struct hall){0};
    for (uint64_t i = 0; i < sizeof hall.pages; i++) {
        hall.pages[i] = file_pattern(i);
    }
    file_path(s, name, hall.path);
    (void)scenario_system(s);
    hall.clerk = role_spawn(s, behaviour, 0, (struct role_cast){.index = 0});
    role_go(s, hall.clerk);
    scenario_run(s, ROLE_LIMIT_NS);
}

ROLE_ON(go_open) {
    open_file(ctx);
    return RIM_DONE;
}

/* The file is written, and `then` is what happens next. */
static void fill(rim_ctx *ctx, rim_outcome then) {
    rim_file_ask ask = ask_of(0, then, 0);
    CHECK(rim_file_write(ctx, &ask, hall.pages, sizeof hall.pages, NULL) == 0);
}

static bool is_right(uint64_t offset, const void *body, size_t size) {
    return memcmp(body, hall.pages + offset, size) == 0;
}

/* ---- one after the other, and many at once ---- */

static void read_more(rim_ctx *ctx, unsigned at_once);

ROLE_OUTCOME(one_read) {
    uint64_t offset = cookie >> 32, size = cookie & 0xffffffff;
    CHECK(error == 0 && rim_size(msg) == size && is_right(offset, body, size));
    hall.outcomes++;
    if (hall.outcomes == ROUNDS) {
        scenario_done(ctx);
    } else if (hall.outcomes == hall.made) {
        read_more(ctx, hall.outcomes % 7 == 0 ? 40 : 1);
    }
    return RIM_DONE;
}

/* Sizes on both sides of what is inline, and some that end with the file, or behind it. */
static void read_more(rim_ctx *ctx, unsigned at_once) {
    static const uint32_t sizes[] = {1, 1000, 1024, 1025, PAGE, 3 * PAGE, 40000};
    for (unsigned i = 0; i < at_once && hall.made < ROUNDS; i++) {
        uint64_t size = sizes[hall.made % RIM_COUNT(sizes)], offset = hall.made * 977u % (sizeof hall.pages + 1);
        uint64_t left = sizeof hall.pages - offset;
        rim_file_ask ask = ask_of(offset, one_read, offset << 32 | (size < left ? size : left));
        CHECK(rim_file_read(ctx, &ask, size, NULL) == 0);
        hall.made++;
    }
}

ROLE_OUTCOME(begin_reading) {
    CHECK(error == 0);
    read_more(ctx, 1);
    return RIM_DONE;
}

ROLE_ON(reader_open) {
    fill(ctx, begin_reading);
    return RIM_DONE;
}
static const rim_handler reader_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = reader_open};
ROLE(file_reader, reader_on);

void file_gives_the_same_bytes_to_one_read_and_to_many(struct scenario *s) {
    run(s, &file_reader, "bytes");
    CHECK(hall.outcomes == ROUNDS);
}

/* ---- order ---- */

static void next_round(rim_ctx *ctx);

ROLE_OUTCOME(order_read) {
    CHECK(error == 0 && role_number(body) == cookie);
    hall.outcomes++;
    if (hall.outcomes == 2 * hall.next) {
        next_round(ctx);
    }
    return RIM_DONE;
}

ROLE_OUTCOME(order_written) {
    CHECK(error == 0);
    return RIM_DONE;
}

/* The first read finds a write before it, in the mailbox or at work; the second may find nothing. */
static void next_round(rim_ctx *ctx) {
    uint64_t number = hall.next++;
    if (number == ROUNDS / 4) {
        scenario_done(ctx);
        return;
    }
    rim_file_ask write = ask_of(0, order_written, number), read = ask_of(0, order_read, number);
    CHECK(rim_file_write(ctx, &write, &number, sizeof number, NULL) == 0);
    CHECK(rim_file_read_exact(ctx, &read, sizeof number, NULL) == 0);
    CHECK(rim_file_read_exact(ctx, &read, sizeof number, NULL) == 0);
}

ROLE_ON(order_open) {
    next_round(ctx);
    return RIM_DONE;
}
static const rim_handler order_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = order_open};
ROLE(file_orderly, order_on);

void file_read_never_overtakes_a_write(struct scenario *s) {
    run(s, &file_orderly, "overtake");
}

/* ---- the position ---- */

ROLE_OUTCOME(onward) {
    uint64_t size = cookie, left = sizeof hall.pages - hall.next;
    CHECK(error == 0 && rim_size(msg) == (size < left ? size : left) && is_right(hall.next, body, rim_size(msg)));
    hall.next += rim_size(msg);
    if (rim_size(msg) == 0) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    rim_file_ask ask = ask_of(RIM_FILE_HERE, onward, 1 + hall.next % 5000);
    CHECK(rim_file_read(ctx, &ask, 1 + hall.next % 5000, NULL) == 0);
    return RIM_DONE;
}

ROLE_OUTCOME(begin_onward) {
    CHECK(error == 0);
    rim_file_ask ask = ask_of(RIM_FILE_HERE, onward, 7);
    CHECK(rim_file_read(ctx, &ask, 7, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(onward_open) {
    fill(ctx, begin_onward);
    return RIM_DONE;
}
static const rim_handler onward_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = onward_open};
ROLE(file_onward, onward_on);

void file_is_read_on_from_where_the_last_read_ended(struct scenario *s) {
    run(s, &file_onward, "onward");
    CHECK(hall.next == sizeof hall.pages);
}

/* ---- ends ---- */

ROLE_OUTCOME(never) {
    CHECK(!"an outcome of a request that was cancelled");
    return RIM_DONE;
}

ROLE_OUTCOME(last) {
    CHECK(error == 0);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(cancel_some) {
    CHECK(error == 0);
    for (unsigned i = 0; i < 20; i++) {
        rim_token token = RIM_NIL;
        rim_file_ask ask = ask_of(i * PAGE, never, i);
        CHECK(rim_file_read(ctx, &ask, PAGE, &token) == 0);
        CHECK(token != RIM_NIL && rim_cancel(ctx, token));
    }
    rim_file_ask ask = ask_of(0, last, 0);
    CHECK(rim_file_sync(ctx, &ask, true, NULL) == 0); /* after all of them */
    return RIM_DONE;
}

ROLE_ON(cancel_open) {
    fill(ctx, cancel_some);
    return RIM_DONE;
}
static const rim_handler cancel_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = cancel_open};
ROLE(file_canceller, cancel_on);

void file_read_that_is_cancelled_has_no_outcome(struct scenario *s) {
    run(s, &file_canceller, "cancelled");
}

static void check_end(rim_ctx *ctx) {
    if (hall.outcomes == hall.made && hall.closed > 0) {
        scenario_done(ctx);
    }
}

ROLE_OUTCOME(stopped_read) {
    CHECK(error == 0 || error == -RIM_EDOWN);
    CHECK(error != 0 || is_right(cookie * PAGE, body, PAGE));
    hall.outcomes++;
    check_end(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(stop_it) {
    CHECK(error == 0);
    for (uint64_t i = 0; i < 20; i++) {
        rim_file_ask ask = ask_of(i * PAGE, stopped_read, i);
        CHECK(rim_file_read_exact(ctx, &ask, PAGE, NULL) == 0);
        hall.made++;
    }
    CHECK(rim_stop(ctx, hall.file) == 0);
    return RIM_DONE;
}

ROLE_ON(stop_open) {
    fill(ctx, stop_it);
    return RIM_DONE;
}

ROLE_ON(stop_closed) {
    hall.closed++;
    check_end(ctx);
    return RIM_DONE;
}
static const rim_handler stop_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = stop_open, [RIM_FILE_CLOSED] = stop_closed};
ROLE(file_stopping, stop_on);

void file_that_is_stopped_answers_the_reads_that_it_has(struct scenario *s) {
    run(s, &file_stopping, "answers");
    CHECK(hall.outcomes == 20);
}

ROLE_OUTCOME(leave) {
    CHECK(error == 0);
    for (uint64_t i = 0; i < 20; i++) {
        rim_file_ask ask = ask_of(i * PAGE, never, i);
        CHECK(rim_file_read_exact(ctx, &ask, PAGE, NULL) == 0);
    }
    scenario_done(ctx);
    return RIM_STOP;
}

ROLE_ON(leave_open) {
    fill(ctx, leave);
    return RIM_DONE;
}
static const rim_handler leave_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = leave_open};
ROLE(file_leaving, leave_on);

void file_reads_end_with_their_asker(struct scenario *s) {
    run(s, &file_leaving, "leaving");
}

/* ---- a file that is read often ---- */

static void read_often(rim_ctx *ctx);

ROLE_OUTCOME(often_locked) {
    CHECK(error == 0);
    if (hall.closed > 0) {
        scenario_done(ctx);
        return RIM_DONE;
    }
    read_often(ctx);
    return RIM_DONE;
}

static void lock_it(rim_ctx *ctx) {
    rim_file_ask ask = ask_of(0, often_locked, 0);
    CHECK(rim_file_lock(ctx, &ask, 0, RIM_FILE_LOCK_EXCLUSIVE, NULL) == 0);
}

ROLE_OUTCOME(often_read) {
    CHECK(error == 0 && is_right(cookie * PAGE, body, PAGE));
    if (++hall.outcomes == 8 * PAGES) {
        CHECK(rim_file_close(ctx, hall.file) == 0);
    } else if (hall.outcomes == hall.made) {
        read_often(ctx);
    }
    return RIM_DONE;
}

static void read_often(rim_ctx *ctx) {
    for (uint64_t i = 0; i < PAGES; i++) {
        rim_file_ask ask = ask_of(i * PAGE, often_read, i);
        CHECK(rim_file_read_exact(ctx, &ask, PAGE, NULL) == 0);
        hall.made++;
    }
}

ROLE_OUTCOME(often_written) {
    CHECK(error == 0);
    lock_it(ctx);
    return RIM_DONE;
}

ROLE_ON(often_open) {
    fill(ctx, often_written);
    return RIM_DONE;
}

/* Whatever names the file had, none is left that would keep its lock. */
ROLE_ON(often_closed) {
    hall.closed++;
    if (hall.closed == 1) {
        open_file(ctx);
        lock_it(ctx);
    }
    return RIM_DONE;
}
static const rim_handler often_on[] = {[GO] = go_open, [RIM_FILE_OPEN] = often_open, [RIM_FILE_CLOSED] = often_closed};
ROLE(file_often, often_on);

void file_that_was_read_often_lets_go_of_its_locks(struct scenario *s) {
    run(s, &file_often, "often");
    CHECK(hall.closed == 1 && hall.outcomes == 8 * PAGES);
}

/* ---- interrupted ---- */

ROLE_OUTCOME(interrupted_read) {
    CHECK(error == 0 && rim_size(msg) == sizeof hall.pages && is_right(0, body, sizeof hall.pages));
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(interrupted_written) {
    CHECK(error == 0 && ((const rim_file_result *)body)->bytes == sizeof hall.pages);
    rim_file_ask ask = ask_of(0, interrupted_read, 0);
    CHECK(rim_file_read_exact(ctx, &ask, sizeof hall.pages, NULL) == 0);
    return RIM_DONE;
}

/* From the opening on half of what is asked of the disk ends with EINTR; of a kernel's, nothing does. */
ROLE_ON(interrupted_go) {
    if (scenario_is_sim(scenario_current())) {
        rim_sim_set_faults(rim_system_of(ctx), &(rim_sim_options){.interrupted = 500, .file_short = 500});
    }
    open_file(ctx);
    fill(ctx, interrupted_written);
    return RIM_DONE;
}
static const rim_handler interrupted_on[] = {[GO] = interrupted_go};
ROLE(file_interrupted, interrupted_on);

void file_call_that_is_interrupted_goes_on(struct scenario *s) {
    run(s, &file_interrupted, "interrupted");
}

/* ---- one read, several messages ---- */

#define HEAD   100u
#define MIDDLE (3 * PAGE)

static rim_msg *parts[3];

/* They lie in what was read, and outlive it. */
ROLE_OUTCOME(parted) {
    const char *bytes = body;
    rim_msg *whole = rim_take(ctx, msg);
    CHECK(error == 0 && whole != NULL && rim_body(whole) == body);
    parts[0] = rim_msg_view(ctx, GO, bytes, HEAD, whole); /* few bytes: a copy */
    parts[1] = rim_msg_view(ctx, GO, bytes + HEAD, MIDDLE, whole);
    parts[2] = rim_msg_view(ctx, GO, bytes + HEAD + MIDDLE, PAGE, whole);
    CHECK(rim_body(parts[1]) == bytes + HEAD && rim_body(parts[2]) == bytes + HEAD + MIDDLE);
    rim_msg_free(ctx, whole);
    CHECK(is_right(0, rim_body(parts[0]), HEAD) && is_right(HEAD, rim_body(parts[1]), MIDDLE));
    rim_msg_free(ctx, parts[0]);
    rim_msg_free(ctx, parts[1]);
    CHECK(rim_size(parts[2]) == PAGE && is_right(HEAD + MIDDLE, rim_body(parts[2]), PAGE));
    rim_msg_free(ctx, parts[2]);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_OUTCOME(parted_written) {
    CHECK(error == 0);
    rim_file_ask ask = ask_of(0, parted, 0);
    CHECK(rim_file_read_exact(ctx, &ask, HEAD + MIDDLE + PAGE, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(parted_go) {
    open_file(ctx);
    fill(ctx, parted_written);
    return RIM_DONE;
}
static const rim_handler parted_on[] = {[GO] = parted_go};
ROLE(file_parted, parted_on);

void file_read_is_parted_without_a_copy(struct scenario *s) {
    run(s, &file_parted, "parted");
}

/* ---- closed while it is copied ---- */

static rim_ref twin;

ROLE_OUTCOME(torn) {
    const char *text = rim_error_text(ctx);
    CHECK(error == 0 || error == -RIM_EDOWN);
    CHECK(error == 0 || strcmp(text, "the file was closed before all of it had gone") == 0 ||
          strcmp(text, "copy a file: the one that is written was closed") == 0);
    hall.outcomes++;
    hall.errors += error != 0;
    if (hall.outcomes == 2) {
        CHECK(hall.errors > 0);
        scenario_done(ctx);
    }
    return RIM_DONE;
}

/* The second begins when the files are no more. */
ROLE_OUTCOME(torn_written) {
    CHECK(error == 0);
    rim_file_ask ask = ask_of(0, torn, 0);
    CHECK(rim_file_copy(ctx, &ask, twin, 0, UINT64_MAX, NULL) == 0);
    CHECK(rim_file_close(ctx, hall.file) == 0);
    return RIM_DONE;
}

ROLE_ON(torn_closed) {
    rim_file_ask ask = ask_of(0, torn, 0);
    CHECK(rim_file_copy(ctx, &ask, twin, 0, UINT64_MAX, NULL) == 0);
    return RIM_DONE;
}

ROLE_ON(torn_go) {
    char path[136];
    open_file(ctx);
    snprintf(path, sizeof path, "%s-twin", hall.path);
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = path, .flags = O_RDWR | O_CREAT}, &twin) == 0);
    fill(ctx, torn_written);
    return RIM_DONE;
}
static const rim_handler torn_on[] = {[GO] = torn_go, [RIM_FILE_CLOSED] = torn_closed};
ROLE(file_torn, torn_on);

void file_that_is_closed_while_it_is_copied_says_so(struct scenario *s) {
    char path[136];
    run(s, &file_torn, "torn");
    snprintf(path, sizeof path, "%s-twin", hall.path);
    CHECK(scenario_is_sim(s) || unlink(path) == 0);
}

/* ---- words ---- */

static void sync_in_no_time(rim_ctx *ctx);

/* It may have been quicker than the clock. */
ROLE_OUTCOME(timed_out) {
    char text[300];
    snprintf(text, sizeof text, "%s: timed out", hall.path);
    CHECK(error == 0 || (error == -ETIMEDOUT && strcmp(rim_error_text(ctx), text) == 0));
    if (error == 0) {
        sync_in_no_time(ctx);
    } else {
        scenario_done(ctx);
    }
    return RIM_DONE;
}

static void sync_in_no_time(rim_ctx *ctx) {
    rim_file_ask ask = ask_of(0, timed_out, 0);
    ask.timeout_ns = 1;
    CHECK(rim_file_sync(ctx, &ask, false, NULL) == 0);
}

ROLE_OUTCOME(not_written) {
    CHECK(error == -EBADF && strstr(rim_error_text(ctx), hall.path) != NULL);
    sync_in_no_time(ctx);
    return RIM_DONE;
}

ROLE_ON(words_go) {
    rim_file_options options = {.path = hall.path, .flags = O_RDONLY | O_CREAT};
    CHECK(rim_file_open(ctx, &options, &hall.file) == 0);
    rim_file_ask ask = ask_of(0, not_written, 0);
    CHECK(rim_file_write(ctx, &ask, "x", 1, NULL) == 0);
    return RIM_DONE;
}
static const rim_handler words_on[] = {[GO] = words_go};
ROLE(file_words, words_on);

void file_call_that_times_out_names_the_path(struct scenario *s) {
    run(s, &file_words, "words");
}
