/* SPDX-License-Identifier: MIT */
#include "io/uring_buffers.h"

#include "unit.h"

#define COUNT  64u
#define FULL   65536u
#define LEAST  8u   /* that go round */
#define PERIOD 256u /* publishes, after which those that were not needed stay at home */

static struct rim__uring_ring ring;
static struct rim__uring_buffers buffers;
static struct rim__body *taken[COUNT];

/* What the kernel does is played: it gives out from the ring in turn. False: there is no io_uring here. */
static bool begin(void) {
    const struct rim__uring_buffers_options options = {.count = COUNT, .bytes = FULL};
    if (rim__uring_ring_open(&ring, 16, rim__uring_ring_flags()) != 0) {
        return false;
    }
    rim__uring_buffers_plan(&buffers, &options);
    CU_ASSERT_EQUAL_FATAL(rim__uring_buffers_open(&buffers, &ring), 0);
    return true;
}

static void end(void) {
    CU_ASSERT_EQUAL(buffers.out, 0);
    rim__uring_buffers_close(&buffers, &ring);
    rim__uring_ring_close(&ring);
}

static uint32_t taken_count, given;
static uint32_t given_bytes = 100; /* in each */

static void give_out(uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        uint32_t id = buffers.ring->bufs[given++ % COUNT].bid;
        taken[taken_count++] = rim__uring_buffers_take(&buffers, id, given_bytes);
    }
}

static void bring_home(void) {
    while (taken_count > 0) {
        struct rim__body *body = taken[--taken_count];
        body->release(NULL, body);
    }
}

static void uring_buffers_go_round_in_small_number(void) {
    given = 0;
    if (!begin()) {
        return;
    }
    CU_ASSERT(buffers.in_ring == LEAST && buffers.home_count == COUNT - LEAST);
    CU_ASSERT(!rim__uring_buffers_are_due(&buffers));
    uint64_t used = 0;
    for (uint32_t i = 0; i < 100; i++) {
        give_out(5);
        for (uint32_t j = 0; j < taken_count; j++) {
            used |= 1ull << (uint32_t)(uintptr_t)taken[j]->arg[1];
        }
        bring_home();
        CU_ASSERT(rim__uring_buffers_are_due(&buffers));
        rim__uring_buffers_publish(&buffers);
        CU_ASSERT_EQUAL(buffers.in_ring, LEAST);
    }
    CU_ASSERT_EQUAL(__builtin_popcountll(used), LEAST); /* the others were never touched */
    end();
}

static void uring_buffers_are_more_where_one_was_lacking(void) {
    given = 0;
    if (!begin()) {
        return;
    }
    for (uint32_t wanted = 2 * LEAST; wanted <= COUNT; wanted *= 2) {
        rim__uring_buffers_lack(&buffers);
        rim__uring_buffers_lack(&buffers); /* another receive, of the same poll */
        CU_ASSERT(rim__uring_buffers_are_due(&buffers));
        rim__uring_buffers_publish(&buffers);
        CU_ASSERT_EQUAL(buffers.in_ring, wanted);
    }
    rim__uring_buffers_lack(&buffers);
    CU_ASSERT_EQUAL(buffers.wanted, COUNT);
    give_out(COUNT);
    CU_ASSERT(!rim__uring_buffers_are_due(&buffers)); /* there are none */
    bring_home();
    end();
}

static void uring_buffers_stay_at_home_when_they_were_not_needed_for_long(void) {
    given = 0;
    if (!begin()) {
        return;
    }
    for (uint32_t i = 0; i < 2; i++) {
        rim__uring_buffers_lack(&buffers);
        rim__uring_buffers_publish(&buffers);
    }
    CU_ASSERT_EQUAL(buffers.wanted, 4 * LEAST);
    for (uint32_t i = 0; i < 4 * PERIOD; i++) { /* more than half of a half: it is not halved twice */
        give_out(LEAST + 1);
        bring_home();
        rim__uring_buffers_publish(&buffers);
    }
    CU_ASSERT_EQUAL(buffers.wanted, 2 * LEAST);
    for (uint32_t i = 0; i < 4 * PERIOD; i++) {
        give_out(1);
        bring_home();
        rim__uring_buffers_publish(&buffers);
    }
    CU_ASSERT_EQUAL(buffers.wanted, LEAST);
    end();
}

/* Eight full ones are what the cache holds; of small receives it holds as many as there are. */
static void uring_buffers_that_come_full_stay_few(void) {
    given = 0;
    if (!begin()) {
        return;
    }
    while (buffers.wanted < COUNT) {
        rim__uring_buffers_lack(&buffers);
        rim__uring_buffers_publish(&buffers);
    }
    given_bytes = FULL;
    for (uint32_t i = 0; i < PERIOD; i++) {
        give_out(LEAST);
        bring_home();
        rim__uring_buffers_publish(&buffers);
    }
    given_bytes = 100;
    CU_ASSERT_EQUAL(buffers.wanted, LEAST);
    CU_ASSERT_EQUAL(buffers.in_ring, LEAST);
    rim__uring_buffers_lack(&buffers);
    CU_ASSERT_EQUAL(buffers.wanted, LEAST); /* that will do, for who lacks one, too */
    for (uint32_t i = 0; i < PERIOD; i++) {
        give_out(1);
        bring_home();
        rim__uring_buffers_publish(&buffers);
    }
    rim__uring_buffers_lack(&buffers);
    CU_ASSERT_EQUAL(buffers.wanted, 2 * LEAST);
    end();
}

#define TESTS(X)                                                                                                       \
    X(uring_buffers_go_round_in_small_number)                                                                          \
    X(uring_buffers_are_more_where_one_was_lacking)                                                                    \
    X(uring_buffers_stay_at_home_when_they_were_not_needed_for_long)                                                   \
    X(uring_buffers_that_come_full_stay_few)
UNIT_SUITE(uring_buffers, TESTS)
