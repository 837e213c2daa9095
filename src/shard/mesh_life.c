/* SPDX-License-Identifier: MIT */
/*
 * A mesh before its shard's first tick and after its last.
 */
#include <errno.h>
#include <stdlib.h>

#include "shard/shard.h"

int rim__mesh_init(struct rim__mesh *mesh, uint32_t shards, uint32_t parcels) {
    *mesh = (struct rim__mesh){.parcels_max = parcels, .groups = (shards + 63) / 64};
    mesh->outlets = calloc(shards, sizeof *mesh->outlets);
    mesh->inbound = calloc(shards, sizeof(struct rim__lane *));
    return mesh->outlets == NULL || mesh->inbound == NULL ? -ENOMEM : 0;
}

static void free_lane(struct rim__outlet *outlet) {
    struct rim__parcel *parcel;
    while ((parcel = rim__spsc_pop(&outlet->lane->home)) != NULL) {
        free(parcel);
    }
    while ((parcel = rim__spsc_pop(&outlet->lane->out)) != NULL) {
        free(parcel);
    }
    while (outlet->free_count > 0) {
        free(outlet->free[--outlet->free_count]);
    }
    free(outlet->free);
    free(outlet->open);
    rim__spsc_finish(&outlet->lane->out);
    rim__spsc_finish(&outlet->lane->home);
    free(outlet->lane);
}

void rim__mesh_finish(struct rim__shard *shard) {
    struct rim__mesh *mesh = &shard->mesh;
    for (uint32_t i = 0; mesh->outlets != NULL && i < shard->count; i++) {
        if (mesh->outlets[i].lane != NULL) {
            free_lane(&mesh->outlets[i]);
        }
    }
    while (mesh->done != NULL) { /* what was put aside after the last flush */
        struct rim__parcel *parcel = mesh->done;
        mesh->done = parcel->next;
        free(parcel);
    }
    free(mesh->outlets);
    free(mesh->inbound);
    mesh->outlets = NULL;
    mesh->inbound = NULL;
}
