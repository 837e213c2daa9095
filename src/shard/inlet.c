/* SPDX-License-Identifier: MIT */
#include "shard/inlet.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "ringmail/error.h"
#include "shard/shard.h"

#define MEETING_NS                                                                                                     \
    100000u /* to be slept through only if it takes longer: a wake-up takes about as long as an opening */

void rim__inlet_init(struct rim__inlet *inlet) {
    *inlet = (struct rim__inlet){.closed = false};
    pthread_mutex_init(&inlet->lock, NULL);
}

void rim__inlet_finish(struct rim__inlet *inlet) {
    for (struct rim_msg *msg = inlet->head, *next; msg != NULL; msg = next) {
        next = msg->next;
        if (msg->flags & RIM_MSG_FOREIGN) {
            free(msg);
        } else if (msg->kind == RIM_KIND_ERRAND) {
            struct rim__errand *errand = rim__container_of(msg, struct rim__errand, msg);
            errand->drop(errand);
        }
    }
    inlet->head = NULL;
    pthread_mutex_destroy(&inlet->lock);
}

struct rim_msg *rim__inlet_msg(uint32_t kind, uint32_t tag, const void *body, uint32_t size) {
    uint32_t flags = RIM_MSG_FOREIGN;
    struct rim_msg *msg = calloc(1, rim__msg_span(flags, size));
    if (msg != NULL) {
        msg->kind = kind;
        msg->flags = (uint16_t)flags;
        msg->tag = tag;
        msg->size = size;
        if (size > 0) {
            memcpy(rim__msg_body(msg), body, size);
        }
    }
    return msg;
}

void rim__inlet_msg_free(struct rim_msg *msg) {
    free(msg);
}

int rim__inlet_push(struct rim__shard *shard, struct rim_msg *msg, bool always) {
    struct rim__inlet *inlet = &shard->inlet;
    struct rim__driver *sleeper = NULL;
    msg->next = NULL;
    pthread_mutex_lock(&inlet->lock);
    int error = always ? 0 : inlet->closed ? -RIM_ESTOPPING : inlet->count >= RIM_INLET_MAX ? -RIM_EFULL : 0;
    if (error == 0) {
        if (inlet->head == NULL) {
            inlet->head = msg;
        } else {
            inlet->last->next = msg;
        }
        inlet->last = msg;
        inlet->count++;
        if (rim__bell_ring_inlet(&shard->bell) && shard->driver != NULL) {
            sleeper = shard->driver;
            atomic_fetch_add_explicit(&inlet->waking, 1, memory_order_relaxed);
        }
    }
    pthread_mutex_unlock(&inlet->lock);
    if (sleeper != NULL) {
        sleeper->ops->wake(NULL, sleeper);
        atomic_fetch_sub_explicit(&inlet->waking, 1, memory_order_release);
    }
    return error;
}

void rim__inlet_errand(struct rim__shard *shard, struct rim__errand *errand) {
    errand->msg = (struct rim_msg){.kind = RIM_KIND_ERRAND, .flags = RIM_MSG_EMBEDDED};
    (void)rim__inlet_push(shard, &errand->msg, true);
}

void rim__inlet_close(struct rim__inlet *inlet) {
    pthread_mutex_lock(&inlet->lock);
    inlet->closed = true;
    pthread_mutex_unlock(&inlet->lock);
}

bool rim__inlet_is_closed(struct rim__inlet *inlet) {
    pthread_mutex_lock(&inlet->lock);
    bool closed = inlet->closed;
    pthread_mutex_unlock(&inlet->lock);
    return closed;
}

void rim__inlet_settle(struct rim__inlet *inlet) {
    (void)rim__inlet_is_closed(inlet); /* through the lock: who is in there is counted then */
    while (atomic_load_explicit(&inlet->waking, memory_order_acquire) != 0) {
        sched_yield();
    }
}

void rim__inlet_drain(struct rim__shard *shard) {
    struct rim__inlet *inlet = &shard->inlet;
    if (rim__likely(!inlet->news)) {
        return;
    }
    inlet->news = false;
    pthread_mutex_lock(&inlet->lock);
    struct rim_msg *msg = inlet->head;
    inlet->head = NULL;
    inlet->count = 0;
    pthread_mutex_unlock(&inlet->lock);
    for (struct rim_msg *next; msg != NULL; msg = next) {
        next = msg->next;
        shard->deliver(shard, msg);
    }
}

void rim__gate_init(struct rim__gate *gate) {
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&gate->lock, NULL);
    pthread_cond_init(&gate->knocked, &attr);
    pthread_condattr_destroy(&attr);
    gate->knocks = 0;
}

void rim__gate_finish(struct rim__gate *gate) {
    pthread_cond_destroy(&gate->knocked);
    pthread_mutex_destroy(&gate->lock);
}

/* Signalled behind the lock: else who is woken would run into it, and sleep once more. */
void rim__gate_knock(struct rim__gate *gate) {
    pthread_mutex_lock(&gate->lock);
    gate->knocks++;
    pthread_mutex_unlock(&gate->lock);
    pthread_cond_signal(&gate->knocked);
}

void rim__gate_knock_last(struct rim__gate *gate) {
    pthread_mutex_lock(&gate->lock);
    gate->knocks++;
    pthread_cond_signal(&gate->knocked);
    pthread_mutex_unlock(&gate->lock);
}

static uint64_t clock_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Makes room for others on this CPU meanwhile: they may be those that are waited for. */
static void look_out(struct rim__gate *gate, uint32_t knocks) {
    uint64_t until_ns = clock_now() + MEETING_NS;
    while (!rim__gate_is_open(gate, knocks) && clock_now() < until_ns) {
        sched_yield();
    }
}

void rim__gate_meet(struct rim__gate *gate, uint32_t arrivals, uint32_t parties) {
    pthread_mutex_lock(&gate->lock);
    gate->knocks += arrivals;
    bool last = gate->knocks == parties;
    pthread_mutex_unlock(&gate->lock);
    if (last) {
        pthread_cond_broadcast(&gate->knocked);
        return;
    }
    look_out(gate, parties);
    pthread_mutex_lock(&gate->lock);
    while (gate->knocks < parties) {
        pthread_cond_wait(&gate->knocked, &gate->lock);
    }
    pthread_mutex_unlock(&gate->lock);
}

bool rim__gate_is_open(struct rim__gate *gate, uint32_t knocks) {
    pthread_mutex_lock(&gate->lock);
    bool open = gate->knocks >= knocks;
    pthread_mutex_unlock(&gate->lock);
    return open;
}

bool rim__gate_wait(struct rim__gate *gate, uint32_t knocks, uint64_t timeout_ns) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    uint64_t ns = (uint64_t)until.tv_nsec + timeout_ns % 1000000000u;
    until.tv_sec += (time_t)(timeout_ns / 1000000000u + ns / 1000000000u);
    until.tv_nsec = (long)(ns % 1000000000u);
    pthread_mutex_lock(&gate->lock);
    int error = 0;
    while (gate->knocks < knocks && error == 0) {
        error = pthread_cond_timedwait(&gate->knocked, &gate->lock, &until);
    }
    bool open = gate->knocks >= knocks;
    if (open) {
        gate->knocks -= knocks;
    }
    pthread_mutex_unlock(&gate->lock);
    return open;
}
