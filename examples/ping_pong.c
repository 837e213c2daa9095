/* SPDX-License-Identifier: MIT */
/*
 * ping_pong.c - two actors on two shards play: a million messages cross the cores, and the time of one is printed.
 *
 *     ping_pong [ROUNDS]
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include <ringmail/runtime.h>
#include <ringmail/stats.h>

enum { BALL = RIM_USER };

/* How the game tells main that it is over. */
struct game {
    uint64_t rounds;
    uint64_t took_ns;
    pthread_mutex_t lock;
    pthread_cond_t over;
    bool is_over;
};

/* ---- the one who returns the ball ---- */

static rim_verdict return_ball(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    (void)state;
    rim_send(ctx, rim_sender(ctx), BALL, body, rim_size(msg));
    return RIM_DONE;
}

static const rim_handler partner_on[] = {[BALL] = return_ball};
static const rim_behaviour partner = {.name = "partner", .on = partner_on, .on_count = RIM_COUNT(partner_on)};

/* ---- the one who serves, and counts ---- */

struct player {
    struct game *game;
    rim_ref partner;
    uint64_t left;
    uint64_t start_ns;
};

static rim_verdict finish(rim_ctx *ctx, struct player *self) {
    struct game *game = self->game;
    game->took_ns = rim_now(ctx) - self->start_ns;
    rim_stop(ctx, self->partner);
    pthread_mutex_lock(&game->lock);
    game->is_over = true;
    pthread_cond_signal(&game->over);
    pthread_mutex_unlock(&game->lock);
    return RIM_STOP;
}

static rim_verdict hit(rim_ctx *ctx, void *state, const void *body, rim_msg *msg) {
    struct player *self = state;
    (void)msg;
    if (--self->left == 0) {
        return finish(ctx, self);
    }
    rim_send(ctx, self->partner, BALL, body, sizeof(uint64_t));
    return RIM_DONE;
}

static rim_verdict player_init(rim_ctx *ctx, void *state, const void *arg, size_t size) {
    struct player *self = state;
    (void)size;
    self->game = *(struct game *const *)arg;
    self->left = self->game->rounds;
    self->start_ns = rim_now(ctx);
    rim_spawn_options there = {.place = RIM_ON_SHARD, .shard = rim_shard_count(ctx) - 1};
    int error = rim_spawn(ctx, &partner, &there, NULL, 0, &self->partner);
    if (error == 0) {
        error = rim_send(ctx, self->partner, BALL, &self->left, sizeof self->left);
    }
    return error == 0 ? RIM_DONE : rim_fail(ctx, RIM_EXIT_USER, "%s", rim_strerror(error));
}

static const rim_handler player_on[] = {[BALL] = hit};
static const rim_behaviour player = {
    .name = "player",
    .state_size = sizeof(struct player),
    .on = player_on,
    .on_count = RIM_COUNT(player_on),
    .init = player_init,
};

/* ---- the program ---- */

static void play(rim_system *system, struct game *game) {
    pthread_mutex_lock(&game->lock);
    while (!game->is_over) {
        pthread_cond_wait(&game->over, &game->lock);
    }
    pthread_mutex_unlock(&game->lock);
    printf("%" PRIu64 " rounds on %u shards: %" PRIu64 " ns each\n", game->rounds, rim_system_shards(system),
           game->took_ns / game->rounds);
}

int main(int argc, char **argv) {
    static struct game game = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};
    struct game *arg = &game;
    rim_config config = {.shards = 2};
    rim_system *system;
    rim_ref someone;
    game.rounds = argc > 1 ? strtoull(argv[1], NULL, 10) : 500000;
    if (game.rounds == 0) {
        fprintf(stderr, "usage: ping_pong [ROUNDS]\n");
        return 2;
    }
    int error = rim_system_create(&config, &system);
    if (error == 0) {
        error = rim_system_spawn(system, &player, NULL, &arg, sizeof arg, &someone);
    }
    if (error == 0) {
        error = rim_system_start(system);
    }
    if (error != 0) {
        fprintf(stderr, "ping_pong: %s\n", rim_strerror(error));
        return 1;
    }
    play(system, &game);
    error = rim_system_stop(system, RIM_SECONDS(1), NULL);
    rim_stats stats;
    rim_system_stats(system, RIM_ALL_SHARDS, &stats);
    printf("%" PRIu64 " messages, %" PRIu64 " of them across; wake-ups sent %" PRIu64 ", saved %" PRIu64 "\n",
           stats.sent, stats.sent_across, stats.wakes_sent, stats.wakes_saved);
    rim_system_destroy(system);
    return error == 0 ? 0 : 1;
}
