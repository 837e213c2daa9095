/* SPDX-License-Identifier: MIT */
/* Point 6 of the contract: links and exit signals. The table in docs/guide/09-failure.md names these. */
#include "play.h"

#define WORDS 3000u

static void link_to_it(rim_ctx *ctx, struct play *play) {
    CHECK(rim_link(ctx, play->subject) == 0);
}

static void done_at_the_timer(rim_ctx *ctx, struct play *play, uint64_t cookie) {
    (void)cookie;
    CHECK(play->exits == 0);
    scenario_done(ctx);
}

static void unwanted_end(rim_ctx *ctx, struct play *play, rim_exit why) {
    (void)ctx;
    (void)play;
    CHECK(why.code == RIM_EXIT_SHUTDOWN); /* with the system only */
}

/* ---- failure goes along ---- */

static void link_and_fail(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER + 3, 0);
}

static void end_with_it(rim_ctx *ctx, struct play *play, rim_exit why) {
    CHECK(why.code == RIM_EXIT_USER + 3);
    CHECK(strcmp(why.text, "told to end") == 0);
    CHECK(atomic_load(&play->ended) == 1);
    scenario_done(ctx);
}

void contract_06_linked_actor_ends_for_the_same_reason(struct scenario *s) {
    play_run(s, (struct play){.go = link_and_fail, .end = end_with_it});
}

static void link_and_stop(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_NORMAL, 0);
    rim_after(ctx, RIM_MS(20), 0);
}

void contract_06_normal_end_does_not_end_the_linked(struct scenario *s) {
    play_run(s, (struct play){.go = link_and_stop, .timer = done_at_the_timer, .end = unwanted_end});
}

/* ---- shutdown and kill go along ---- */

static void link_and_shut_down(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    CHECK(rim_stop(ctx, play->subject) == 0);
}

static void end_as_shutdown(rim_ctx *ctx, struct play *play, rim_exit why) {
    (void)play;
    CHECK(why.code == RIM_EXIT_SHUTDOWN);
    scenario_done(ctx);
}

void contract_06_shutdown_ends_the_linked(struct scenario *s) {
    play_run(s, (struct play){.go = link_and_shut_down, .end = end_as_shutdown});
}

static void link_and_kill(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    CHECK(rim_kill(ctx, play->subject) == 0);
}

static void exit_as_killed(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    CHECK(event->from == play->subject);
    CHECK(event->linked);
    CHECK(event->code == RIM_EXIT_KILLED);
    CHECK(strcmp(event->text, "killed") == 0);
    scenario_done(ctx);
}

void contract_06_linked_actor_that_traps_sees_killed(struct scenario *s) {
    play_run(s, (struct play){.go = link_and_kill, .exit = exit_as_killed, .trap = true});
}

/* ---- traps ---- */

static void exit_as_normal(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    CHECK(event->from == play->subject && event->linked && event->code == RIM_EXIT_NORMAL);
    CHECK(play->words == WORDS); /* after all that it had sent */
    scenario_done(ctx);
}

static void link_to_a_talker(rim_ctx *ctx, struct play *play) {
    CHECK(!rim_trap_exit(ctx, true));
    CHECK(rim_trap_exit(ctx, true));
    link_to_it(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_NORMAL, WORDS);
}

void contract_06_trapped_exit_comes_after_everything_that_the_dead_actor_sent(struct scenario *s) {
    play_run(s, (struct play){.go = link_to_a_talker, .exit = exit_as_normal});
}

/* ---- absent ---- */

static void link_again(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    CHECK(event->from == play->subject && event->linked);
    if (play->exits == 1) {
        CHECK(event->code == RIM_EXIT_USER + 3);
        link_to_it(ctx, play);
        return;
    }
    CHECK(event->code == RIM_EXIT_NOACTOR);
    CHECK(strcmp(event->text, "no such actor") == 0);
    scenario_done(ctx);
}

void contract_06_link_to_an_absent_actor_is_an_exit_signal(struct scenario *s) {
    play_run(s, (struct play){.go = link_and_fail, .exit = link_again, .trap = true});
}

/* ---- one link ---- */

static void link_from_both_sides(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    CHECK(rim_send(ctx, play->subject, PLAY_LINK, NULL, 0) == 0);
    link_to_it(ctx, play);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, 0);
    rim_after(ctx, RIM_MS(20), 0);
}

static void any_exit(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    (void)ctx;
    (void)play;
    CHECK(event->code == RIM_EXIT_USER);
}

static void one_exit(rim_ctx *ctx, struct play *play, uint64_t cookie) {
    (void)cookie;
    if (play->exits == 0) {
        rim_after(ctx, RIM_MS(20), 0);
        return;
    }
    CHECK(play->exits == 1);
    scenario_done(ctx);
}

void contract_06_linking_twice_is_one_link(struct scenario *s) {
    play_run(s, (struct play){.go = link_from_both_sides, .exit = any_exit, .timer = one_exit, .trap = true});
}

static void link_and_end(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    role_say(ctx, rim_self(ctx), WORD, 0); /* not handled any more */
    CHECK(rim_exit_send(ctx, rim_self(ctx), RIM_EXIT_USER + 9, "enough") == 0);
}

static void end_with_nine(rim_ctx *ctx, struct play *play, rim_exit why) {
    (void)ctx;
    CHECK(why.code == RIM_EXIT_USER + 9);
    CHECK(strcmp(why.text, "enough") == 0);
    CHECK(play->words == 0);
}

void contract_06_links_work_in_both_directions(struct scenario *s) {
    play_run(s, (struct play){.go = link_and_end, .end = end_with_nine, .wanted = 1});
}

/* ---- unlinked ---- */

static void unlink_and_fail(rim_ctx *ctx, struct play *play) {
    for (int i = 0; i < 3; i++) { /* the last word counts, whatever crosses on the way */
        link_to_it(ctx, play);
        CHECK(rim_send(ctx, play->subject, PLAY_LINK, NULL, 0) == 0);
        CHECK(rim_unlink(ctx, play->subject) == 0);
    }
    CHECK(rim_send(ctx, play->subject, PLAY_PING, NULL, 0) == 0);
}

static void fail_after_unlink(rim_ctx *ctx, struct play *play, uint64_t number) {
    (void)number;
    CHECK(rim_unlink(ctx, play->subject) == 0); /* the subject may have linked since */
    CHECK(rim_unlink(ctx, play->subject) == 0);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, 0);
    rim_after(ctx, RIM_MS(20), 0);
}

void contract_06_unlinked_actors_do_not_hear_of_each_other(struct scenario *s) {
    play_run(s, (struct play){
                    .go = unlink_and_fail, .word = fail_after_unlink, .timer = done_at_the_timer, .end = unwanted_end});
    play_run(s,
             (struct play){.go = unlink_and_fail, .word = fail_after_unlink, .timer = done_at_the_timer, .trap = true});
}

static void end_two(rim_ctx *ctx, struct play *play) {
    link_to_it(ctx, play);
    play->third = play_spawn(ctx, play, (rim_spawn_options){.link = true}, &play_subject);
    play_tell_end(ctx, play->subject, RIM_EXIT_USER, 0);
    play_tell_end(ctx, play->third, RIM_EXIT_USER, 0);
}

static void unlink_the_other(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    rim_ref other = event->from == play->subject ? play->third : play->subject;
    CHECK(play->exits == 1);
    CHECK(rim_unlink(ctx, other) == 0); /* also if its event is queued already */
    rim_after(ctx, RIM_MS(20), 0);
}

void contract_08_exit_event_of_an_unlinked_actor_does_not_arrive(struct scenario *s) {
    play_run(s, (struct play){.go = end_two, .exit = unlink_the_other, .timer = one_exit, .trap = true});
}

/* ---- signals without links ---- */

static void send_normal(rim_ctx *ctx, struct play *play) {
    CHECK(rim_exit_send(ctx, play->subject, RIM_EXIT_NORMAL, NULL) == 0); /* ignored */
    CHECK(rim_monitor(ctx, play->subject, 0) != RIM_NIL);
    CHECK(rim_exit_send(ctx, play->subject, RIM_EXIT_USER + 2, "by signal") == 0);
    CHECK(rim_exit_send(ctx, play->subject, RIM_EXIT_USER + 3, "too late") == 0);
}

static void down_by_signal(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->who == play->subject);
    CHECK(down->code == RIM_EXIT_USER + 2);
    CHECK(strcmp(down->text, "by signal") == 0);
    scenario_done(ctx);
}

void contract_06_exit_signal_needs_no_link_and_normal_is_ignored(struct scenario *s) {
    play_run(s, (struct play){.go = send_normal, .down = down_by_signal});
}

static void stop_oneself(rim_ctx *ctx, struct play *play) {
    (void)play;
    CHECK(rim_exit_send(ctx, rim_self(ctx), RIM_EXIT_NORMAL, "by myself") == 0);
}

static void end_normally(rim_ctx *ctx, struct play *play, rim_exit why) {
    (void)play;
    CHECK(why.code == RIM_EXIT_NORMAL);
    CHECK(strcmp(why.text, "by myself") == 0);
    scenario_done(ctx);
}

void contract_06_normal_exit_signal_to_oneself_ends(struct scenario *s) {
    play_run(s, (struct play){.go = stop_oneself, .end = end_normally});
}

static void signal_a_trap(rim_ctx *ctx, struct play *play) {
    play->subject = play_spawn(ctx, play, (rim_spawn_options){.trap_exit = true, .monitor = true}, &play_subject);
    CHECK(rim_exit_send(ctx, play->subject, RIM_EXIT_KILLED, NULL) ==
          0); /* may be trapped, as an event without a row */
    CHECK(rim_exit_send(ctx, rim_self(ctx), RIM_EXIT_NORMAL, "to myself") == 0);
    CHECK(rim_send(ctx, play->subject, PLAY_PING, NULL, 0) == 0);
}

static void exit_from_oneself(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    (void)play;
    CHECK(event->from == rim_self(ctx) && rim_sender(ctx) == rim_self(ctx));
    CHECK(event->code == RIM_EXIT_NORMAL && !event->linked);
    CHECK(strcmp(event->text, "to myself") == 0);
}

static void kill_the_trap(rim_ctx *ctx, struct play *play, uint64_t number) {
    (void)number;
    CHECK(play->exits == 1 && play->downs == 0);
    CHECK(rim_kill(ctx, play->subject) == 0);
}

static void down_by_kill(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->who == play->subject);
    CHECK(down->code == RIM_EXIT_KILLED);
    CHECK(atomic_load(&play->subject_code) == RIM_EXIT_KILLED);
    scenario_done(ctx);
}

void contract_06_kill_cannot_be_trapped_and_killed_can(struct scenario *s) {
    play_run(s, (struct play){.go = signal_a_trap,
                              .exit = exit_from_oneself,
                              .word = kill_the_trap,
                              .down = down_by_kill,
                              .trap = true,
                              .alone = true});
}

/* ---- with the spawn, in one step ---- */

static void spawn_linked(rim_ctx *ctx, struct play *play) {
    play->subject = play_spawn(ctx, play, (rim_spawn_options){.link = true, .monitor = true}, &play_stillborn);
}

static void exit_of_the_stillborn(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    (void)ctx;
    CHECK(event->from == play->subject && event->linked && event->code == RIM_EXIT_INIT);
    if (play->exits + play->downs == 2) {
        scenario_done(ctx);
    }
}

static void down_of_the_stillborn(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->who == play->subject && down->code == RIM_EXIT_INIT && down->cookie == 0);
    if (play->exits + play->downs == 2) {
        scenario_done(ctx);
    }
}

void contract_06_link_made_with_the_spawn_sees_a_failed_init(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_linked,
                              .exit = exit_of_the_stillborn,
                              .down = down_of_the_stillborn,
                              .trap = true,
                              .alone = true});
}

/* ---- many ---- */

#define MANY 2000u

static void spawn_many(rim_ctx *ctx, struct play *play, uint64_t number) {
    rim_spawn_options options = {.place = RIM_ON_SHARD, .shard = play->shard, .link = true, .monitor = true};
    rim_ref ref;
    int error = 0;
    while (number < MANY && (error = rim_spawn(ctx, &play_stillborn, &options, NULL, 0, &ref)) == 0) {
        number++;
    }
    CHECK(error == 0 || error == -RIM_EFULL);
    if (number < MANY) { /* the way is full: after a turn it goes on */
        role_say(ctx, rim_self(ctx), WORD, number);
    }
}

static void spawn_the_first(rim_ctx *ctx, struct play *play) {
    spawn_many(ctx, play, 0);
}

static void check_all(rim_ctx *ctx, const struct play *play) {
    CHECK(play->exits <= MANY && play->downs <= MANY);
    if (play->exits == MANY && play->downs == MANY) {
        scenario_done(ctx);
    }
}

static void exit_of_one(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    CHECK(event->code == RIM_EXIT_INIT && event->linked);
    check_all(ctx, play);
}

static void down_of_one(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->code == RIM_EXIT_INIT);
    check_all(ctx, play);
}

void contract_06_actor_with_many_links_and_monitors_hears_of_each_end_once(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_the_first,
                              .word = spawn_many,
                              .exit = exit_of_one,
                              .down = down_of_one,
                              .trap = true,
                              .alone = true});
}
