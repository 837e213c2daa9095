/* SPDX-License-Identifier: MIT */
/* One mapped file: what its views show, where they may go, and how mapping fails. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "map_play.h"

#define BIG   300001u
#define ODD   5000u /* no whole page */
#define LARGE (5u << 20)

/* ---- what a view shows ---- */

static void view_at(rim_ctx *ctx, uint64_t offset, uint64_t length, size_t size) {
    struct map_play *play = map_stage();
    rim_msg *view = NULL;
    CHECK(rim_map_view(ctx, play->map, WORD, offset, length, &view) == 0);
    CHECK(view != NULL && rim_size(view) == size && rim_tag(view) == WORD);
    CHECK(map_is_pattern(rim_body(view), size, play->options.offset + offset));
    CHECK(rim_map_check(view) == 0);
    rim_msg_free(ctx, view);
}

ROLE_OUTCOME(seen) {
    struct map_play *play = map_stage();
    CHECK(error == 0 && rim_size(msg) == play->value && map_is_pattern(body, rim_size(msg), play->options.offset));
    map_close(ctx, play);
    return RIM_DONE;
}

static void look(rim_ctx *ctx, struct map_play *play) {
    uint64_t size = play->event.size;
    CHECK(size == play->value && play->event.loaded == (play->options.load != RIM_MAP_LOAD_NONE ? size : 0));
    CHECK(rim_map_is_ready(ctx, play->map));
    view_at(ctx, 0, 0, size);
    view_at(ctx, size / 2, 0, size - size / 2);
    view_at(ctx, size, 0, 0);
    view_at(ctx, 1, 7, 7);
    rim_map_ask ask = map_ask(seen, 0);
    CHECK(rim_map_get(ctx, &ask, 0, 0, NULL) == 0);
}

void map_shows_what_is_in_the_file(struct scenario *s) {
    map_play(s, (struct map_play){.size = BIG, .value = BIG, .ready = look});
}

void map_shows_a_part_that_begins_anywhere(struct scenario *s) {
    struct map_play play = {.size = BIG, .value = BIG - ODD, .ready = look, .options = {.offset = ODD}};
    play.options.load = RIM_MAP_LOAD_READ;
    play.options.advice = RIM_MAP_SEQUENTIAL;
    map_play(s, play);
}

void map_shows_as_many_bytes_as_were_asked_for(struct scenario *s) {
    map_play(
        s, (struct map_play){.size = BIG, .value = 10000, .ready = look, .options = {.offset = ODD, .length = 10000}});
}

static void look_at_nothing(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL;
    CHECK(play->event.size == 0 && rim_map_is_ready(ctx, play->map));
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == 0 && rim_size(view) == 0);
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 1, &view) == -ENODATA);
    CHECK(rim_map_check(view) == 0 && rim_map_copy(view, 0, NULL, 0) == 0);
    rim_msg_free(ctx, view);
    map_close(ctx, play);
}

void map_of_an_empty_file_is_empty(struct scenario *s) {
    map_play(s, (struct map_play){.ready = look_at_nothing, .options.load = RIM_MAP_LOAD_READ});
}

/* ---- views go anywhere, and keep the region ---- */

ROLE_OUTCOME(far_got) {
    struct map_play *play = map_stage();
    CHECK(error == 0 && rim_size(msg) == BIG - 1 && map_is_pattern(body, BIG - 1, 1));
    rim_msg *kept = rim_take(ctx, msg);
    CHECK(kept != NULL && map_is_pattern(rim_body(kept), BIG - 1, 1) && rim_map_check(kept) == 0);
    ((struct role *)self)->handle = (uint64_t)(uintptr_t)kept;
    map_close(ctx, play);
    return RIM_DONE;
}

ROLE_ON(far_go) {
    rim_map_ask ask = map_ask(far_got, 0);
    rim_msg *view = NULL;
    CHECK(rim_map_view(ctx, map_stage()->map, WORD, 0, 0, &view) == -RIM_EBADREF && view == NULL);
    CHECK(!rim_map_is_ready(ctx, map_stage()->map));
    CHECK(rim_map_get(ctx, &ask, 1, 0, NULL) == 0);
    return RIM_DONE;
}

/* The map has ended, and its owner waits for this. */
ROLE_ON(far_word) {
    rim_msg *kept = (rim_msg *)(uintptr_t)((struct role *)self)->handle;
    char part[100];
    CHECK(map_is_pattern(rim_body(kept), BIG - 1, 1) && rim_map_check(kept) == 0);
    CHECK(rim_map_copy(kept, 99, part, sizeof part) == 0 && map_is_pattern(part, sizeof part, 100));
    CHECK(map_count(map_stage()) != 0);
    rim_msg_free(ctx, kept);
    role_say(ctx, (rim_ref)role_number(body), WORD, 0);
    return RIM_DONE;
}
static const rim_handler far_on[] = {[GO] = far_go, [WORD] = far_word};
ROLE(map_far, far_on);

static void call_far(rim_ctx *ctx, struct map_play *play) {
    play->value = role_add(ctx, &map_far, 1, (struct role_cast){.index = 0});
    role_say(ctx, play->value, GO, 0);
}

static void far_is_left(rim_ctx *ctx, struct map_play *play) {
    role_say(ctx, play->value, WORD, play->owner);
}

static void far_is_done(rim_ctx *ctx, struct map_play *play, uint64_t number) {
    (void)number;
    CHECK(map_count(play) <= 0); /* the body came home before the word */
    scenario_done(ctx);
}

void map_is_unmapped_when_the_last_view_is_released(struct scenario *s) {
    map_play(s, (struct map_play){.size = BIG, .ready = call_far, .closed = far_is_left, .word = far_is_done});
}

/* All that it came from has ended when the view arrives. */
ROLE_ON(heir_word) {
    CHECK(rim_size(msg) == LARGE && map_is_pattern(body, LARGE, 0));
    rim_msg *part = rim_msg_view(ctx, MORE, (const char *)body + 77, 2000, msg);
    CHECK(part != NULL && rim_map_check(part) == 0 && rim_map_check(msg) == 0);
    CHECK(rim_send_msg(ctx, rim_self(ctx), part) == 0);
    return RIM_DONE;
}

ROLE_ON(heir_more) {
    char copy[1500];
    CHECK(rim_size(msg) == 2000 && map_is_pattern(body, 2000, 77));
    CHECK(rim_map_copy(msg, 500, copy, sizeof copy) == 0 && map_is_pattern(copy, sizeof copy, 577));
    CHECK(rim_map_copy(msg, 501, copy, sizeof copy) == -EINVAL);
    scenario_done(ctx);
    return RIM_DONE;
}
static const rim_handler heir_on[] = {[WORD] = heir_word, [MORE] = heir_more};
ROLE(map_heir, heir_on);

static void leave(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL;
    rim_ref heir = RIM_NIL;
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = 1, .mailbox_bytes = 2 * LARGE};
    struct role_cast cast = {.index = 0};
    CHECK(rim_spawn(ctx, &map_heir, &options, &cast, sizeof cast, &heir) == 0);
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == 0);
    CHECK(rim_send_msg(ctx, heir, view) == 0);
    CHECK(rim_stop(ctx, rim_self(ctx)) == 0);
}

void map_view_outlives_its_map_and_its_owner(struct scenario *s) {
    map_play(s, (struct map_play){.size = LARGE, .ready = leave});
}

/* ---- writing ---- */

static void check_file(rim_ctx *ctx, const struct map_play *play, rim_outcome on_outcome, size_t size) {
    rim_file_ask ask = {.timeout_ns = FILE_LIMIT_NS, .on_outcome = on_outcome};
    CHECK(rim_file_open(ctx, &(rim_file_options){.path = play->own_path}, &ask.file) == 0);
    CHECK(rim_file_read(ctx, &ask, size, NULL) == 0 && rim_file_close(ctx, ask.file) == 0);
}

ROLE_OUTCOME(file_has_it) {
    CHECK(error == 0 && rim_size(msg) == BIG && memcmp((const char *)body + 100, "written", 7) == 0);
    CHECK(memcmp((const char *)body + 200000, "stored", 6) == 0);
    map_close(ctx, map_stage());
    return RIM_DONE;
}

ROLE_OUTCOME(synced) {
    CHECK(error == 0 && rim_size(msg) == 0);
    check_file(ctx, map_stage(), file_has_it, BIG + 1);
    return RIM_DONE;
}

static void write_and_sync(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL;
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == 0);
    memcpy((char *)rim_body(view) + 100, "written", 7);
    CHECK(rim_map_store(view, 200000, "stored", 6) == 0);
    CHECK(rim_map_store(view, BIG - 5, "stored", 6) == -EINVAL);
    rim_msg_free(ctx, view);
    rim_map_ask ask = map_ask(synced, 0);
    CHECK(rim_map_sync(ctx, &ask, 0, 0, NULL) == 0);
}

void map_that_is_written_writes_the_file(struct scenario *s) {
    map_play(s, (struct map_play){.size = BIG, .ready = write_and_sync, .options.access = RIM_MAP_WRITE});
}

void map_that_is_loaded_for_writing_writes_the_file(struct scenario *s) {
    struct map_play play = {.size = BIG, .ready = write_and_sync, .options.access = RIM_MAP_WRITE};
    play.options.load = RIM_MAP_LOAD_WRITE;
    map_play(s, play);
}

ROLE_OUTCOME(file_is_as_before) {
    CHECK(error == 0 && rim_size(msg) == BIG && map_is_pattern(body, BIG, 0));
    map_close(ctx, map_stage());
    return RIM_DONE;
}

ROLE_OUTCOME(not_synced) {
    CHECK(error == -EINVAL && strstr(rim_error_text(ctx), "private") != NULL);
    check_file(ctx, map_stage(), file_is_as_before, BIG + 1);
    return RIM_DONE;
}

static void write_for_oneself(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL, *other = NULL;
    char copy[13];
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == 0);
    memcpy((char *)rim_body(view) + 100, "written", 7);
    CHECK(rim_map_store(view, 107, "stored", 6) == 0);
    CHECK(rim_map_view(ctx, play->map, WORD, 100, 13, &other) == 0);
    CHECK(memcmp(rim_body(other), "writtenstored", 13) == 0);
    CHECK(rim_map_copy(other, 0, copy, sizeof copy) == 0 && memcmp(copy, "writtenstored", 13) == 0);
    rim_msg_free(ctx, view);
    rim_msg_free(ctx, other);
    rim_map_ask ask = map_ask(not_synced, 0);
    CHECK(rim_map_sync(ctx, &ask, 0, 0, NULL) == 0);
}

void map_that_is_private_leaves_the_file_as_it_is(struct scenario *s) {
    struct map_play play = {.size = BIG, .ready = write_for_oneself, .options.access = RIM_MAP_PRIVATE};
    play.options.load = RIM_MAP_LOAD_WRITE;
    map_play(s, play);
}

static void store_nothing(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL, *other = rim_msg_new(ctx, WORD, 10);
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &view) == 0 && other != NULL);
    CHECK(rim_map_store(view, 0, "x", 1) == -EACCES);
    CHECK(rim_map_store(other, 0, "x", 1) == -EINVAL && rim_map_check(other) == -EINVAL);
    CHECK(rim_map_copy(NULL, 0, NULL, 0) == -EINVAL);
    rim_msg_free(ctx, view);
    rim_msg_free(ctx, other);
    map_close(ctx, play);
}

void map_that_is_read_is_not_stored_into(struct scenario *s) {
    map_play(s, (struct map_play){.size = BIG, .ready = store_nothing});
}

ROLE_OUTCOME(extended) {
    CHECK(error == 0 && rim_size(msg) == 2 * BIG && memcmp((const char *)body + BIG, "end", 3) == 0);
    map_close(ctx, map_stage());
    return RIM_DONE;
}

static void write_the_end(rim_ctx *ctx, struct map_play *play) {
    rim_msg *view = NULL;
    CHECK(play->event.size == BIG);
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 3, &view) == 0);
    memcpy(rim_body(view), "end", 3);
    rim_msg_free(ctx, view);
    check_file(ctx, play, extended, 3 * BIG);
}

void map_may_make_the_file_and_extend_it(struct scenario *s) {
    struct map_play play = {.is_absent = true, .ready = write_the_end, .options.access = RIM_MAP_WRITE};
    play.options.extend = true;
    play.options.offset = BIG;
    play.options.length = BIG;
    map_play(s, play);
}

/* ---- how it fails ---- */

void map_of_a_file_that_is_not_there_fails(struct scenario *s) {
    map_play(s, (struct map_play){.is_absent = true, .error = -ENOENT, .says = ": no such file or directory"});
}

void map_beyond_the_end_fails(struct scenario *s) {
    struct map_play play = {.size = ODD, .error = -ENODATA, .says = ": the file ends before"};
    play.options.offset = ODD + 1;
    map_play(s, play);
}

void map_of_more_than_there_is_fails(struct scenario *s) {
    struct map_play play = {.size = ODD, .error = -ENODATA, .says = ": the file ends before"};
    play.options.offset = 1;
    play.options.length = ODD;
    map_play(s, play);
}

void map_of_a_folder_fails(struct scenario *s) {
    map_play(s, (struct map_play){.path = scenario_is_sim(s) ? "/" : "/tmp",
                                  .error = -EISDIR,
                                  .says = ": is a directory"});
}

void map_of_a_device_fails(struct scenario *s) {
    if (scenario_is_sim(s)) {
        return; /* it has no devices */
    }
    map_play(s, (struct map_play){.path = "/dev/null", .error = -ENODEV});
}

/* Root may read everything: it is somebody else for as long as this takes. */
void map_of_what_may_not_be_read_fails(struct scenario *s) {
    uid_t before = geteuid();
    bool is_sim = scenario_is_sim(s);
    if (is_sim || access("/etc/shadow", F_OK) != 0 || (before == 0 && seteuid(65534) != 0)) {
        return; /* the simulated one: file_that_may_not_be_read_cannot_be_opened */
    }
    map_play(s, (struct map_play){.path = "/etc/shadow", .error = -EACCES, .says = ": permission denied"});
    CHECK(seteuid(before) == 0);
}

static struct rlimit descriptors;

static void use_up_descriptors(struct map_play *play) {
    (void)play;
    if (scenario_is_sim(scenario_current())) {
        rim_sim_set_faults(scenario_system(scenario_current()), &(rim_sim_options){.file_limit = 1000});
        return;
    }
    CHECK(getrlimit(RLIMIT_NOFILE, &descriptors) == 0);
    struct rlimit limit = descriptors;
    limit.rlim_cur = 3; /* all of them are in use, and stay so, whatever other threads close */
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

static void have_descriptors_again(rim_ctx *ctx, struct map_play *play) {
    (void)play;
    CHECK(scenario_is_sim(scenario_current()) || setrlimit(RLIMIT_NOFILE, &descriptors) == 0);
    scenario_done(ctx);
}

void map_without_a_descriptor_fails(struct scenario *s) {
    map_play(s, (struct map_play){.is_absent = true,
                                  .before = use_up_descriptors,
                                  .closed = have_descriptors_again,
                                  .error = -EMFILE,
                                  .says = ": too many open files"});
}

/* ---- bad arguments ---- */

ROLE_OUTCOME(never) {
    CHECK(!"an outcome of what was refused");
    return RIM_DONE;
}

static void refused_are(rim_ctx *ctx, const rim_map_options *list, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        rim_ref map = RIM_NIL;
        CHECK(rim_map_open(ctx, &list[i], &map) == -EINVAL && map == RIM_NIL);
    }
}

static void ask_badly(rim_ctx *ctx, struct map_play *play) {
    rim_map_ask ask = map_ask(never, 0), wrong = ask;
    const rim_map_options list[] = {
        {.path = ""},
        {.path = NULL},
        {.path = "x", .access = (rim_map_access)7},
        {.path = "x", .advice = (rim_map_advice)77},
        {.path = "x", .load = (rim_map_load)7},
        {.path = "x", .offset = UINT64_MAX},
        {.path = "x", .offset = INT64_MAX, .length = 1},
        {.path = "x", .extend = true, .length = 1},
        {.path = "x", .extend = true, .access = RIM_MAP_WRITE},
        {.path = "x", .load = RIM_MAP_LOAD_WRITE},
    };
    refused_are(ctx, list, RIM_COUNT(list));
    CHECK(rim_map_open(ctx, NULL, NULL) == -EINVAL);
    wrong.timeout_ns = 0;
    CHECK(rim_map_wait(ctx, &wrong, NULL) == -EINVAL);
    wrong = ask;
    wrong.on_outcome = NULL;
    CHECK(rim_map_get(ctx, &wrong, 0, 0, NULL) == -EINVAL);
    CHECK(rim_map_advise(ctx, &ask, 0, 0, (rim_map_advice)9, NULL) == -EINVAL);
    CHECK(!rim_map_is_ready(ctx, rim_self(ctx)) && !rim_map_is_ready(ctx, RIM_NIL));
    rim_msg *view = NULL;
    CHECK(rim_map_view(ctx, rim_self(ctx), WORD, 0, 0, &view) == -RIM_EDOWN && view == NULL);
    map_close(ctx, play);
}

void map_bad_arguments_are_refused(struct scenario *s) {
    map_play(s, (struct map_play){.size = ODD, .ready = ask_badly});
}
