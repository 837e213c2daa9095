/* SPDX-License-Identifier: MIT */
/* A file that becomes shorter under its map is an error to who reads it, and not the end of the process. */
#include "map_play.h"
#include "socket_world.h"

#define PAGES 40u
#define PAGE  4096u
#define SIZE  (PAGES * PAGE)
#define LEFT  (3 * PAGE + 100) /* no whole page: what is behind it there is zero */

/* ---- readers ---- */

static int sum_bytes(const void *bytes, size_t size, void *arg) {
    uint64_t *sum = arg;
    for (size_t i = 0; i < size; i++) {
        *sum += ((const unsigned char *)bytes)[i];
    }
    return 7;
}

/* What has gone is in none of its views; what is still there is in those that end before. */
static void check_views(rim_ctx *ctx, struct map_play *play) {
    rim_msg *all = play->view, *first = NULL, *last = NULL, *edge = NULL;
    static char bytes[SIZE];
    uint64_t sum = 0;
    CHECK(rim_map_view(ctx, play->map, WORD, 0, LEFT, &first) == 0);
    CHECK(rim_map_view(ctx, play->map, WORD, SIZE - PAGE, PAGE, &last) == 0);
    CHECK(rim_map_view(ctx, play->map, WORD, LEFT, 10, &edge) == 0);
    CHECK(rim_map_check(all) == -EFAULT && rim_map_check(last) == -EFAULT && rim_map_check(edge) == -EFAULT);
    CHECK(rim_map_check(first) == 0);
    CHECK(rim_map_copy(first, 0, bytes, LEFT) == 0 && map_is_pattern(bytes, LEFT, 0));
    CHECK(rim_map_copy(all, 0, bytes, LEFT) == 0 && map_is_pattern(bytes, LEFT, 0));
    CHECK(rim_map_copy(all, 0, bytes, SIZE) == -EFAULT && rim_map_copy(last, 5, bytes, 10) == -EFAULT);
    CHECK(rim_map_copy(edge, 0, bytes, 10) == -EFAULT);
    CHECK(rim_map_guarded(all, sum_bytes, &sum) == -EFAULT && rim_map_guarded(last, sum_bytes, &sum) == -EFAULT);
    CHECK(rim_map_guarded(edge, sum_bytes, &sum) == -EFAULT);
    CHECK(rim_map_guarded(first, sum_bytes, &sum) == 7);
    rim_msg_free(ctx, first);
    rim_msg_free(ctx, last);
    rim_msg_free(ctx, edge);
}

static void check_writes(struct map_play *play) {
    int expected = play->options.access == RIM_MAP_READ ? -EACCES : -EFAULT;
    CHECK(rim_map_store(play->view, SIZE - 100, "x", 1) == expected);
    CHECK(rim_map_store(play->view, LEFT, "x", 1) == expected);
    CHECK(play->options.access == RIM_MAP_READ || rim_map_store(play->view, LEFT - 1, "x", 1) == 0);
}

ROLE_OUTCOME(not_populated) {
    struct map_play *play = map_stage();
    CHECK(error == -EFAULT && strstr(rim_error_text(ctx), "has become shorter") != NULL);
    rim_msg_free(ctx, play->view);
    map_close(ctx, play);
    return RIM_DONE;
}

ROLE_OUTCOME(has_been_cut) {
    struct map_play *play = map_stage();
    CHECK(error == 0);
    check_views(ctx, play);
    check_writes(play);
    rim_map_ask ask = map_ask(not_populated, 0);
    CHECK(rim_map_advise(ctx, &ask, 0, 0, RIM_MAP_POPULATE, NULL) == 0);
    return RIM_DONE;
}

static void cut(rim_ctx *ctx, struct map_play *play) {
    uint64_t sum = 0;
    static char bytes[SIZE];
    CHECK(rim_map_view(ctx, play->map, WORD, 0, 0, &play->view) == 0);
    static bool has_guard; /* of this process, where other seeds were before */
    CHECK(has_guard || rim_map_guarded(play->view, sum_bytes, &sum) == -RIM_ECONTEXT);
    has_guard = true;
    CHECK(rim_map_guard() == 0 && rim_map_guard() == 0);
    CHECK(rim_map_guarded(play->view, sum_bytes, &sum) == 7 && sum > 0);
    CHECK(rim_map_guarded(play->view, NULL, &sum) == -EINVAL);
    CHECK(rim_map_copy(play->view, 0, bytes, SIZE) == 0 && map_is_pattern(bytes, SIZE, 0));
    map_shorten(ctx, LEFT, has_been_cut);
}

void map_that_is_cut_short_is_an_error_to_its_reader(struct scenario *s) {
    map_play(s, (struct map_play){.size = SIZE, .ready = cut});
}

void map_that_is_written_and_cut_short_is_an_error(struct scenario *s) {
    map_play(s, (struct map_play){.size = SIZE, .ready = cut, .options.access = RIM_MAP_WRITE});
}

void map_that_is_private_and_cut_short_is_an_error(struct scenario *s) {
    map_play(s, (struct map_play){.size = SIZE, .ready = cut, .options.access = RIM_MAP_PRIVATE});
}

/* ---- while it is loaded ---- */

ROLE_OUTCOME(was_cut) {
    CHECK(error == 0);
    return RIM_DONE;
}

static void cut_at_first(rim_ctx *ctx, struct map_play *play, const rim_map_event *event) {
    CHECK(event->loaded > 0);
    if (play->count++ == 0) {
        map_shorten(ctx, 100, was_cut);
    }
}

static void came_too_late(rim_ctx *ctx, struct map_play *play) {
    play->error = 0; /* it was quicker than the truncation */
    map_close(ctx, play);
}

void map_that_is_cut_short_while_it_loads_fails(struct scenario *s) {
    struct map_play play = {.size = SIZE, .progress = cut_at_first, .ready = came_too_late, .error = -EFAULT};
    play.says = ": the file has become shorter, or cannot be read";
    play.options.load = RIM_MAP_LOAD_READ;
    play.options.step_bytes = 100;
    play.options.progress = true;
    map_play(s, play);
}

/* ---- what the kernel reads ---- */

struct line {
    struct scenario *s;
    rim_ref listener, socket;
};
static struct line line;

/* The kernel reads the view, and finds that it is not there. */
ROLE_OUTCOME(cut_before_it_was_sent) {
    struct map_play *play = map_stage();
    CHECK(error == 0);
    CHECK(rim_socket_write_msg(ctx, line.socket, play->view) == 0);
    return RIM_DONE;
}

ROLE_ON(sender_go) {
    line.listener = socket_world_listen(ctx, line.s, &socket_world_echo, NULL);
    return RIM_DONE;
}

ROLE_ON(sender_listening) {
    line.socket = socket_world_connect(ctx, line.s, "127.0.0.1", ((const rim_listening_event *)body)->address.port);
    return RIM_DONE;
}

ROLE_ON(sender_open) {
    map_shorten(ctx, 0, cut_before_it_was_sent);
    return RIM_DONE;
}

ROLE_ON(sender_closed) {
    const rim_closed_event *event = body;
    CHECK(event->error == -EFAULT && event->sent == 0 && event->unwritten == map_stage()->value);
    CHECK(rim_stop(ctx, line.listener) == 0);
    map_close(ctx, map_stage());
    return RIM_STOP;
}
static const rim_handler sender_on[] = {[GO] = sender_go,
                                        [RIM_LISTENING] = sender_listening,
                                        [RIM_SOCKET_OPEN] = sender_open,
                                        [RIM_SOCKET_CLOSED] = sender_closed};
ROLE(map_sender, sender_on);

static void send_it(rim_ctx *ctx, struct map_play *play) {
    CHECK(rim_map_view(ctx, play->map, WORD, 0, play->value, &play->view) == 0);
    role_say(ctx, role_add(ctx, &map_sender, 0, (struct role_cast){.index = 0}), GO, 0);
}

void map_that_is_cut_short_fails_the_socket_that_sends_it(struct scenario *s) {
    line = (struct line){.s = s};
    if (!scenario_is_sim(s)) { /* there the simulated kernel would send zeros */
        map_play(s, (struct map_play){.size = SIZE, .value = SIZE, .ready = send_it});
    }
}

void map_that_is_cut_short_fails_the_socket_that_sends_a_little_of_it(struct scenario *s) {
    line = (struct line){.s = s};
    if (!scenario_is_sim(s)) {
        map_play(s, (struct map_play){.size = SIZE, .value = 10, .ready = send_it});
    }
}
