/* SPDX-License-Identifier: MIT */
#include "base/assert.h"
#include "base/thread.h"
#include "shard/shard.h"

#define LOOKS           64u /* for news, before the driver is polled again */
#define LOOKS_PER_BELL  16u
#define UNPACK_NS       200000u /* for turns while parcels are unpacked: timers and others wait for that, too */
#define SAFETY_MAX_NS   64000000000ull
#define SPIN_CREDIT_MAX 8
#define SPIN_CREDIT_MIN (-8)
#define SLEEP_COST_NS   5000u /* until it has been measured */
#define COST_SIDES      2u    /* the sleeper's, and that of who wakes it, which is taken to be as much */
#define COST_EVERY      16u   /* short sleeps in a row, of which one is measured */
#define COST_AT         4u    /* the fifth: those before have warmed up what it needs */
#define COST_PART       4u    /* a measurement counts for so much of the average */
#define PROBE_MIN       8u    /* short sleeps in a row, before looking out is tried again */
#define PROBES_MAX      7u    /* times that this is doubled */

static void earn_credit(struct rim__shard *shard) {
    shard->spin_credit += shard->spin_credit < SPIN_CREDIT_MAX;
}

static void spend_credit(struct rim__shard *shard) {
    shard->spin_credit -= shard->spin_credit > SPIN_CREDIT_MIN;
}

/*
 * After news of another shard: looking out would have paid, also for who had to wake this one. After completions that
 * is not known. What woke us took its time, and the rest may have been longer than what a sleep costs: so looking out
 * is tried now and then, and more and more seldom while it does not pay.
 */
static void note_short_sleep(struct rim__shard *shard, bool news) {
    if (news) {
        earn_credit(shard);
        return;
    }
    shard->short_sleeps++;
    if (shard->spin_credit <= 0 && shard->short_sleeps >= PROBE_MIN << shard->probes) {
        shard->probes += shard->probes < PROBES_MAX;
        shard->spin_credit = 1;
    }
}

/*
 * The last tick ended in a sleep. If it lasted its whole length and there is news all the same, only the safety net
 * found it: a suspect, unless the wake-up is merely slow and still comes.
 */
static void look_back(struct rim__shard *shard, bool news) {
    uint64_t slept_ns = shard->now_ns - shard->parked_ns;
    shard->slept_ns += slept_ns;
    uint64_t wakes = shard->driver->wakes_received - shard->wakes_seen;
    bool safety = shard->parked_for_ns >= shard->safety_ns && slept_ns >= shard->parked_for_ns;
    if (news && wakes == 0 && safety) {
        shard->suspects++;
    }
    bool completed = shard->driver->completions != shard->completions_seen;
    if ((news || completed) && slept_ns < atomic_load_explicit(&shard->spin_ns, memory_order_relaxed)) {
        note_short_sleep(shard, news);
    } else {
        shard->short_sleeps = 0;
    }
    if (!news && safety && shard->safety_ns < SAFETY_MAX_NS) {
        shard->safety_ns *= 2;
    }
    shard->parked_ns = 0;
}

/*
 * Whether looking out pays is learnt from what came while it did, and from sleeps that were shorter. News of another
 * shard pay always: they save both the sleep and the wake-up. Completions pay if it took less than the two cost.
 */
static void note_news(struct rim__shard *shard, bool news) {
    shard->completions_seen = shard->driver->completions;
    if (shard->looking) {
        uint64_t cost_ns = shard->sleep_cost_ns != 0 ? shard->sleep_cost_ns : SLEEP_COST_NS;
        if (news || shard->now_ns - shard->look_ns <= COST_SIDES * cost_ns) {
            earn_credit(shard);
            shard->probes = 0;
        } else {
            spend_credit(shard);
        }
    }
    shard->looking = false;
    shard->news_ns = shard->now_ns;
}

static void drain(struct rim__shard *shard) {
    uint64_t before = shard->mesh.drained + shard->mesh.fed;
    shard->unpack_until_ns = shard->now_ns + UNPACK_NS;
    rim__mesh_drain(shard);
    bool inlet = shard->inlet.news;
    rim__inlet_drain(shard);
    bool news = shard->mesh.drained + shard->mesh.fed != before || inlet;
    if (rim__unlikely(shard->parked_ns != 0)) {
        look_back(shard, news);
    }
    if (news) {
        shard->safety_ns = RIM_SHARD_SAFETY_NS;
    }
    if (news || shard->driver->completions != shard->completions_seen) {
        note_news(shard, news);
    }
    if (rim__unlikely(shard->suspects > 0) && shard->driver->wakes_received != shard->wakes_seen) {
        shard->suspects--; /* it was only slow */
        shard->wakes_seen = shard->driver->wakes_received;
    }
}

/* While others want its CPU the kernel places the thread. */
static rim__cold void move(struct rim__shard *shard) {
    if (shard->contention.is_away ? rim__cpu_leave(&shard->home) : rim__cpu_return(&shard->home)) {
        rim__log_write(&shard->log, RIM_LOG_NOTICE, "shard %u: %s CPU %d", shard->index,
                       shard->home.is_left ? "others want the CPU, the kernel is to choose: left" : "back on",
                       shard->home.cpu);
    }
}

/*
 * A thread that is ready and waits for its CPU shares it, maybe with the very one whose news it looks out for. How
 * often it is preempted does not tell: the kernel's own threads do that all the time, for microseconds.
 */
static bool is_contended(struct rim__shard *shard) {
    if (rim__unlikely(rim__contention_is_due(&shard->contention, shard->now_ns))) {
        bool first = shard->contention.since_ns == 0; /* a new thread has waited for no CPU to speak of: no look */
        rim__contention_note(&shard->contention, shard->now_ns, first ? 0 : rim__thread_delayed_ns());
        if (rim__unlikely(shard->contention.is_away != shard->home.is_left) && shard->home.is_given) {
            move(shard);
        }
    }
    return shard->contention.is_on;
}

/* Whether to look out a little longer: sleeping and being woken costs more, on both sides. */
static bool is_spinning(struct rim__shard *shard) {
    uint64_t spin_ns = atomic_load_explicit(&shard->spin_ns, memory_order_relaxed);
    if (spin_ns == 0 || (!shard->spin_always && (shard->spin_credit <= 0 || is_contended(shard)))) {
        return false;
    }
    if (shard->now_ns - shard->news_ns < spin_ns) {
        if (!shard->looking) {
            shard->looking = true;
            shard->short_sleeps = 0;
            shard->look_ns = shard->driver->ops->now(shard->driver);
        }
        return true;
    }
    if (shard->looking) { /* in vain */
        shard->looking = false;
        spend_credit(shard);
    }
    return false;
}

static bool has_nothing_to_do(const struct rim__shard *shard) {
    return rim__run_queue_is_empty(&shard->ready) && rim__mesh_is_quiet(shard) && !shard->stopping;
}

/*
 * A short watch: the lane that had news last at every look, the bell at some. It is the end of a tick, and the clock is
 * read before it, so that what it sees is handled without further ado.
 */
static void look_out(struct rim__shard *shard) {
    if (!has_nothing_to_do(shard)) {
        return; /* the driver had news */
    }
    shard->now_ns = shard->driver->ops->now(shard->driver);
    shard->now_is_fresh = true;
    unsigned looks = shard->count > 1 ? LOOKS : 1; /* alone, only the driver has news */
    for (unsigned i = 1; i <= looks; i++) {
        if (rim__mesh_has_news(shard, i % LOOKS_PER_BELL == 0)) {
            return;
        }
        if (i > LOOKS_PER_BELL) {
            rim__relax();
        }
    }
}

/* The bell is marked PARKED, unless something is due: then 0. Else how long to sleep, at most safety_ns. */
static uint64_t park(struct rim__shard *shard, uint64_t safety_ns) {
    uint64_t next_ns = rim__wheel_next(&shard->timers);
    shard->now_ns = shard->driver->ops->now(shard->driver);
    if (next_ns <= shard->now_ns || !rim__mesh_park(shard)) {
        return 0;
    }
    uint64_t wait_ns = next_ns == RIM_WHEEL_NEVER ? safety_ns : next_ns - shard->now_ns;
    wait_ns = wait_ns < safety_ns ? wait_ns : safety_ns;
    shard->parks++;
    shard->publish(shard);
    shard->parked_ns = shard->now_ns;
    shard->parked_for_ns = wait_ns;
    shard->wakes_seen = shard->driver->wakes_received;
    return wait_ns;
}

/*
 * A poll that sleeps, and of short sleeps in a row now and then what one costs in CPU time: what is done before the
 * thread is off its CPU and after it is on it again. One that had no need to sleep says nothing.
 */
static void sleep_in_poll(struct rim__shard *shard, uint64_t wait_ns) {
    if (shard->short_sleeps % COST_EVERY != COST_AT) {
        shard->driver->ops->poll(shard->driver, wait_ns);
        return;
    }
    uint64_t before_ns = rim__thread_cpu_ns();
    shard->driver->ops->poll(shard->driver, wait_ns);
    uint64_t cost_ns = rim__thread_cpu_ns() - before_ns;
    uint64_t passed_ns = shard->driver->ops->now(shard->driver) - shard->parked_ns;
    if (passed_ns > cost_ns + cost_ns / 4) {
        int64_t difference_ns = (int64_t)(cost_ns - shard->sleep_cost_ns);
        shard->sleep_cost_ns +=
            (uint64_t)(shard->sleep_cost_ns != 0 ? difference_ns / (int64_t)COST_PART : difference_ns);
    }
}

void rim__shard_tick(struct rim__shard *shard, bool may_sleep) {
    shard->ticks++;
    rim__pulse_beat(&shard->pulse, 2 * shard->ticks + 1);
    rim__pulse_rouse(&shard->pulse);
    if (!shard->now_is_fresh) {
        shard->now_ns = shard->driver->ops->now(shard->driver);
    }
    shard->now_is_fresh = false;
    drain(shard);                                            /* what others sent: shard->deliver */
    rim__wheel_expire(shard, &shard->timers, shard->now_ns); /* deadlines passed: timer->fire */
    shard->turns(shard);                                     /* ready tasks, bounded: turns.h */
    shard->settle(shard);                                    /* what was put off */
    rim__mesh_flush(shard);                                  /* parcels to lanes, bells rung */
    rim__pulse_beat(&shard->pulse, 2 * shard->ticks);
    bool idles = may_sleep && !shard->driver->is_due && has_nothing_to_do(shard);
    bool looks = idles && is_spinning(shard);
    uint64_t wait_ns = idles && !looks ? park(shard, shard->safety_ns) : 0;
    if (wait_ns != 0) {
        sleep_in_poll(shard, wait_ns);
    } else {
        shard->driver->ops->poll(shard->driver, 0); /* submit, complete */
    }
    if (looks) {
        look_out(shard); /* for the next tick */
    }
}

/*
 * The driver's rest forgets the wake-ups that have come; the bell is looked at after that, by park. In the other order
 * a wake-up between the two would be forgotten with its news unseen.
 */
uint64_t rim__shard_rest(struct rim__shard *shard) {
    uint64_t wait_ns = has_nothing_to_do(shard) ? shard->driver->ops->rest(shard->driver, RIM_DRIVER_FOREVER) : 0;
    return wait_ns > 0 && has_nothing_to_do(shard) ? park(shard, wait_ns) : 0;
}

void rim__shard_loop(struct rim__shard *shard) {
    rim__assert(rim__shard_current() == shard);
    while (!shard->stopping) {
        rim__shard_tick(shard, true);
    }
}

bool rim__shard_is_idle(const struct rim__shard *shard) {
    return rim__run_queue_is_empty(&shard->ready) && rim__mesh_is_quiet(shard) && shard->timers.count == 0;
}
