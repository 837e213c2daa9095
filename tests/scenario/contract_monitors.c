/* SPDX-License-Identifier: MIT */
/* Point 6 of the contract: monitors. The table in docs/guide/09-failure.md names these. */
#include "play.h"

#define WORDS 3000u

static void check_down(struct play *play, const rim_down_event *down, uint32_t code, const char *text) {
    CHECK(down->who == play->subject);
    CHECK(down->cookie == 7);
    CHECK(down->code == code);
    CHECK(strcmp(down->text, text) == 0);
}

static void watch(rim_ctx *ctx, struct play *play) {
    play->mon[0] = rim_monitor(ctx, play->subject, 7);
    CHECK(play->mon[0] != RIM_NIL);
}

/* ---- it fires, once, with the reason ---- */

static void watch_and_end(rim_ctx *ctx, struct play *play) {
    watch(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER + 1, 0);
    rim_after(ctx, RIM_MS(20), 0);
}

static void down_of_a_failure(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    check_down(play, down, RIM_EXIT_USER + 1, "told to end");
    CHECK(down->monitor == play->mon[0]);
    CHECK(rim_sender(ctx) == play->subject);
    CHECK(!rim_cancel(ctx, down->monitor)); /* it is over */
}

static void one_down(rim_ctx *ctx, struct play *play, uint64_t cookie) {
    (void)cookie;
    if (play->downs == 0) {
        rim_after(ctx, RIM_MS(20), 0);
        return;
    }
    CHECK(play->downs == 1);
    scenario_done(ctx);
}

void contract_06_monitor_fires_once_with_the_reason(struct scenario *s) {
    play_run(s, (struct play){.go = watch_and_end, .down = down_of_a_failure, .timer = one_down});
}

static void watch_and_stop(rim_ctx *ctx, struct play *play) {
    watch(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_NORMAL, 0);
}

static void down_of_a_stop(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    check_down(play, down, RIM_EXIT_NORMAL, "stopped");
    scenario_done(ctx);
}

void contract_06_monitor_fires_also_when_the_actor_stops_normally(struct scenario *s) {
    play_run(s, (struct play){.go = watch_and_stop, .down = down_of_a_stop});
}

/* ---- nobody there ---- */

static void watch_twice(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    if (play->downs == 1) {
        CHECK(down->code == RIM_EXIT_NORMAL);
        watch(ctx, play); /* again, and now it is gone */
        return;
    }
    check_down(play, down, RIM_EXIT_NOACTOR, "no such actor");
    scenario_done(ctx);
}

void contract_06_monitor_of_an_absent_actor_fires_with_that_reason(struct scenario *s) {
    play_run(s, (struct play){.go = watch_and_stop, .down = watch_twice});
}

static void watch_nonsense(rim_ctx *ctx, struct play *play) {
    (void)play;
    CHECK(rim_monitor(ctx, RIM_NIL, 0) == RIM_NIL);
    CHECK(rim_error_text(ctx)[0] != '\0');
    CHECK(rim_monitor(ctx, rim_after(ctx, RIM_SECONDS(5), 0), 0) == RIM_NIL);
    CHECK(rim_link(ctx, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_unlink(ctx, 5) == -RIM_EBADREF);
    CHECK(rim_kill(ctx, RIM_NIL) == -RIM_EBADREF);
    CHECK(rim_exit_send(ctx, UINT64_MAX, 1, NULL) == -RIM_EBADREF);
    scenario_done(ctx);
}

void bad_arguments_of_link_h(struct scenario *s) {
    rim_ref ref;
    rim_spawn_options linked = {.link = true}, watched = {.monitor = true};
    CHECK(rim_system_spawn(scenario_system(s), &play_stillborn, &linked, NULL, 0, &ref) == -RIM_ECONTEXT);
    CHECK(rim_system_spawn(scenario_system(s), &play_stillborn, &watched, NULL, 0, &ref) == -RIM_ECONTEXT);
    play_run(s, (struct play){.go = watch_nonsense});
}

/* ---- order ---- */

static void watch_a_talker(rim_ctx *ctx, struct play *play) {
    watch(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, WORDS);
}

static void words_in_order(rim_ctx *ctx, struct play *play, uint64_t number) {
    (void)ctx;
    CHECK(play->downs == 0 && play->exits == 0);
    CHECK(number == play->words - 1);
}

static void down_after_the_words(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    check_down(play, down, RIM_EXIT_USER, "told to end");
    CHECK(play->words == WORDS);
    scenario_done(ctx);
}

void contract_06_down_comes_after_everything_that_the_dead_actor_sent(struct scenario *s) {
    play_run(s, (struct play){.go = watch_a_talker, .word = words_in_order, .down = down_after_the_words});
}

static void down_of_a_full_mailbox(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    check_down(play, down, RIM_EXIT_USER, "told to end");
    CHECK(play->words == 2); /* the mailbox holds two; the place of this event was reserved */
    scenario_done(ctx);
}

static void fill_oneself(rim_ctx *ctx, struct play *play) {
    watch(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, 0);
    while (role_tell(ctx, rim_self(ctx), WORD, 0) == 0) {
    }
}

void contract_06_place_of_a_down_is_reserved_in_a_full_mailbox(struct scenario *s) {
    play_run(s, (struct play){.go = fill_oneself, .down = down_of_a_full_mailbox, .backlog = 2});
}

/* ---- several, and none ---- */

static void watch_four_times(rim_ctx *ctx, struct play *play) {
    for (uint64_t i = 0; i < 4; i++) {
        play->mon[i] = rim_monitor(ctx, play->subject, i);
    }
    CHECK(play->mon[0] != play->mon[1]);
    CHECK(rim_cancel(ctx, play->mon[2]));
    CHECK(!rim_cancel(ctx, play->mon[2]));
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, 0);
    rim_after(ctx, RIM_MS(20), 0);
}

static void down_of_one_of_four(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    (void)ctx;
    CHECK(down->cookie < 4 && down->cookie != 2);
    CHECK(play->mon[down->cookie] == down->monitor);
    play->mon[down->cookie] = RIM_NIL;
}

static void three_downs(rim_ctx *ctx, struct play *play, uint64_t cookie) {
    (void)cookie;
    if (play->downs < 3) {
        rim_after(ctx, RIM_MS(20), 0);
        return;
    }
    CHECK(play->downs == 3);
    scenario_done(ctx);
}

void contract_06_each_monitor_fires_for_itself(struct scenario *s) {
    play_run(s, (struct play){.go = watch_four_times, .down = down_of_one_of_four, .timer = three_downs});
}

static void watch_oneself(rim_ctx *ctx, struct play *play) {
    CHECK(rim_monitor(ctx, rim_self(ctx), 0) != RIM_NIL);
    CHECK(rim_link(ctx, rim_self(ctx)) == 0);
    watch(ctx, play); /* and leaves it behind at its end */
    CHECK(rim_stop(ctx, rim_self(ctx)) == 0);
}

static void end_quietly(rim_ctx *ctx, struct play *play, rim_exit why) {
    CHECK(why.code == RIM_EXIT_SHUTDOWN);
    CHECK(play->downs == 0);
    scenario_done(ctx);
}

void contract_06_monitor_of_oneself_never_fires(struct scenario *s) {
    play_run(s, (struct play){.go = watch_oneself, .end = end_quietly});
}

/* ---- cancelled ---- */

static void watch_two(rim_ctx *ctx, struct play *play) {
    play->mon[0] = rim_monitor(ctx, play->subject, 0);
    play->mon[1] = rim_monitor(ctx, play->subject, 1);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, 0);
}

static void cancel_the_other(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(play->downs == 1);
    rim_mon other = play->mon[1 - down->cookie];
    CHECK(rim_cancel(ctx, other)); /* it has fired as well: both ways it is pending */
    CHECK(!rim_cancel(ctx, other));
    rim_after(ctx, RIM_MS(20), 0);
}

void contract_08_monitor_cancelled_while_queued_does_not_fire(struct scenario *s) {
    play_run(s, (struct play){.go = watch_two, .down = cancel_the_other, .timer = one_down});
}

/* ---- with the spawn, in one step ---- */

static void spawn_watched(rim_ctx *ctx, struct play *play) {
    rim_spawn_options options = {.monitor = true, .monitor_cookie = 7, .monitor_out = &play->mon[0]};
    play->subject = play_spawn(ctx, play, options, &play_stillborn);
    CHECK(play->mon[0] != RIM_NIL);
}

static void down_of_the_stillborn(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    check_down(play, down, RIM_EXIT_INIT, "it will not be");
    CHECK(down->monitor == play->mon[0]);
    scenario_done(ctx);
}

void contract_06_monitor_made_with_the_spawn_sees_a_failed_init(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_watched, .down = down_of_the_stillborn, .alone = true});
}

/* The monitor is made by a third actor, maybe before the birth has come. */
static void watch_unborn(rim_ctx *ctx, struct play *play) {
    play->subject = play_spawn(ctx, play, (rim_spawn_options){0}, &play_subject);
    watch(ctx, play);
    CHECK(rim_kill(ctx, play->subject) == 0);
}

static void down_of_the_killed(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    check_down(play, down, RIM_EXIT_KILLED, "killed");
    CHECK(atomic_load(&play->ended) == 0); /* it was never born */
    scenario_done(ctx);
}

void contract_06_actor_killed_before_its_birth_is_down(struct scenario *s) {
    play_run(s, (struct play){.go = watch_unborn, .down = down_of_the_killed, .alone = true});
}
