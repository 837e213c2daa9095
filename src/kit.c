/* SPDX-License-Identifier: MIT */
/*
 * The test kit. The probe is an ordinary actor: it writes down what it gets, and does what the test wants, which it is
 * sent as a pointer to an `errand`. Everything is on one thread, so an errand may lie on the caller's stack: the world
 * is stepped until it is done.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "actor/record.h"
#include "base/assert.h"
#include "ringmail/kit.h"
#include "ringmail/link.h"
#include "system.h"

#define ERRAND_TAG  0xfffdu
#define PATIENCE_NS RIM_SECONDS(60) /* virtual; for what must happen sooner or later */
#define FIRST_SLOT  (1u << 20)

struct note {
    struct note *next;
    rim_kit_message message;
    rim_token request;
    /* the body, aligned to 16 */
};

struct rim_kit {
    rim_system *system;
    rim_ref probe;
    struct note *notes, **notes_end;
    struct note *taken; /* what expect gave last */
    uint64_t seed;
    void (*tell)(void *arg, const char *text);
    void *tell_arg;
    char failure[256];
};

/* ---- failures ---- */

static void tell_stderr(void *arg, const char *text) {
    (void)arg;
    fprintf(stderr, "kit: %s\n", text);
}

static __attribute__((format(printf, 2, 3))) void fail(rim_kit *kit, const char *format, ...) {
    char text[sizeof kit->failure];
    va_list args;
    va_start(args, format);
    int used = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (used > 0 && (size_t)used < sizeof text) {
        snprintf(text + used, sizeof text - (size_t)used, " (seed %llu, at %.6f s)", (unsigned long long)kit->seed,
                 (double)rim_sim_now(kit->system) / 1e9);
    }
    if (kit->failure[0] == '\0') {
        memcpy(kit->failure, text, sizeof text);
    }
    kit->tell(kit->tell_arg, text);
}

const char *rim_kit_failure(const rim_kit *kit) {
    return kit->failure[0] != '\0' ? kit->failure : NULL;
}

/* ---- the probe ---- */

struct errand {
    int (*run)(rim_ctx *ctx, struct errand *errand);
    rim_kit *kit;
    rim_ref to;
    uint32_t tag;
    const void *body;
    size_t size;
    uint64_t timeout_ns;
    rim_token request;
    int result;
    bool done;
};

static void *copy_behind(struct note *note, const void *body, size_t size) {
    return size > 0 ? memcpy((char *)note + (sizeof *note + 15) / 16 * 16, body, size) : NULL;
}

static void note_down(rim_kit *kit, const rim_kit_message *message, rim_token request) {
    struct note *note = aligned_alloc(16, ((sizeof *note + 15) / 16 + (message->size + 15) / 16) * 16);
    if (note == NULL) {
        fail(kit, "out of memory for a message to the probe");
        return;
    }
    *note = (struct note){.message = *message, .request = request};
    note->message.at_ns = rim_sim_now(kit->system);
    note->message.body = copy_behind(note, message->body, message->size);
    *kit->notes_end = note;
    kit->notes_end = &note->next;
}

static rim_kit *kit_of(const void *self) {
    return *(rim_kit *const *)self;
}

/* A diverted message (record.h) says whom it was for. */
static rim_ref meant_for(const rim_ctx *ctx, const rim_msg *msg) {
    if (msg->kind == RIM_KIND_TELL && (msg->flags & RIM_MSG_TOKEN)) {
        return rim__msg_token(msg)->token;
    }
    return ctx->here | msg->to;
}

static rim_verdict probe_other(rim_ctx *ctx, void *self, const void *body, rim_msg *msg) {
    if (rim_tag(msg) == ERRAND_TAG && rim_from(msg) == RIM_NIL) {
        struct errand *errand = *(struct errand *const *)body;
        errand->result = errand->run(ctx, errand);
        errand->done = true;
        return RIM_DONE;
    }
    rim_kit_message message = {.tag = rim_tag(msg),
                               .from = rim_from(msg),
                               .to = meant_for(ctx, msg),
                               .is_request = rim_is_request(ctx),
                               .body = body,
                               .size = rim_size(msg)};
    note_down(kit_of(self), &message, message.is_request ? rim_defer(ctx) : RIM_NIL);
    return RIM_DONE;
}

static rim_verdict probe_outcome(rim_ctx *ctx, void *self, uint64_t asked, int error, const void *body, rim_msg *msg) {
    rim_kit_message message = {.tag = error == 0 ? rim_tag(msg) : RIM_KIT_OUTCOME,
                               .error = error,
                               .from = asked,
                               .to = rim_self(ctx),
                               .body = body,
                               .size = error == 0 ? rim_size(msg) : 0};
    note_down(kit_of(self), &message, RIM_NIL);
    return RIM_DONE;
}

static rim_verdict probe_init(rim_ctx *ctx, void *self, const void *arg, size_t size) {
    (void)ctx;
    memcpy(self, arg, size);
    return RIM_DONE;
}

static const rim_behaviour probe_behaviour = {.name = "probe",
                                              .state_size = sizeof(rim_kit *),
                                              .init = probe_init,
                                              .other = probe_other};

/* ---- time ---- */

rim_system *rim_kit_system(const rim_kit *kit) {
    return kit->system;
}

bool rim_kit_step(rim_kit *kit) {
    return rim_sim_step(kit->system);
}

void rim_kit_run(rim_kit *kit, uint64_t duration_ns) {
    rim_sim_run(kit->system, duration_ns);
}

/* At most until then; false when nothing is left to do before. */
static bool step_before(rim_kit *kit, uint64_t until_ns) {
    uint64_t now_ns = rim_sim_now(kit->system);
    return now_ns < until_ns && rim__sim_step_until(kit->system->sim, RIM_SIM_START_NS + until_ns);
}

static uint64_t deadline_of(const rim_kit *kit, uint64_t within_ns) {
    uint64_t now_ns = rim_sim_now(kit->system);
    return within_ns < UINT64_MAX / 2 - now_ns ? now_ns + within_ns : UINT64_MAX / 2;
}

bool rim_kit_until(rim_kit *kit, bool (*is_true)(void *arg), void *arg, uint64_t within_ns) {
    uint64_t until_ns = deadline_of(kit, within_ns);
    while (!is_true(arg)) {
        if (!step_before(kit, until_ns)) {
            fail(kit, "what was waited for did not come true");
            return false;
        }
    }
    return true;
}

static int run_errand(rim_kit *kit, struct errand *errand) {
    errand->kit = kit;
    uint64_t until_ns = deadline_of(kit, PATIENCE_NS);
    int error = rim_system_send(kit->system, kit->probe, ERRAND_TAG, &errand, sizeof errand);
    while (error == 0 && !errand->done) {
        if (!step_before(kit, until_ns)) {
            fail(kit, "the probe does not get its turn");
            rim__unreachable("an errand on the stack that may still be run");
        }
    }
    return error != 0 ? error : errand->result;
}

/* ---- open and close ---- */

static uint64_t seed_of(const rim_kit_options *options) {
    const char *text = getenv("RINGMAIL_SEED");
    uint64_t seed = options->seed != 0 || text == NULL ? options->seed : strtoull(text, NULL, 0);
    return seed != 0 ? seed : 1;
}

static bool is_alive(const rim_ctx *ctx, rim_ref who) {
    const struct rim__actor *actor = rim__actor_get(ctx, who);
    return actor != NULL && actor->stage == RIM_STAGE_ALIVE;
}

/* References of another life, in a recording, are to meet nobody here. */
static void leave_low_slots(rim_system *system) {
    for (uint32_t i = 0; i < system->count; i++) {
        system->members[i].ctx->actors.fresh = FIRST_SLOT;
        system->foreign[i].fresh += (system->foreign[i].limit - system->foreign[i].fresh) / 2;
    }
}

static int start(rim_kit *kit, const rim_kit_options *options) {
    rim_config config = options->config != NULL ? *options->config : (rim_config){0};
    config.driver = RIM_DRIVER_SIM;
    config.seed = kit->seed;
    config.shards = options->shards != 0 ? options->shards : 1;
    config.sim = NULL;
    int error = rim_system_create(&config, &kit->system);
    if (error != 0) {
        return error;
    }
    leave_low_slots(kit->system);
    rim_spawn_options roomy = {.mailbox_count = 1u << 20, .mailbox_bytes = 1u << 30};
    error = rim_system_spawn(kit->system, &probe_behaviour, &roomy, &kit, sizeof kit, &kit->probe);
    kit->system->sim->spared = kit->probe;
    error = error != 0 ? error : rim_system_start(kit->system);
    while (error == 0 && !is_alive(kit->system->members[0].ctx, kit->probe) && rim_kit_step(kit)) {
    }
    rim_sim_set_faults(kit->system, options->faults); /* the probe is there, and spared from now on */
    return error;
}

int rim_kit_open(const rim_kit_options *options, rim_kit **out) {
    static const rim_kit_options defaults;
    options = options != NULL ? options : &defaults;
    rim_kit *kit = calloc(1, sizeof *kit);
    *out = NULL;
    if (kit == NULL) {
        return -ENOMEM;
    }
    kit->notes_end = &kit->notes;
    kit->seed = seed_of(options);
    kit->tell = options->tell != NULL ? options->tell : tell_stderr;
    kit->tell_arg = options->tell_arg;
    int error = start(kit, options);
    if (error != 0) {
        rim_system_destroy(kit->system);
        free(kit);
        return error;
    }
    *out = kit;
    return 0;
}

void rim_kit_forget(rim_kit *kit) {
    for (struct note *note = kit->notes, *next; note != NULL; note = next) {
        next = note->next;
        free(note);
    }
    kit->notes = NULL;
    kit->notes_end = &kit->notes;
}

static void check_end(rim_kit *kit) {
    rim_stop_report report;
    rim_sim_set_faults(kit->system, NULL); /* the test is over */
    int error = rim_system_stop(kit->system, PATIENCE_NS, &report);
    if (error != 0) {
        fail(kit, "the stop was held up by %s: %s", report.held_up_by, rim_strerror(error));
    }
    if (!report.adds_up) {
        fail(kit, "messages were lost: sent is not handled + refused + dead + queued");
    }
    if (report.leaks) {
        fail(kit, "something leaks: memory, buffers, operations or descriptors");
    }
}

int rim_kit_close(rim_kit *kit) {
    check_end(kit);
    int result = kit->failure[0] != '\0' ? -RIM_EKIT : 0;
    rim_system_destroy(kit->system);
    rim_kit_forget(kit);
    free(kit->taken);
    free(kit);
    return result;
}

/* ---- actors ---- */

static bool is_gone(rim_ctx *ctx, rim_ref who) {
    const struct rim__slot *slot = rim__table_slot(&ctx->actors, rim__ref_local(who));
    return slot != NULL && slot->generation != (rim__ref_local(who) & (RIM_GENERATIONS - 1));
}

rim_ref rim_kit_spawn(rim_kit *kit, const rim_behaviour *behaviour, const rim_spawn_options *options, const void *arg,
                      size_t size) {
    rim_ref who = RIM_NIL;
    const char *name = behaviour != NULL && behaviour->name != NULL ? behaviour->name : "?";
    int error = rim_system_spawn(kit->system, behaviour, options, arg, size, &who);
    if (error != 0) {
        fail(kit, "spawn %s: %s", name, rim_strerror(error));
        return RIM_NIL;
    }
    rim_ctx *ctx = kit->system->members[rim_shard_of(who)].ctx;
    uint64_t until_ns = deadline_of(kit, PATIENCE_NS);
    while (!is_alive(ctx, who)) {
        if (is_gone(ctx, who) || !step_before(kit, until_ns)) {
            fail(kit, "spawn %s: its init did not succeed", name);
            return RIM_NIL;
        }
    }
    return who;
}

rim_ref rim_kit_probe(const rim_kit *kit) {
    return kit->probe;
}

static int do_send(rim_ctx *ctx, struct errand *errand) {
    return rim_send(ctx, errand->to, errand->tag, errand->body, errand->size);
}

int rim_kit_send(rim_kit *kit, rim_ref to, uint32_t tag, const void *body, size_t size) {
    return run_errand(kit, &(struct errand){.run = do_send, .to = to, .tag = tag, .body = body, .size = size});
}

static int do_ask(rim_ctx *ctx, struct errand *errand) {
    rim_ask ask = {.to = errand->to,
                   .tag = errand->tag,
                   .body = errand->body,
                   .size = errand->size,
                   .timeout_ns = errand->timeout_ns,
                   .on_outcome = probe_outcome,
                   .cookie = errand->to};
    return rim_request(ctx, &ask, NULL);
}

int rim_kit_ask(rim_kit *kit, rim_ref to, uint32_t tag, const void *body, size_t size, uint64_t timeout_ns) {
    struct errand errand = {.run = do_ask, .to = to, .tag = tag, .body = body, .size = size, .timeout_ns = timeout_ns};
    return run_errand(kit, &errand);
}

static int do_monitor(rim_ctx *ctx, struct errand *errand) {
    return rim_monitor(ctx, errand->to, 0) != RIM_NIL ? 0 : -ENOMEM;
}

int rim_kit_monitor(rim_kit *kit, rim_ref who) {
    return run_errand(kit, &(struct errand){.run = do_monitor, .to = who});
}

static int do_stop(rim_ctx *ctx, struct errand *errand) {
    return rim_stop(ctx, errand->to);
}

int rim_kit_stop(rim_kit *kit, rim_ref who) {
    return run_errand(kit, &(struct errand){.run = do_stop, .to = who});
}

/* ---- expectations ---- */

static bool take(rim_kit *kit, uint32_t tag) {
    struct note **link = &kit->notes;
    while (*link != NULL && tag != RIM_KIT_ANY && (*link)->message.tag != tag) {
        link = &(*link)->next;
    }
    struct note *note = *link;
    if (note == NULL) {
        return false;
    }
    *link = note->next;
    if (kit->notes_end == &note->next) {
        kit->notes_end = link;
    }
    free(kit->taken);
    kit->taken = note;
    return true;
}

static void describe(const rim_kit *kit, char *text, size_t size) {
    if (kit->notes == NULL) {
        snprintf(text, size, "nothing came");
        return;
    }
    int used = snprintf(text, size, "there is only");
    for (const struct note *note = kit->notes; note != NULL && used > 0 && (size_t)used < size; note = note->next) {
        used += snprintf(text + used, size - (size_t)used, " %u", note->message.tag);
    }
}

const rim_kit_message *rim_kit_expect(rim_kit *kit, uint32_t tag, uint64_t within_ns) {
    uint64_t until_ns = deadline_of(kit, within_ns);
    while (!take(kit, tag)) {
        if (!step_before(kit, until_ns)) {
            char others[80];
            describe(kit, others, sizeof others);
            fail(kit, "expected tag %u within %.6f s: %s", tag, (double)within_ns / 1e9, others);
            return NULL;
        }
    }
    return &kit->taken->message;
}

bool rim_kit_forbid(rim_kit *kit, uint32_t tag, uint64_t for_ns) {
    uint64_t until_ns = deadline_of(kit, for_ns);
    bool came;
    while (!(came = take(kit, tag)) && step_before(kit, until_ns)) {
    }
    if (came) {
        fail(kit, "forbidden: tag %u from %llx", kit->taken->message.tag, (unsigned long long)kit->taken->message.from);
    }
    return !came;
}

static int do_reply(rim_ctx *ctx, struct errand *errand) {
    return rim_reply(ctx, errand->request, errand->tag, errand->body, errand->size);
}

int rim_kit_reply(rim_kit *kit, uint32_t tag, const void *body, size_t size) {
    struct errand errand = {.run = do_reply, .tag = tag, .body = body, .size = size};
    if (kit->taken == NULL || kit->taken->request == RIM_NIL) {
        return -RIM_EBADREF;
    }
    errand.request = kit->taken->request;
    return run_errand(kit, &errand);
}

/* ---- faults ---- */

static rim_ctx *ctx_of(const rim_kit *kit, rim_ref who) {
    uint32_t shard = rim_shard_of(who);
    return shard < kit->system->count ? kit->system->members[shard].ctx : NULL;
}

int rim_kit_crash(rim_kit *kit, rim_ref who, uint32_t after) {
    rim_ctx *ctx = ctx_of(kit, who);
    struct rim__actor *actor = ctx != NULL ? rim__actor_get(ctx, who) : NULL;
    if (actor == NULL) {
        return -RIM_EDOWN;
    }
    actor->budget = 1; /* a turn is a message */
    rim__system_expect_crash(kit->system);
    return rim__sim_plan_crash(kit->system->sim, who, after);
}

int rim_kit_fail_memory(rim_kit *kit, uint32_t shard, uint64_t after) {
    if (shard >= kit->system->count) {
        return -EINVAL;
    }
    struct rim__memory *memory = &kit->system->shards[shard]->memory;
    rim__memory_fail(memory, after + 1, false);
    return 0;
}

int rim_kit_hold_shard(rim_kit *kit, uint32_t shard, uint64_t duration_ns) {
    return rim__sim_hold(kit->system->sim, shard, duration_ns);
}

/* ---- recordings ---- */

/* What the actor was asked, the probe asks it. */
static int do_play(rim_ctx *ctx, struct errand *errand) {
    const rim_record *record = errand->body;
    if (record->kind != RIM_RECORD_REQUEST) {
        return rim__replay_put(ctx, errand->to, record, record + 1);
    }
    errand->tag = record->tag;
    errand->body = record + 1;
    errand->size = record->size;
    errand->timeout_ns = PATIENCE_NS;
    return do_ask(ctx, errand);
}

static int do_begin(rim_ctx *ctx, struct errand *errand) {
    return rim__replay_begin(ctx, errand->to, errand->kit->probe);
}

int64_t rim_kit_replay(rim_kit *kit, rim_ref who, const void *recording, size_t size) {
    int64_t played = 0;
    size_t offset = 0;
    uint64_t began_ns = rim_sim_now(kit->system);
    const void *body;
    const rim_record *record;
    int error = rim_shard_of(who) == rim_shard_of(kit->probe)
                    ? run_errand(kit, &(struct errand){.run = do_begin, .to = who})
                    : -EINVAL;
    while (error >= 0 && (record = rim_record_next(recording, size, &offset, &body)) != NULL) {
        uint64_t now_ns = rim_sim_now(kit->system), at_ns = began_ns + record->time_ns;
        rim_kit_run(kit, at_ns > now_ns ? at_ns - now_ns : 0);
        error = run_errand(kit, &(struct errand){.run = do_play, .to = who, .body = record});
        played += error == 0;
    }
    if (error < 0) {
        return error;
    }
    return offset == size ? played : -EBADMSG;
}
