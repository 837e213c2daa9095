/* SPDX-License-Identifier: MIT */
#include "play.h"

/* ---- the subject ---- */

ROLE_ON(subject_end) {
    const struct play_end *end = body;
    for (uint32_t i = 0; i < end->words; i++) {
        role_say(ctx, rim_sender(ctx), WORD, i);
    }
    return end->code == RIM_EXIT_NORMAL ? RIM_STOP : rim_fail(ctx, end->code, "told to end");
}

ROLE_ON(subject_link) {
    CHECK(rim_link(ctx, rim_sender(ctx)) == 0);
    return RIM_DONE;
}

ROLE_ON(subject_nothing) {
    return RIM_DONE;
}

ROLE_ON(subject_ping) {
    role_say(ctx, rim_sender(ctx), WORD, 0);
    return RIM_DONE;
}

static void subject_exit(rim_ctx *ctx, void *self, rim_exit why) {
    struct play *play = role_world(self);
    atomic_store(&play->subject_code, why.code);
    if (atomic_fetch_add(&play->ended, 1) + 1 == play->wanted) {
        scenario_done(ctx);
    }
}

static rim_verdict subject_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    rim_verdict verdict = role_init(ctx, self, arg, size);
    struct play *play = role_world(self);
    atomic_fetch_add(&play->born, 1);
    return verdict;
}

static const rim_handler subject_on[] = {
    [PLAY_END] = subject_end, [PLAY_LINK] = subject_link, [PLAY_NOTHING] = subject_nothing, [PLAY_PING] = subject_ping};
const rim_behaviour play_subject = {.name = "subject",
                                    .state_size = sizeof(struct role),
                                    .init = subject_init,
                                    .exit = subject_exit,
                                    .on = subject_on,
                                    .on_count = RIM_COUNT(subject_on)};

static rim_verdict stillborn_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)self;
    (void)arg;
    (void)size;
    return rim_fail(ctx, RIM_EXIT_USER, "it will not be");
}
const rim_behaviour play_stillborn = {.name = "stillborn", .init = stillborn_init};

void play_tell_end(rim_ctx *ctx, rim_ref subject, uint32_t code, uint32_t words) {
    struct play_end end = {.code = code, .words = words};
    CHECK(rim_send(ctx, subject, PLAY_END, &end, sizeof end) == 0);
}

rim_ref play_spawn(rim_ctx *ctx, struct play *play, rim_spawn_options options, const rim_behaviour *behaviour) {
    struct role_cast cast = {.world = play};
    rim_ref ref = RIM_NIL;
    options.place = RIM_ON_SHARD;
    options.shard = play->shard;
    CHECK(rim_spawn(ctx, behaviour, &options, &cast, sizeof cast, &ref) == 0);
    return ref;
}

/* ---- the observer ---- */

ROLE_ON(observer_go) {
    struct play *play = role_world(self);
    play->observer = rim_self(ctx);
    play->go(ctx, play);
    return RIM_DONE;
}

ROLE_ON(observer_word) {
    struct play *play = role_world(self);
    play->words++;
    if (play->word != NULL) {
        play->word(ctx, play, role_number(body));
    }
    return RIM_DONE;
}

ROLE_ON(observer_timer) {
    struct play *play = role_world(self);
    CHECK(play->timer != NULL);
    if (play->timer != NULL) {
        play->timer(ctx, play, ((const rim_timer_event *)body)->cookie);
    }
    return RIM_DONE;
}

ROLE_ON(observer_down) {
    struct play *play = role_world(self);
    CHECK(rim_size(msg) == sizeof(rim_down_event));
    play->downs++;
    CHECK(play->down != NULL);
    if (play->down != NULL) {
        play->down(ctx, play, body);
    }
    return RIM_DONE;
}

ROLE_ON(observer_exit) {
    struct play *play = role_world(self);
    CHECK(rim_size(msg) == sizeof(rim_exit_event));
    play->exits++;
    CHECK(play->exit != NULL);
    if (play->exit != NULL) {
        play->exit(ctx, play, body);
    }
    return RIM_DONE;
}

static void observer_end(rim_ctx *ctx, void *self, rim_exit why) {
    struct play *play = role_world(self);
    if (play->end != NULL) {
        play->end(ctx, play, why);
    }
}

static const rim_handler observer_on[] = {
    [GO] = observer_go,
    [WORD] = observer_word,
    [RIM_TIMER] = observer_timer,
    [RIM_DOWN] = observer_down,
    [RIM_EXIT_SIGNAL] = observer_exit,
};
ROLE(observer, observer_on, .exit = observer_end);

ROLE_ON(keeper_failed) {
    struct play *play = role_world(self);
    CHECK(rim_size(msg) == sizeof(rim_failed_event));
    play->failures++;
    play->failed(ctx, play, body);
    return RIM_DONE;
}

static const rim_handler keeper_on[] = {
    [GO] = observer_go,
    [WORD] = observer_word,
    [RIM_TIMER] = observer_timer,
    [RIM_DOWN] = observer_down,
    [RIM_EXIT_SIGNAL] = observer_exit,
    [RIM_FAILED] = keeper_failed,
};
ROLE(keeper, keeper_on, .exit = observer_end);

void play_run(struct scenario *s, struct play script) {
    static struct play plays[2]; /* they outlive their systems' actors */
    for (uint32_t shard = 0; shard < 2; shard++) {
        struct play *play = &plays[shard];
        *play = script;
        play->shard = shard;
        scenario_open_lanes(s);
        scenario_system_with(s, &(rim_config){.shards = 2, .mailbox_count = script.backlog});
        if (!script.alone) {
            play->subject = role_spawn(s, &play_subject, shard, (struct role_cast){.world = play});
            while (atomic_load(&play->born) == 0) {
                scenario_pass_time(s, RIM_MS(1));
            }
        }
        role_go(s, role_spawn_with(s, script.failed != NULL ? &keeper : &observer,
                                   (rim_spawn_options){.place = RIM_ON_SHARD, .shard = 0, .trap_exit = script.trap},
                                   (struct role_cast){.world = play}));
        scenario_run(s, ROLE_LIMIT_NS);
    }
}
