/* SPDX-License-Identifier: MIT */
/*
 * supervised.c - a tree with what a server needs: a store that keeps its mailbox when it fails, a pool of sessions that
 * come and go, and a flaky link that is restarted with back-off, on as many shards as there are.
 *
 *     root            one for one; drains when the system is told to stop
 *     |-- store       kept: callers do not notice that it failed
 *     |-- sessions    dynamic, temporary: what ends is forgotten
 *     |-- uplink      a supervisor: rest for one, back-off
 *         |-- wire    fails now and then
 *         '-- meter   needs the wire
 *
 * It breaks things for a while, lists the tree, and stops. Exit status 0 if all came out as it should.
 */
#include <ringmail.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define UNUSED __attribute__((unused))
#define HANDLER(name)                                                                                                  \
    static rim_verdict name(rim_ctx *ctx UNUSED, void *state UNUSED, const void *body UNUSED, rim_msg *msg UNUSED)

enum { PUT = RIM_USER, BREAK, CUT, ROUND };
enum { PUTS = 1000, SESSIONS = 50, CUTS = 3 };

static sem_t done;
static atomic_uint stored, wires, sessions;

/* ---- the store: its reference outlives its failures ---- */

HANDLER(store_put) {
    atomic_fetch_add(&stored, 1);
    return RIM_DONE;
}

HANDLER(store_break) {
    return rim_fail(ctx, RIM_EXIT_USER, "the index is damaged");
}

static const rim_handler store_on[] = {[PUT] = store_put, [BREAK] = store_break};
static const rim_behaviour store = {.name = "store", .on = store_on, .on_count = RIM_COUNT(store_on)};

/* ---- a session: does its work, and ends ---- */

static rim_verdict session_init(rim_ctx *ctx, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    atomic_fetch_add(&sessions, 1);
    return rim_after(ctx, RIM_MS(1), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL;
}

HANDLER(session_over) {
    return RIM_STOP;
}

static const rim_handler session_on[] = {[RIM_TIMER] = session_over};
static const rim_behaviour session = {.name = "session",
                                      .init = session_init,
                                      .on = session_on,
                                      .on_count = RIM_COUNT(session_on)};

/* ---- the wire, and the meter behind it ---- */

static rim_verdict wire_init(rim_ctx *ctx UNUSED, void *state UNUSED, const void *arg UNUSED, size_t size UNUSED) {
    atomic_fetch_add(&wires, 1);
    return RIM_DONE;
}

HANDLER(wire_cut) {
    return rim_fail(ctx, RIM_EXIT_USER + 1, "cut");
}

static const rim_handler wire_on[] = {[CUT] = wire_cut};
static const rim_behaviour wire = {.name = "wire", .init = wire_init, .on = wire_on, .on_count = RIM_COUNT(wire_on)};
static const rim_behaviour meter = {.name = "meter"};

/* ---- the tree ---- */

static const rim_spawn_options kept = {.keep = true, .place = RIM_LEAST_LOADED};
static const rim_spawn_options anywhere = {.place = RIM_LEAST_LOADED};
static const rim_child session_template = {.behaviour = &session,
                                           .options = &anywhere,
                                           .restart = RIM_TEMPORARY,
                                           .stop = RIM_CHILD_DRAIN};
static const rim_supervisor_spec sessions_spec = {.strategy = RIM_DYNAMIC,
                                                  .children = &session_template,
                                                  .child_count = 1};
static const rim_child uplink_children[] = {
    {.id = "wire", .behaviour = &wire, .options = &anywhere},
    {.id = "meter", .behaviour = &meter},
};
static const rim_supervisor_spec uplink_spec = {.strategy = RIM_REST_FOR_ONE,
                                                .intensity = 10,
                                                .period_ns = RIM_SECONDS(10),
                                                .backoff_min_ns = RIM_MS(1),
                                                .backoff_max_ns = RIM_MS(50),
                                                .children = uplink_children,
                                                .child_count = RIM_COUNT(uplink_children)};
static const rim_child root_children[] = {
    {.id = "store", .behaviour = &store, .options = &kept, .stop = RIM_CHILD_DRAIN},
    {.id = "sessions", .supervisor = &sessions_spec},
    {.id = "uplink", .supervisor = &uplink_spec},
};
static const rim_supervisor_spec root_spec = {.intensity = 5,
                                              .period_ns = RIM_SECONDS(10),
                                              .drain_on_closing = true,
                                              .children = root_children,
                                              .child_count = RIM_COUNT(root_children)};

/* ---- who breaks things ---- */

struct breaker {
    rim_ref root, store, sessions, uplink, wire;
    unsigned started, cuts;
};

static rim_supervisor_call call_to(rim_ref supervisor, rim_outcome on_outcome, uint64_t cookie) {
    return (rim_supervisor_call){.supervisor = supervisor,
                                 .timeout_ns = RIM_SECONDS(5),
                                 .on_outcome = on_outcome,
                                 .cookie = cookie};
}

static rim_verdict look(rim_ctx *ctx, struct breaker *self, rim_outcome on_outcome) {
    rim_supervisor_call call = call_to(self->root, on_outcome, 0);
    return rim_supervisor_tree(ctx, &call) == 0 ? RIM_DONE : RIM_FAIL;
}

static rim_verdict on_session(rim_ctx *ctx UNUSED, void *state, uint64_t cookie UNUSED, int error,
                              const void *body UNUSED, rim_msg *msg UNUSED) {
    ((struct breaker *)state)->started += error == 0;
    return RIM_DONE;
}

static int open_sessions(rim_ctx *ctx, struct breaker *self) {
    int error = 0;
    for (unsigned i = 0; i < SESSIONS && error == 0; i++) {
        rim_supervisor_call call = call_to(self->sessions, on_session, 0);
        error = rim_supervisor_start_dynamic(ctx, &call, NULL, 0);
    }
    return error;
}

/* What fails between two of them is gone; the others wait until the store is back. */
static int fill_store(rim_ctx *ctx, struct breaker *self) {
    int error = 0;
    for (unsigned i = 0; i < PUTS && error == 0; i++) {
        error = rim_send(ctx, self->store, i == PUTS / 2 ? BREAK : PUT, NULL, 0);
    }
    return error;
}

static void remember(struct breaker *self, const rim_child_list *list) {
    for (uint32_t i = 0; i < list->count; i++) {
        const rim_child_info *info = &list->children[i];
        rim_ref *slot = strcmp(info->id, "store") == 0      ? &self->store
                        : strcmp(info->id, "sessions") == 0 ? &self->sessions
                        : strcmp(info->id, "uplink") == 0   ? &self->uplink
                        : strcmp(info->id, "wire") == 0     ? &self->wire
                                                            : NULL;
        if (slot != NULL) {
            *slot = info->ref;
        }
    }
}

static rim_verdict on_tree(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                           rim_msg *msg UNUSED) {
    struct breaker *self = state;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "no tree: %s", rim_strerror(error));
    }
    remember(self, body);
    if (self->wire != RIM_NIL && rim_monitor(ctx, self->wire, 0) != RIM_NIL) {
        rim_send(ctx, self->wire, CUT, NULL, 0);
    }
    error = self->cuts == 0 ? fill_store(ctx, self) : 0;
    error = self->cuts == 0 && error == 0 ? open_sessions(ctx, self) : error;
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
}

static rim_verdict print_tree(rim_ctx *ctx UNUSED, void *state UNUSED, uint64_t cookie UNUSED, int error UNUSED,
                              const void *body, rim_msg *msg UNUSED) {
    static const char *const states[] = {"down", "starting", "running", "stopping", "restarting"};
    const rim_child_list *list = body;
    for (uint32_t i = 0; list != NULL && i < list->count; i++) {
        const rim_child_info *info = &list->children[i];
        printf("%*s%s: %s\n", (int)info->depth * 4, "", info->id[0] != '\0' ? info->id : info->behaviour,
               states[info->state]);
    }
    sem_post(&done);
    return RIM_DONE;
}

static rim_verdict on_uplink(rim_ctx *ctx, void *state, uint64_t cookie UNUSED, int error, const void *body,
                             rim_msg *msg UNUSED) {
    struct breaker *self = state;
    if (error != 0) {
        return rim_fail(ctx, RIM_EXIT_USER, "no wire: %s", rim_strerror(error));
    }
    const rim_child_info *info = body;
    bool is_back = info->state == RIM_CHILD_RUNNING && info->ref != self->wire;
    if (!is_back || atomic_load(&stored) < PUTS - 1 || self->started < SESSIONS) {
        return rim_after(ctx, RIM_MS(1), 0) != RIM_NIL ? RIM_DONE : RIM_FAIL; /* it waits for its restart */
    }
    return look(ctx, self, ++self->cuts < CUTS ? on_tree : print_tree);
}

HANDLER(breaker_look_again) {
    struct breaker *self = state;
    rim_supervisor_call call = call_to(self->uplink, on_uplink, 0);
    return rim_supervisor_get_child(ctx, &call, "wire") == 0 ? RIM_DONE : RIM_FAIL;
}

HANDLER(breaker_started) {
    return look(ctx, state, on_tree);
}

static rim_verdict breaker_init(rim_ctx *ctx, void *state, const void *arg UNUSED, size_t size UNUSED) {
    struct breaker *self = state;
    return rim_supervise(ctx, &root_spec, &self->root) == 0 ? RIM_DONE
                                                            : rim_fail(ctx, RIM_EXIT_INIT, "%s", rim_error_text(ctx));
}

static void breaker_exit(rim_ctx *ctx UNUSED, void *state UNUSED, rim_exit why) {
    if (why.code != RIM_EXIT_SHUTDOWN) {
        fprintf(stderr, "supervised: %s\n", why.text);
        sem_post(&done);
    }
}

static const rim_handler breaker_on[] = {
    [RIM_STARTED] = breaker_started, [RIM_DOWN] = breaker_look_again, [RIM_TIMER] = breaker_look_again};
static const rim_behaviour breaker = {.name = "breaker",
                                      .state_size = sizeof(struct breaker),
                                      .init = breaker_init,
                                      .exit = breaker_exit,
                                      .on = breaker_on,
                                      .on_count = RIM_COUNT(breaker_on)};

int main(void) {
    rim_spawn_options options = {.trap_exit = true};
    rim_system *system;
    rim_stop_report report;
    rim_ref ref;
    sem_init(&done, 0, 0);
    int error = rim_system_create(NULL, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &breaker, &options, NULL, 0, &ref);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "supervised: %s\n", rim_strerror(error));
        return 1;
    }
    sem_wait(&done);
    error = rim_system_stop(system, RIM_SECONDS(5), &report);
    rim_system_destroy(system);
    bool well = error == 0 && report.lost == 0 && report.adds_up && atomic_load(&stored) == PUTS - 1 &&
                atomic_load(&wires) == 1 + CUTS && atomic_load(&sessions) == SESSIONS;
    printf("%u stored of %d, %u wires, %u sessions, %llu messages lost\n", atomic_load(&stored), PUTS,
           atomic_load(&wires), atomic_load(&sessions), (unsigned long long)report.lost);
    printf("%d passed, %d failed\n", well, !well);
    return well ? 0 : 1;
}
