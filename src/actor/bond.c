/* SPDX-License-Identifier: MIT */
#include "actor/bond.h"

#include <errno.h>
#include <stdlib.h>

#include "actor/ctx.h"

#define CHAINS_MIN 64u

static struct rim__bond **chain_of(const struct rim__bonds *bonds, uint64_t owner, uint64_t key) {
    return &bonds->chains[(rim__mix(owner) ^ rim__mix(key ^ 0x5bd1e995u)) & (bonds->chain_count - 1)];
}

static void put(struct rim__bonds *bonds, struct rim__bond *bond) {
    struct rim__bond **chain = chain_of(bonds, bond->owner, bond->key);
    bond->next = *chain;
    bond->link = chain;
    if (bond->next != NULL) {
        bond->next->link = &bond->next;
    }
    *chain = bond;
}

/* Twice the chains. Without memory they only get longer. */
static int widen(struct rim__bonds *bonds) {
    struct rim__bonds wide = {.chain_count = bonds->chain_count == 0 ? CHAINS_MIN : bonds->chain_count * 2};
    wide.chains = calloc(wide.chain_count, sizeof *wide.chains);
    if (wide.chains == NULL) {
        return bonds->chains != NULL ? 0 : -ENOMEM;
    }
    for (uint32_t i = 0; i < bonds->chain_count; i++) {
        for (struct rim__bond *bond = bonds->chains[i], *next; bond != NULL; bond = next) {
            next = bond->next;
            put(&wide, bond);
        }
    }
    free(bonds->chains);
    bonds->chains = wide.chains;
    bonds->chain_count = wide.chain_count;
    return 0;
}

int rim__bond_add(rim_ctx *ctx, struct rim__actor *owner, struct rim__bond *bond) {
    struct rim__bonds *bonds = &ctx->bonds;
    if (bonds->count >= bonds->chain_count && widen(bonds) != 0) {
        return -ENOMEM;
    }
    put(bonds, bond);
    bonds->count++;
    rim__own_link(&owner->belongings->bonds, &bond->own);
    return 0;
}

void rim__bond_remove(rim_ctx *ctx, struct rim__bond *bond) {
    *bond->link = bond->next;
    if (bond->next != NULL) {
        bond->next->link = bond->link;
    }
    ctx->bonds.count--;
    rim__own_unlink(&bond->own);
}

static struct rim__bond *seek(struct rim__bond *bond, uint64_t owner, uint64_t key) {
    while (bond != NULL && (bond->owner != owner || bond->key != key)) {
        bond = bond->next;
    }
    return bond;
}

struct rim__bond *rim__bond_find(const rim_ctx *ctx, uint64_t owner, uint64_t key) {
    return ctx->bonds.chains != NULL ? seek(*chain_of(&ctx->bonds, owner, key), owner, key) : NULL;
}

struct rim__bond *rim__bond_find_next(const struct rim__bond *bond) {
    return seek(bond->next, bond->owner, bond->key);
}

void rim__bonds_finish(struct rim__bonds *bonds) {
    free(bonds->chains);
    *bonds = (struct rim__bonds){0};
}
