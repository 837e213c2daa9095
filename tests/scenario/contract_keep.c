/* SPDX-License-Identifier: MIT */
/* Point 7 of the contract: an actor that is kept when it fails, and restarted in place. */
#include "play.h"

#define MESSAGES 6u
#define BAD      2u

/* Numbers its lives by its argument, counts its messages, fails at the bad one, and tells the rest to its keeper. */
struct phoenix {
    struct role_cast cast; /* index: the life */
    uint64_t count;
    void *memory;
};

enum { PHOENIX_NUMBER = TAGS, PHOENIX_UNLINK };

ROLE_OUTCOME(phoenix_outcome) {
    CHECK(!"an outcome of the life before");
    return RIM_DONE;
}

ROLE_ON(phoenix_number) {
    struct phoenix *phoenix = self;
    uint64_t number = role_number(body);
    phoenix->count++;
    if (number == BAD) {
        CHECK(phoenix->cast.index == 0); /* never a second time */
        phoenix->memory = rim_alloc(ctx, 100);
        CHECK(rim_after(ctx, 1, 0) != RIM_NIL);
        CHECK(rim_every(ctx, RIM_MS(1), RIM_MS(1), 0) != RIM_NIL);
        CHECK(rim_monitor(ctx, rim_sender(ctx), 0) != RIM_NIL);
        rim_ask ask = {.to = rim_sender(ctx), .tag = NOBODY, .timeout_ns = RIM_MS(1), .on_outcome = phoenix_outcome};
        CHECK(rim_request(ctx, &ask, NULL) == 0);
        CHECK(rim_trap_exit(ctx, true) == false);
        return rim_fail(ctx, RIM_EXIT_USER + 1, "number %u", BAD);
    }
    role_say(ctx, rim_sender(ctx), WORD, phoenix->cast.index * 100 + phoenix->count * 10 + number);
    return RIM_DONE;
}

ROLE_ON(phoenix_timer) {
    CHECK(!"a timer of the life before");
    return RIM_DONE;
}

static rim_verdict phoenix_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    struct phoenix *phoenix = self;
    CHECK(phoenix->count == 0 && phoenix->memory == NULL && phoenix->cast.world == NULL);
    CHECK(size == sizeof phoenix->cast);
    memcpy(&phoenix->cast, arg, sizeof phoenix->cast);
    CHECK(rim_trap_exit(ctx, false) == false); /* as at its birth */
    return phoenix->cast.index < 9 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "nine lives");
}

static void phoenix_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct phoenix *phoenix = self;
    struct play *play = phoenix->cast.world;
    (void)ctx;
    atomic_fetch_add(&play->ended, 1);
    atomic_store(&play->subject_code, why.code);
}

static const rim_handler phoenix_on[] = {[PHOENIX_NUMBER] = phoenix_number, [RIM_TIMER] = phoenix_timer};
static const rim_behaviour phoenix = {.name = "phoenix",
                                      .state_size = sizeof(struct phoenix),
                                      .init = phoenix_init,
                                      .exit = phoenix_exit,
                                      .on = phoenix_on,
                                      .on_count = RIM_COUNT(phoenix_on)};

static void spawn_it(rim_ctx *ctx, struct play *play) {
    rim_spawn_options options = {.keep = true, .monitor = true};
    play->subject = play_spawn(ctx, play, options, &phoenix);
}

static void spawn_and_send(rim_ctx *ctx, struct play *play) {
    spawn_it(ctx, play);
    for (uint64_t i = 0; i < MESSAGES; i++) {
        role_say(ctx, play->subject, PHOENIX_NUMBER, i);
    }
}

static void revive_as(rim_ctx *ctx, struct play *play, uint64_t life) {
    struct role_cast cast = {.world = play, .index = life};
    CHECK(rim_revive(ctx, play->subject, &cast, sizeof cast) == 0);
}

/* ---- revived ---- */

static void revive_it(rim_ctx *ctx, struct play *play, const rim_failed_event *failed) {
    CHECK(failed->who == play->subject && rim_sender(ctx) == play->subject);
    CHECK(failed->code == RIM_EXIT_USER + 1);
    CHECK(strcmp(failed->text, "number 2") == 0);
    CHECK(play->words == BAD);
    CHECK(play->failures == 1);
    CHECK(atomic_load(&play->ended) == 1); /* its exit has run */
    CHECK(rim_revive(ctx, play->subject, NULL, 1) == -EINVAL);
    CHECK(rim_revive(ctx, RIM_NIL, NULL, 0) == -RIM_EBADREF);
    revive_as(ctx, play, 1);
    if (play->shard == 0) {
        struct role_cast cast = {0};
        CHECK(rim_revive(ctx, play->subject, &cast, sizeof cast) == -RIM_ECONTEXT);
    }
}

static void word_of_some_life(rim_ctx *ctx, struct play *play, uint64_t number) {
    static const uint64_t expected[] = {10, 21, 113, 124, 135};
    CHECK(play->words <= RIM_COUNT(expected) && number == expected[play->words - 1]);
    if (play->words == RIM_COUNT(expected)) {
        CHECK(play->downs == 0 && play->exits == 0 && play->failures == 1);
        rim_after(ctx, RIM_MS(10), 0); /* for what must not come */
    }
}

static void over(rim_ctx *ctx, struct play *play, uint64_t cookie) {
    (void)play;
    (void)cookie;
    scenario_done(ctx);
}

void contract_07_kept_actor_restarts_in_place_without_the_message_that_failed_it(struct scenario *s) {
    play_run(s,
             (struct play){
                 .go = spawn_and_send, .failed = revive_it, .word = word_of_some_life, .timer = over, .alone = true});
}

/* ---- its init fails ---- */

static void revive_in_vain(rim_ctx *ctx, struct play *play, const rim_failed_event *failed) {
    if (play->failures < 3) {
        CHECK(failed->code == (play->failures == 1 ? RIM_EXIT_USER + 1 : RIM_EXIT_INIT));
        revive_as(ctx, play, 9);
        return;
    }
    CHECK(strcmp(failed->text, "nine lives") == 0);
    CHECK(rim_kill(ctx, play->subject) == 0);
}

static void down_as_killed(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->who == play->subject && down->code == RIM_EXIT_KILLED);
    CHECK(atomic_load(&play->ended) == 1); /* once for its one life */
    struct role_cast cast = {.world = play};
    CHECK(rim_revive(ctx, play->subject, &cast, sizeof cast) == (play->shard == 0 ? -RIM_EDOWN : 0));
    scenario_done(ctx);
}

static void exit_as_killed(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    (void)ctx;
    CHECK(event->from == play->subject && event->code == RIM_EXIT_KILLED);
}

void contract_07_kept_actor_whose_init_fails_again_is_still_kept(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_and_send,
                              .failed = revive_in_vain,
                              .down = down_as_killed,
                              .exit = exit_as_killed,
                              .trap = true,
                              .alone = true});
}

static void spawn_the_ninth(rim_ctx *ctx, struct play *play) {
    struct role_cast cast = {.world = play, .index = 9};
    rim_spawn_options options = {.keep = true, .monitor = true, .place = RIM_ON_SHARD, .shard = play->shard};
    CHECK(rim_spawn(ctx, &phoenix, &options, &cast, sizeof cast, &play->subject) == 0);
}

static void never_failed(rim_ctx *ctx, struct play *play, const rim_failed_event *failed) {
    (void)ctx;
    (void)play;
    (void)failed;
    CHECK(!"kept");
}

static void down_at_birth(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->who == play->subject && down->code == RIM_EXIT_INIT);
    scenario_done(ctx);
}

static void exit_at_birth(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    (void)ctx;
    CHECK(event->from == play->subject && event->code == RIM_EXIT_INIT);
}

void contract_07_init_that_fails_at_the_first_start_is_an_end(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_the_ninth,
                              .failed = never_failed,
                              .down = down_at_birth,
                              .exit = exit_at_birth,
                              .trap = true,
                              .alone = true});
}

/* ---- nobody revives it ---- */

void contract_07_kept_actor_of_a_keeper_without_a_row_is_killed(struct scenario *s) {
    play_run(s, (struct play){
                    .go = spawn_and_send, .down = down_as_killed, .exit = exit_as_killed, .trap = true, .alone = true});
}

static void stop_the_keeper(rim_ctx *ctx, struct play *play, const rim_failed_event *failed) {
    (void)play;
    (void)failed;
    CHECK(rim_exit_send(ctx, rim_self(ctx), RIM_EXIT_NORMAL, "leaves") == 0);
}

ROLE_ON(heir_down) {
    struct play *play = role_world(self);
    const rim_down_event *down = body;
    CHECK(down->who == play->subject);
    CHECK(down->code == RIM_EXIT_SHUTDOWN);
    scenario_done(ctx);
    return RIM_DONE;
}

ROLE_ON(heir_word) {
    CHECK(rim_monitor(ctx, role_number(body), 0) != RIM_NIL);
    role_say(ctx, rim_sender(ctx), WORD, 0);
    return RIM_DONE;
}
static const rim_handler heir_on[] = {[WORD] = heir_word, [RIM_DOWN] = heir_down};
ROLE(heir, heir_on);

static void spawn_with_heir(rim_ctx *ctx, struct play *play) {
    spawn_it(ctx, play);
    play->third = role_add(ctx, &heir, 0, (struct role_cast){.world = play});
    role_say(ctx, play->third, WORD, play->subject);
}

static void make_it_fail(rim_ctx *ctx, struct play *play, uint64_t number) {
    (void)number; /* the heir watches, by what will be there before the message */
    role_say(ctx, play->subject, PHOENIX_NUMBER, BAD);
}

void contract_07_suspended_actor_ends_with_its_keeper(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_with_heir, .failed = stop_the_keeper, .word = make_it_fail, .alone = true});
}

/* ---- the link undone ---- */

static void unlink_it(rim_ctx *ctx, struct play *play, const rim_failed_event *failed) {
    (void)failed;
    CHECK(rim_unlink(ctx, play->subject) == 0);
}

void contract_07_suspended_actor_is_killed_when_its_link_is_undone(struct scenario *s) {
    play_run(s, (struct play){.go = spawn_and_send, .failed = unlink_it, .down = down_as_killed, .alone = true});
}

static void unlink_first(rim_ctx *ctx, struct play *play) {
    spawn_it(ctx, play);
    CHECK(rim_unlink(ctx, play->subject) == 0);
    CHECK(rim_link(ctx, play->subject) == 0); /* a link like any other */
    role_say(ctx, play->subject, PHOENIX_NUMBER, BAD);
}

static void down_as_failed(rim_ctx *ctx, struct play *play, const rim_down_event *down) {
    CHECK(down->who == play->subject && down->code == RIM_EXIT_USER + 1);
    scenario_done(ctx);
}

static void exit_as_failed(rim_ctx *ctx, struct play *play, const rim_exit_event *event) {
    (void)ctx;
    CHECK(event->from == play->subject && event->code == RIM_EXIT_USER + 1);
}

void contract_07_actor_whose_link_was_undone_is_not_kept(struct scenario *s) {
    play_run(s, (struct play){.go = unlink_first,
                              .failed = never_failed,
                              .down = down_as_failed,
                              .exit = exit_as_failed,
                              .trap = true,
                              .alone = true});
}
