/* SPDX-License-Identifier: MIT */
/*
 * kit.c - tests of a door keeper, which lets a bounded number of visitors in and asks a clerk about each.
 */
#include <ringmail.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))

enum { VISIT = RIM_USER, LEAVE, CHECK, CHECKED, ENTER, WAIT };

/* ---- the actor under test: nothing in it knows that it is tested ---- */

struct keeper {
    rim_ref clerk;
    uint32_t inside;
};

static rim_verdict keeper_init(rim_ctx *ctx UNUSED, void *state, const void *arg, size_t size UNUSED) {
    struct keeper *self = state;
    memcpy(&self->clerk, arg, sizeof self->clerk);
    return RIM_DONE;
}

static rim_verdict on_checked(rim_ctx *ctx, void *state, uint64_t visitor, int error, const void *body UNUSED,
                              rim_msg *msg UNUSED) {
    struct keeper *self = state;
    bool enters = error == 0 && self->inside < 2;
    self->inside += enters;
    rim_send(ctx, visitor, enters ? ENTER : WAIT, NULL, 0);
    return RIM_DONE;
}

static rim_verdict on_visit(rim_ctx *ctx, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    rim_ask ask = {.to = self->clerk,
                   .tag = CHECK,
                   .timeout_ns = RIM_SECONDS(1),
                   .on_outcome = on_checked,
                   .cookie = rim_sender(ctx)};
    return rim_request(ctx, &ask, NULL) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_leave(rim_ctx *ctx UNUSED, void *state, const void *body UNUSED, rim_msg *msg UNUSED) {
    struct keeper *self = state;
    self->inside--;
    return RIM_DONE;
}

static const rim_handler keeper_on[] = {[VISIT] = on_visit, [LEAVE] = on_leave};
static const rim_behaviour keeper = {
    .name = "keeper",
    .state_size = sizeof(struct keeper),
    .on = keeper_on,
    .on_count = RIM_COUNT(keeper_on),
    .init = keeper_init,
};

/* ---- the tests: the probe is visitor and clerk at once ---- */

static rim_ref begin(rim_kit *kit) {
    rim_ref probe = rim_kit_probe(kit);
    return rim_kit_spawn(kit, &keeper, NULL, &probe, sizeof probe);
}

static void visit(rim_kit *kit, rim_ref door, uint32_t answer) {
    rim_kit_send(kit, door, VISIT, NULL, 0);
    rim_kit_expect(kit, CHECK, RIM_MS(1));
    rim_kit_reply(kit, CHECKED, NULL, 0);
    rim_kit_expect(kit, answer, RIM_MS(1));
}

static void third_visitor_waits(rim_kit *kit) {
    rim_ref door = begin(kit);
    visit(kit, door, ENTER);
    visit(kit, door, ENTER);
    visit(kit, door, WAIT);
    rim_kit_send(kit, door, LEAVE, NULL, 0);
    visit(kit, door, ENTER);
    rim_kit_forbid(kit, RIM_KIT_ANY, RIM_SECONDS(3600));
}

static void silent_clerk_means_waiting(rim_kit *kit) {
    rim_ref door = begin(kit);
    rim_kit_send(kit, door, VISIT, NULL, 0);
    rim_kit_forbid(kit, WAIT, RIM_MS(900));
    rim_kit_expect(kit, WAIT, RIM_MS(200));
}

static void visitors_hear_that_the_keeper_is_gone(rim_kit *kit) {
    rim_ref door = begin(kit);
    rim_kit_monitor(kit, door);
    rim_kit_run(kit, RIM_MS(1));
    rim_kit_crash(kit, door, 1); /* not at the next message, but at the one after it */
    rim_kit_send(kit, door, VISIT, NULL, 0);
    rim_kit_send(kit, door, VISIT, NULL, 0);
    rim_kit_expect(kit, CHECK, RIM_MS(1));
    rim_kit_expect(kit, RIM_DOWN, RIM_MS(1));
}

/* Every test with many seeds: each is another order of turns, with wake-ups that come late. */
static void run(const char *name, void (*test)(rim_kit *kit)) {
    static const rim_sim_options faults = {.late_wake = 100, .skip_turn = 100};
    for (uint64_t seed = 1; seed <= 50; seed++) {
        rim_kit *kit;
        if (rim_kit_open(&(rim_kit_options){.seed = seed, .shards = 2, .faults = &faults}, &kit) != 0) {
            return;
        }
        test(kit);
        if (rim_kit_close(kit) != 0) { /* what failed has been told by now */
            return;
        }
    }
    printf("ok %s\n", name);
}

int main(void) {
    run("the third visitor waits", third_visitor_waits);
    run("a silent clerk means waiting", silent_clerk_means_waiting);
    run("visitors hear that the keeper is gone", visitors_hear_that_the_keeper_is_gone);
    return 0;
}

/* output:
ok the third visitor waits
ok a silent clerk means waiting
ok visitors hear that the keeper is gone
*/
