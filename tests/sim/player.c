/* SPDX-License-Identifier: MIT */
/*
 * A player: whatever happens to it, it checks against the ledger, and then does one to three things by chance, as long
 * as the play's budget lasts.
 */
#include <errno.h>

#include "play.h"

#define UNUSED       __attribute__((unused))
#define DEFERRED_MAX 4u

struct player {
    struct play *play;
    uint32_t id;
    uint32_t deferred_count;
    struct {
        rim_token token;
        uint32_t asker;
    } deferred[DEFERRED_MAX];
    rim_msg *held;
};

static void do_some(rim_ctx *ctx, struct player *self);
static rim_verdict act(rim_ctx *ctx, struct player *self);
static const rim_behaviour play_other;

static uint32_t below(rim_ctx *ctx, uint32_t limit) {
    return (uint32_t)(rim_random(ctx) % limit);
}

static uint32_t someone(rim_ctx *ctx, const struct player *self) {
    return below(ctx, self->play->actors);
}

/* ---- sending ---- */

static int note_sent(rim_ctx *ctx, struct player *self, uint32_t to, int error) {
    rim_ref ref = self->play->refs[to];
    PLAY_CHECK(self->play, error == 0 || error == -RIM_EFULL || error == -RIM_EDOWN);
    if (error == 0) {
        play_note(self->play, rim_shard_of(ref) == rim_shard_index(ctx) ? PLAY_told : PLAY_told_across);
    } else if (error == -RIM_EDOWN) {
        play_note(self->play, PLAY_down);
        PLAY_CHECK(self->play, self->play->mortal[to] || self->play->stopping);
    } else {
        play_note(self->play, PLAY_full);
        PLAY_CHECK(self->play, rim_want_room(ctx, ref) == 0);
    }
    return error;
}

static int tell(rim_ctx *ctx, struct player *self, uint32_t to, const struct wire *wire) {
    rim_ref ref = self->play->refs[to];
    if (below(ctx, 2) == 0) {
        uint32_t tag = below(ctx, 40) == 0 ? PLAY_NOBODY : PLAY_TELL;
        return note_sent(ctx, self, to, rim_send(ctx, ref, tag, wire, sizeof *wire));
    }
    rim_msg *msg = wire_msg(ctx, self->play, PLAY_TELL, wire);
    return msg == NULL ? 0 : note_sent(ctx, self, to, rim_send_msg(ctx, ref, msg));
}

static void tell_someone(rim_ctx *ctx, struct player *self) {
    uint32_t to = someone(ctx, self);
    struct wire wire = wire_next(self->play, self->id, to);
    if (self->play->canary && below(ctx, 4000) == 0 && rim_backlog(ctx) > 0) { /* the planted fault: out of order */
        struct wire next = wire_next(self->play, self->id, to);
        tell(ctx, self, to, &next);
    }
    tell(ctx, self, to, &wire);
}

static void flood_someone(rim_ctx *ctx, struct player *self) {
    uint32_t to = someone(ctx, self), count = 5 + below(ctx, 40);
    for (uint32_t i = 0; i < count; i++) {
        struct wire wire = wire_next(self->play, self->id, to);
        if (tell(ctx, self, to, &wire) != 0 && below(ctx, 2) == 0) {
            return; /* the others send on, heedless */
        }
    }
}

/* ---- asking ---- */

static enum play_event event_of(int error) {
    switch (error) {
    case 0:
        return PLAY_reply;
    case -ETIMEDOUT:
        return PLAY_timed_out;
    case -RIM_EDOWN:
        return PLAY_request_down;
    case -RIM_EFULL:
        return PLAY_request_full;
    case -RIM_EREFUSED:
        return PLAY_request_refused;
    case -RIM_ENOREPLY:
        return PLAY_no_reply;
    case -RIM_ENOHANDLER:
        return PLAY_no_handler;
    default:
        return PLAY_EVENT_COUNT;
    }
}

static rim_verdict on_outcome(rim_ctx *ctx, void *state, uint64_t cookie, int error, const void *body, rim_msg *msg) {
    struct player *self = state;
    struct play *play = self->play;
    struct play_entry *request = &play->requests[cookie];
    PLAY_CHECK(play, request->owner == self->id);
    PLAY_CHECK(play, request->state == PLAY_OPEN);
    PLAY_CHECK(play, error != -ETIMEDOUT || rim_now(ctx) >= request->due_ns);
    PLAY_CHECK(play, (error == 0) == (msg != NULL));
    request->state = PLAY_OVER;
    enum play_event event = event_of(error);
    PLAY_CHECK(play, event != PLAY_EVENT_COUNT);
    if (event != PLAY_EVENT_COUNT) {
        play_note(play, event);
    }
    if (error == 0) {
        PLAY_CHECK(play, rim_tag(msg) == PLAY_REPLY);
        wire_arrived(play, self->id, body, rim_size(msg));
    }
    return act(ctx, self);
}

static void ask_someone(rim_ctx *ctx, struct player *self) {
    static const uint64_t timeouts_ns[] = {1000, 20000, 100000, 1000000, 50000000};
    struct play *play = self->play;
    uint32_t to = someone(ctx, self);
    if (play->request_count == PLAY_ENTRIES) {
        return;
    }
    struct wire wire = wire_next(play, self->id, to);
    struct play_entry *request = &play->requests[play->request_count];
    rim_ask ask = {.to = play->refs[to],
                   .tag = below(ctx, 30) == 0 ? PLAY_NOBODY : PLAY_ASK,
                   .body = &wire,
                   .size = sizeof wire,
                   .timeout_ns = timeouts_ns[below(ctx, RIM_COUNT(timeouts_ns))],
                   .on_outcome = on_outcome,
                   .cookie = play->request_count};
    if (below(ctx, 3) == 0) {
        ask.msg = wire_msg(ctx, play, PLAY_ASK, &wire);
    }
    uint64_t due_ns = rim_now(ctx) + ask.timeout_ns, inherited_ns = rim_deadline(ctx);
    due_ns = inherited_ns != 0 && inherited_ns < due_ns ? inherited_ns : due_ns;
    *request = (struct play_entry){.owner = self->id, .state = PLAY_OPEN, .due_ns = due_ns};
    play->request_count++;
    if (note_sent(ctx, self, to, rim_request(ctx, &ask, &request->handle)) != 0) {
        request->state = PLAY_GONE;
    }
}

/* ---- answering ---- */

static void answer(rim_ctx *ctx, struct player *self, rim_token token, uint32_t asker) {
    struct wire wire = wire_next(self->play, self->id, asker);
    rim_msg *msg = below(ctx, 2) == 0 ? wire_msg(ctx, self->play, PLAY_REPLY, &wire) : NULL;
    if (msg != NULL) {
        PLAY_CHECK(self->play, rim_reply_msg(ctx, token, msg) == 0);
    } else {
        PLAY_CHECK(self->play, rim_reply(ctx, token, PLAY_REPLY, &wire, sizeof wire) == 0);
    }
}

static void answer_deferred(rim_ctx *ctx, struct player *self) {
    if (self->deferred_count == 0) {
        return;
    }
    uint32_t i = below(ctx, self->deferred_count);
    rim_token token = self->deferred[i].token;
    if (below(ctx, 5) == 0) {
        PLAY_CHECK(self->play, rim_refuse(ctx, token, -RIM_EREFUSED) == 0);
    } else {
        answer(ctx, self, token, self->deferred[i].asker);
    }
    PLAY_CHECK(self->play, rim_refuse(ctx, token, -RIM_EREFUSED) == -RIM_EBADREF);
    self->deferred[i] = self->deferred[--self->deferred_count];
    play_note(self->play, PLAY_answered_later);
}

static rim_verdict on_ask(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct player *self = state;
    struct wire wire;
    wire_arrived(self->play, self->id, body, rim_size(msg));
    memcpy(&wire, body, sizeof wire);
    PLAY_CHECK(self->play, rim_is_request(ctx));
    uint32_t how = below(ctx, 10);
    if (how < 4) {
        answer(ctx, self, RIM_NIL, wire.from);
    } else if (how < 5) {
        PLAY_CHECK(self->play, rim_refuse(ctx, RIM_NIL, -RIM_EREFUSED) == 0);
    } else if (how < 9 && self->deferred_count < DEFERRED_MAX) {
        self->deferred[self->deferred_count].token = rim_defer(ctx);
        self->deferred[self->deferred_count++].asker = wire.from;
        play_note(self->play, PLAY_deferred);
    }
    return act(ctx, self);
}

/* ---- timers, and cancelling ---- */

static void set_timer(rim_ctx *ctx, struct player *self) {
    static const uint64_t delays_ns[] = {0, 1000, 30000, 500000, 3000000};
    struct play *play = self->play;
    if (play->timer_count == PLAY_ENTRIES) {
        return;
    }
    uint64_t delay_ns = delays_ns[below(ctx, RIM_COUNT(delays_ns))];
    uint64_t period_ns = below(ctx, 3) == 0 ? 2000 + below(ctx, 100000) : 0;
    struct play_entry *timer = &play->timers[play->timer_count];
    *timer = (struct play_entry){.owner = self->id,
                                 .state = PLAY_OPEN,
                                 .due_ns = rim_now(ctx) + delay_ns,
                                 .period_ns = period_ns};
    timer->handle = period_ns != 0 ? rim_every(ctx, delay_ns, period_ns, play->timer_count)
                                   : rim_after(ctx, delay_ns, play->timer_count);
    PLAY_CHECK(play, timer->handle != RIM_NIL);
    play->timer_count++;
}

static void cancel(rim_ctx *ctx, struct player *self, struct play_entry *entry, enum play_event event) {
    bool was_open = entry->state == PLAY_OPEN;
    PLAY_CHECK(self->play, rim_cancel(ctx, entry->handle) == was_open);
    entry->state = was_open ? PLAY_CANCELLED : entry->state;
    play_note(self->play, was_open ? event : PLAY_cancelled_too_late);
}

static void cancel_one(rim_ctx *ctx, struct player *self, struct play_entry *entries, uint32_t count,
                       enum play_event event) {
    uint32_t from = count > 12 ? count - 12 : 0; /* of the latest, where there is some hope */
    for (uint32_t i = from; i < count; i++) {
        if (entries[i].owner == self->id && entries[i].handle != RIM_NIL && below(ctx, 2) == 0) {
            cancel(ctx, self, &entries[i], event);
            return;
        }
    }
}

static rim_verdict on_timer(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    const rim_timer_event *event = body;
    struct player *self = state;
    struct play_entry *timer = &self->play->timers[event->cookie];
    PLAY_CHECK(self->play, timer->owner == self->id);
    PLAY_CHECK(self->play, timer->state == PLAY_OPEN);
    PLAY_CHECK(self->play, timer->handle == event->timer);
    PLAY_CHECK(self->play, rim_now(ctx) >= timer->due_ns + event->missed * timer->period_ns);
    play_note(self->play, PLAY_fired);
    if (event->missed > 0) {
        play_note(self->play, PLAY_missed_periods);
    }
    timer->due_ns += (event->missed + 1) * timer->period_ns;
    if (timer->period_ns == 0) {
        timer->state = PLAY_OVER;
    } else if (below(ctx, 4) == 0 || self->play->budget == 0) {
        cancel(ctx, self, timer, PLAY_cancelled_timer);
    }
    return act(ctx, self);
}

/* ---- spawning and ending ---- */

static void spawn_one(rim_ctx *ctx, struct player *self) {
    struct play *play = self->play;
    if (play->actors == PLAY_ACTORS) {
        return;
    }
    rim_spawn_options options = {.place = (enum rim_place)below(ctx, 4),
                                 .shard = below(ctx, rim_shard_count(ctx)),
                                 .hash = rim_random(ctx),
                                 .mailbox_count = below(ctx, 2) * (2 + below(ctx, 20)),
                                 .mailbox_bytes = below(ctx, 2) * 3000,
                                 .budget = below(ctx, 4)};
    struct play_cast cast = {.play = play, .id = play->actors};
    rim_ref ref;
    int error = rim_spawn(ctx, &play_player, &options, &cast, sizeof cast, &ref);
    PLAY_CHECK(play, error == 0 || error == -RIM_EFULL);
    if (error != 0) {
        play_note(play, PLAY_spawn_full);
        return;
    }
    play->refs[play->actors++] = ref;
    play_note(play, PLAY_spawned);
}

static void stop_someone(rim_ctx *ctx, struct player *self) {
    uint32_t who = someone(ctx, self);
    int error = rim_stop(ctx, self->play->refs[who]);
    PLAY_CHECK(self->play, error == 0 || (error == -RIM_EDOWN && self->play->mortal[who]));
    self->play->mortal[who] = true;
    play_note(self->play, PLAY_stopped_other);
}

static void end_entries(uint32_t id, struct play_entry *entries, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (entries[i].owner == id && entries[i].state == PLAY_OPEN) {
            entries[i].state = PLAY_GONE;
        }
    }
}

static void leave(rim_ctx *ctx, void *state, rim_exit why UNUSED) {
    struct player *self = state;
    if (below(ctx, 3) == 0) {
        tell_someone(ctx, self);
    }
    self->play->mortal[self->id] = true;
    rim_msg_free(ctx, self->held);
    end_entries(self->id, self->play->requests, self->play->request_count);
    end_entries(self->id, self->play->timers, self->play->timer_count);
}

static rim_verdict on_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct player *self = state;
    const struct play_cast *cast = arg;
    PLAY_CHECK(cast->play, size == sizeof *cast);
    self->play = cast->play;
    self->id = cast->id;
    if (self->id >= 4 && below(ctx, 25) == 0) {
        self->play->mortal[self->id] = true;
        play_note(self->play, PLAY_init_failed);
        return RIM_FAIL;
    }
    PLAY_CHECK(self->play, rim_self(ctx) == self->play->refs[self->id]);
    if (below(ctx, 2) == 0) {
        PLAY_CHECK(self->play, rim_watch_dead_letters(ctx, true) % RIM_ELIMIT == 0);
    }
    do_some(ctx, self);
    return RIM_DONE;
}

/* ---- hearing ---- */

static rim_verdict on_tell(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct player *self = state;
    wire_arrived(self->play, self->id, body, rim_size(msg));
    if (below(ctx, 8) == 0) {
        rim_msg_free(ctx, self->held);
        self->held = rim_take(ctx, msg);
        PLAY_CHECK(self->play, self->held != NULL);
        play_note(self->play, PLAY_taken);
    }
    return act(ctx, self);
}

static void forward(rim_ctx *ctx, struct player *self) {
    if (self->held != NULL) {
        rim_msg_retag(self->held, PLAY_FORWARDED);
        int error = rim_try_send(ctx, self->play->refs[someone(ctx, self)], &self->held);
        PLAY_CHECK(self->play, (error == 0) == (self->held == NULL));
        self->play->events[PLAY_forwarded] += error == 0;
    }
}

static rim_verdict on_forwarded(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct wire wire;
    struct player *self = state;
    PLAY_CHECK(self->play, rim_size(msg) >= sizeof wire);
    memcpy(&wire, body, sizeof wire);
    PLAY_CHECK(self->play, wire.wrap == 0 || self->play->released[wire.wrap - 1] == 0);
    return act(ctx, self);
}

static rim_verdict on_room(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    play_note(((struct player *)state)->play, PLAY_room);
    return act(ctx, state);
}

static rim_verdict on_refused(rim_ctx *ctx, void *state, const void *body, rim_msg *msg UNUSED) {
    struct play *play = ((struct player *)state)->play;
    PLAY_CHECK(play, ((const rim_refused_event *)body)->count > 0);
    play_note(play, PLAY_refused);
    return act(ctx, state);
}

static rim_verdict on_closing(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct player *self = state;
    play_note(self->play, PLAY_closing);
    self->play->budget = 0; /* finish what was begun */
    while (self->deferred_count > 0) {
        answer_deferred(ctx, self);
    }
    return RIM_DONE;
}

static rim_verdict on_letter(rim_ctx *ctx UNUSED, void *state, const void *body, rim_msg *msg UNUSED) {
    struct play *play = ((struct player *)state)->play;
    const rim_dead_letter *letter = body;
    int reason = letter->reason;
    PLAY_CHECK(play,
               reason == -RIM_EDOWN || reason == -RIM_ELATE || reason == -RIM_EEXPIRED || reason == -RIM_ENOHANDLER);
    play_note(play, reason == -RIM_EDOWN      ? PLAY_dead_down
                    : reason == -RIM_ELATE    ? PLAY_dead_late
                    : reason == -RIM_EEXPIRED ? PLAY_dead_expired
                                              : PLAY_dead_no_handler);
    return RIM_DONE;
}

/* ---- acting ---- */

static void act_once(rim_ctx *ctx, struct player *self) {
    struct play *play = self->play;
    uint32_t what = below(ctx, 100);
    if (what < 35) {
        tell_someone(ctx, self);
    } else if (what < 60) {
        ask_someone(ctx, self);
    } else if (what < 67) {
        answer_deferred(ctx, self);
    } else if (what < 76) {
        set_timer(ctx, self);
    } else if (what < 80) {
        cancel_one(ctx, self, play->timers, play->timer_count, PLAY_cancelled_timer);
    } else if (what < 85) {
        cancel_one(ctx, self, play->requests, play->request_count, PLAY_cancelled_request);
    } else if (what < 91) {
        spawn_one(ctx, self);
    } else if (what < 95) {
        forward(ctx, self);
    } else if (what < 97) {
        flood_someone(ctx, self);
    } else if (what < 98) {
        stop_someone(ctx, self);
    } else {
        PLAY_CHECK(play, rim_become(ctx, below(ctx, 2) == 0 ? &play_player : &play_other) == 0);
        play_note(play, PLAY_became);
    }
}

static void do_some(rim_ctx *ctx, struct player *self) {
    for (uint32_t times = 1 + below(ctx, 3); times > 0 && self->play->budget > 0; times--) {
        self->play->budget--;
        act_once(ctx, self);
    }
}

static rim_verdict act(rim_ctx *ctx, struct player *self) {
    do_some(ctx, self);
    if (self->play->budget > 0 && below(ctx, 200) == 0) {
        play_note(self->play, PLAY_stopped_self);
        return RIM_STOP;
    }
    if (self->play->budget > 0 && below(ctx, 400) == 0) {
        play_note(self->play, PLAY_failed);
        return rim_fail(ctx, RIM_EXIT_USER, "by chance");
    }
    if (self->play->budget == 0) { /* nobody is kept waiting for ever */
        answer_deferred(ctx, self);
    }
    return RIM_DONE;
}

static const rim_handler rows[] = {
    [RIM_TIMER] = on_timer,        [RIM_ROOM] = on_room,  [RIM_REFUSED] = on_refused, [RIM_CLOSING] = on_closing,
    [RIM_DEAD_LETTER] = on_letter, [PLAY_TELL] = on_tell, [PLAY_ASK] = on_ask,        [PLAY_FORWARDED] = on_forwarded,
};
const rim_behaviour play_player = {.name = "player",
                                   .state_size = sizeof(struct player),
                                   .on = rows,
                                   .on_count = RIM_COUNT(rows),
                                   .init = on_init,
                                   .exit = leave};
static const rim_behaviour play_other = {.name = "other player",
                                         .state_size = sizeof(struct player),
                                         .on = rows,
                                         .on_count = RIM_COUNT(rows),
                                         .exit = leave};
