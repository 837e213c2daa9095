/* SPDX-License-Identifier: MIT */
/*
 * bell.pml - the bell (src/shard/doorbell.h): two senders ring it, one receiver takes the news, parks and is woken.
 *
 * Checked: wherever the receiver sleeps for good, it has taken in every message (no lost wake-up); and each park is
 * ended by one wake at most (no wake in vain).
 *
 * Memory. A store goes into a store buffer first, and becomes visible when a drain step happens to run, or at the
 * latest with the next read-modify-write of the same thread: x86's order, and what release guarantees elsewhere. A
 * plain load sees what is visible. The receiver's look at the bell before it takes may be out of date, so it may
 * find nothing at any time. Lanes are counters: `sent` has left the sender's hands, `visible` is what the receiver
 * can see, `got` what it has taken. The receiver may leave a lane unfinished, as a budget makes it do.
 *
 * Broken on purpose (-D): each of these must fail.
 *
 *     PRECHECK    the sender looks at the bell by a plain load, and does not ring where its bit is set
 *     RELAXED     the ring does not release: the push may become visible after it
 *     CLEARSTORE  the receiver clears the bell by a load and a store
 *     FLAG        no word but a flag beside the lanes: set by store, then looked at again, without a full fence
 *     WAKE_ALL    a sender wakes whenever it finds PARKED, also if somebody has rung since
 *     GROUPS with GROUP_FIRST: the group's word is cleared before the word that announces it
 *
 * GROUPS alone is the bell of more than 62 shards, and must hold.
 */
#define SENDERS 2
#ifndef MESSAGES
#define MESSAGES 3
#endif
#define TIMEOUTS 1 /* sleeps that may end by their deadline */

#define PARKED 4
#define BIT(i) (1 << (i))
#define ALL 3 /* both lanes */
#ifdef GROUPS
#define NEWS(i) 1 /* the bit in the word says: the group has news */
#else
#define NEWS(i) BIT(i)
#endif

byte word = 0;         /* the bell */
byte group = 0;        /* GROUPS: which lanes have news */
byte sent[SENDERS];    /* by the sender */
byte visible[SENDERS]; /* by the sender's store buffer */
byte token = 0;        /* wakes on their way through the kernel */
bool woken = false;    /* somebody has undertaken to end this park */
bool parking = false;  /* FLAG: the receiver's store buffer holds word = PARKED */
byte left = SENDERS;   /* senders that are not done */

/* What a read-modify-write that releases does with the stores before it. */
#ifdef RELAXED
#define release(i) skip
#else
#define release(i) visible[i] = sent[i]
#endif

inline undertake_wake() {
    assert(!woken);
    woken = true
}

#define must_wake(old) ((old) == PARKED)
#ifdef WAKE_ALL
#undef must_wake
#define must_wake(old) (((old) & PARKED) != 0)
#endif

proctype sender(byte me) {
    byte n = 0;
    bool wakes;
    do
    :: n < MESSAGES ->
        n++;
        sent[me]++;
#ifdef PRECHECK
        if
        :: word & NEWS(me) -> goto rung
        :: else
        fi;
#endif
#ifdef FLAG
        if
        :: word == PARKED -> token++
        :: else
        fi;
#else
#ifdef GROUPS
        atomic { release(me); group = group | BIT(me) };
#endif
        atomic {
            release(me);
            wakes = must_wake(word);
            word = word | NEWS(me);
            if
            :: wakes -> undertake_wake()
            :: else
            fi
        };
        if
        :: wakes -> token++
        :: else
        fi;
#endif
rung:   skip
    :: else -> break
    od;
    visible[me] == sent[me]; /* what is in the store buffer gets out in the end */
    left--
}

/* The store buffers. */
proctype drain() {
end:
    do
    :: atomic { visible[0] < sent[0] -> visible[0]++ }
    :: atomic { visible[1] < sent[1] -> visible[1]++ }
#ifdef FLAG
    :: atomic { parking -> word = PARKED; parking = false }
#endif
    od
}

proctype receiver() {
    byte pending = 0, got[SENDERS], timeouts = 0, seen;

    do
    :: /* take, or find the bell untouched */
#ifdef FLAG
        pending = ALL;
#else
        if
        :: true -> skip
        :: word != 0 ->
take:
#ifdef CLEARSTORE
            seen = word;
            word = 0;
#elif defined(GROUPS) && defined(GROUP_FIRST)
            atomic { seen = group; group = 0 };
            pending = pending | seen;
            atomic { seen = 0; word = 0 };
#else
            atomic { seen = word; word = 0 };
#endif
#ifdef GROUPS
            if
            :: seen & 1 -> atomic { seen = group; group = 0 }
            :: else -> seen = 0
            fi;
#endif
            pending = pending | (seen & ALL)
        fi;
#endif
        /* pop from the pending lanes: one message, or find the lane empty, or leave it for the next turn */
        do
        :: pending & BIT(0) ->
            if
            :: got[0] < visible[0] -> got[0]++
            :: got[0] == visible[0] -> pending = pending & ~BIT(0)
            fi
        :: pending & BIT(1) ->
            if
            :: got[1] < visible[1] -> got[1]++
            :: got[1] == visible[1] -> pending = pending & ~BIT(1)
            fi
        :: true -> break
        od;
        if
        :: pending != 0 -> goto next
        :: else
        fi;
        /* park */
#ifdef FLAG
        parking = true;
        if
        :: got[0] < visible[0] || got[1] < visible[1] -> goto awake
        :: else
        fi;
#else
        atomic {
            if
            :: word == 0 -> word = PARKED; woken = false
            :: else -> goto take
            fi
        };
#endif
        /* sleep */
        if
        :: atomic { token > 0 -> token-- }
        :: atomic { timeouts < TIMEOUTS -> timeouts++ }
        :: atomic {
            left == 0 && token == 0 ->
            assert(got[0] == MESSAGES && got[1] == MESSAGES); /* no lost wake-up */
            break
        }
        fi;
#ifndef FLAG
        goto take;
#else
awake:
        atomic { parking = false; word = 0 };
#endif
next:   skip
    od
}

init {
    atomic {
        run sender(0);
        run sender(1);
        run drain();
        run receiver()
    }
}
