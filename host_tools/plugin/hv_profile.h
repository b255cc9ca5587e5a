/* hv_profile.h: how often each block of a whole inference ran, for which layer, and how often it ended with a
 * taken branch.
 *
 * The last instruction of a block is a taken branch when the block that runs next does not start where the
 * first one ends. Counts of instructions follow from those of blocks, exactly: a block runs from its first
 * instruction to its last. */
#ifndef HV_PROFILE_H
#define HV_PROFILE_H

#include <stdint.h>
#include <stdio.h>

#include "hv_calls.h"

/* Of one block in one region. A region is a layer; the one after the last layer is the rest of an inference. */
typedef struct hv_tally {
    uint64_t executions;
    uint64_t taken;
} hv_tally_t;

/* The block has been translated: it will be in the report. */
void hv_profile_add(hv_block_t *block);

/* To be told each block before it runs, after hv_calls_arrive. */
void hv_profile_count(hv_block_t *block);

/* A load from flash, or a store into the stack, by the block under way. */
void hv_profile_flash_load(void);
void hv_profile_stack_store(uint64_t address);

void hv_profile_report(FILE *out);

#endif
