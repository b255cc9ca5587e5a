/* world.h: a device under test: its flash, its people, and what must be true of them. */
#ifndef WORLD_H
#define WORLD_H

#include "hv_slots.h"
#include "nor_flash.h"

#include <stdbool.h>

#define WORLD_USERS 4u
#define REFUSED ((hv_status_t)99) /* the judge's own code */

/* Sizes as on a part, and scaled down so that everything can be tried. */
typedef struct {
    const char *name;
    uint32_t journal_block_bytes;
    uint32_t journal_blocks;
    uint32_t data_block_bytes;
    uint32_t data_blocks;
    uint32_t write_bytes;
    uint32_t most_bytes;
} geometry_t;

typedef enum {
    INSTALL, /* begin, write, commit */
    BROKEN,  /* the same with a byte that the judge refuses */
    DROPPED, /* begun, half written, dropped */
    REMOVE
} order_t;

typedef struct {
    order_t order;
    uint32_t user; /* 0 to WORLD_USERS - 1 */
    uint32_t version;
} step_t;

/* What must be true of everybody. */
typedef struct {
    uint32_t version[WORLD_USERS]; /* who is there, with which version; 0: nobody */
    uint32_t least[WORLD_USERS];   /* the least version that is taken */
    uint32_t known[WORLD_USERS];   /* whether there ever was one */
} truth_t;

typedef struct {
    nor_t nor;
    nor_region_t journal;
    nor_region_t data;
    hv_slots_config_t config;
    hv_slots_t slots;
} world_t;

/* Blank flash. */
void world_make(world_t *world, const geometry_t *geometry, uint32_t seed);

/* Carries out a step to its end; what the device answered. */
hv_status_t world_do(world_t *world, const step_t *step);

/* What a step must answer, and what must be true afterwards. */
hv_status_t truth_after(truth_t *truth, const step_t *step, uint32_t most_people);

/* NULL if all is as it must be, else what is not. */
const char *world_differs(const world_t *world, const truth_t *truth);

/* Whether anything of a person's weights is still to be found. */
bool world_holds(const world_t *world, uint32_t user, uint32_t version);

/* People whose bytes are damaged, if everybody else is as must be; UINT32_MAX if somebody is not. */
uint32_t world_damaged(const world_t *world, const truth_t *truth);

#endif
