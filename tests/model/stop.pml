/* SPDX-License-Identifier: MIT */
/*
 * stop.pml - how a graceful stop knows that nothing moves any more (src/stop.c).
 *
 * Each shard counts the messages that it has posted and delivered, and knows whether it is idle. The coordinator asks
 * one shard after the other, while messages fly and handlers run; an answer is a snapshot of its shard, but the
 * answers of a round are of different times. It declares rest when in two successive rounds every shard was idle and
 * the sums were equal, posted to delivered and round to round. (Mattern's four counters, 1987.) The answers of the
 * first round are those to an order, and an order makes its shard post before it answers.
 *
 * Checked: when it declares rest, no message is under way and no handler runs (assert); and it does declare it in the
 * end, if every process gets its turns (ltl).
 *
 * Broken on purpose (-D): each of these must fail.
 *
 *     ONE_ROUND   one round with equal sums is taken for enough
 *     NO_IDLE     it does not ask whether the shards are idle
 *     NO_SUMS     it asks for nothing but idleness, twice
 *
 * ALONE, with one shard, must hold: there one round is enough.
 */
#ifdef ALONE
#define SHARDS   1
#define ONE_ROUND
#define OTHER(i) (i)
#else
#define SHARDS   2
#define OTHER(i) (1 - (i))
#endif
#ifndef POSTS
#define POSTS 5 /* messages in all, the first ones included */
#endif

byte in_flight[SHARDS]; /* messages on their way to a shard */
byte posted[SHARDS];    /* by the shard */
byte delivered[SHARDS]; /* by the shard */
bool busy[SHARDS];      /* by the shard: a handler runs, and may post */
byte posts = 0;         /* bounds the model, and is no part of the protocol */
bool declared = false;

inline post(from, to) {
    posts++;
    posted[from]++;
    in_flight[to]++
}

proctype shard(byte me) {
end:
    do
    :: atomic { in_flight[me] > 0 && !busy[me] -> in_flight[me]--; delivered[me]++; busy[me] = true }
    :: atomic { busy[me] && posts < POSTS -> post(me, OTHER(me)) }
    :: atomic { busy[me] && posts < POSTS -> post(me, me) }
    :: atomic { busy[me] -> busy[me] = false }
    od
}

inline ask_all() {
    idle = true;
    sum_posted = 0;
    sum_delivered = 0;
    i = 0;
    do
    :: atomic {
        i < SHARDS ->
        if
        :: ordered && posts < POSTS -> post(i, OTHER(i))
        :: true -> skip
        fi;
        idle = idle && !busy[i];
        sum_posted = sum_posted + posted[i];
        sum_delivered = sum_delivered + delivered[i];
        i++
    }
    :: i == SHARDS -> break
    od;
#ifdef NO_IDLE
    idle = true;
#endif
#ifdef NO_SUMS
    sum_posted = 0;
    sum_delivered = 0
#endif
}

proctype coordinator() {
    byte sum_posted, sum_delivered, last_posted, i = 0;
    bool idle, quiet = false, ordered = true;
    do
    :: ask_all();
        ordered = false;
        if
        :: idle && sum_posted == sum_delivered ->
#ifdef ONE_ROUND
            break
#else
            if
            :: quiet && last_posted == sum_posted -> break
            :: else -> quiet = true; last_posted = sum_posted
            fi
#endif
        :: else -> quiet = false
        fi
    od;
    assert(in_flight[0] == 0 && in_flight[SHARDS - 1] == 0 && !busy[0] && !busy[SHARDS - 1]);
    declared = true
}

init {
    atomic {
        post(0, SHARDS - 1);
        post(SHARDS - 1, 0);
        run shard(0);
#ifndef ALONE
        run shard(1);
#endif
        run coordinator()
    }
}

ltl stops { <> declared }
