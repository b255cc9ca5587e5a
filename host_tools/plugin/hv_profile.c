/* hv_profile.c: counts blocks; see hv_profile.h. */
#include "hv_profile.h"

#include <inttypes.h>
#include <stdlib.h>

static hv_block_t *blocks;

/* The tally of the block that ran last, or NULL when that was outside of an inference. */
static hv_tally_t *previous;
static uint64_t previous_end;

static uint64_t flash_loads[HV_LAYERS_MAX + 1];
static uint64_t lowest_stack_store = UINT64_MAX;

static int region(void)
{
    const int layer = hv_calls_layer();
    return (layer == HV_NO_LAYER) ? hv_layers_count : layer;
}

void hv_profile_add(hv_block_t *block)
{
    block->next = blocks;
    blocks = block;
}

static hv_tally_t *tally_of(hv_block_t *block)
{
    if (block->tallies == NULL) {
        block->tallies = calloc((size_t)hv_layers_count + 1u, sizeof(*block->tallies));
    }
    if (block->tallies == NULL) {
        (void)fprintf(stderr, "hv_count: out of memory\n");
        exit(EXIT_FAILURE);
    }
    return &block->tallies[region()];
}

void hv_profile_count(hv_block_t *block)
{
    if ((previous != NULL) && (previous_end != block->start)) {
        previous->taken++;
    }
    previous = hv_calls_inside_run() ? tally_of(block) : NULL;
    if (previous != NULL) {
        previous->executions++;
    }
    previous_end = block->end;
}

void hv_profile_flash_load(void)
{
    if (hv_calls_inside_run()) {
        flash_loads[region()]++;
    }
}

void hv_profile_stack_store(uint64_t address)
{
    if (hv_calls_inside_run() && (address < lowest_stack_store)) {
        lowest_stack_store = address;
    }
}

static void report_block(FILE *out, const hv_block_t *block, const char **separator)
{
    for (int i = 0; (block->tallies != NULL) && (i <= hv_layers_count); i++) {
        const hv_tally_t *const tally = &block->tallies[i];
        if (tally->executions > 0u) {
            (void)fprintf(out, "%s\n    [%" PRIu64 ", %" PRIu64 ", %d, %" PRIu64 ", %" PRIu64 ", %" PRIu64 "]", *separator, block->start, block->end, i, block->instructions, tally->executions, tally->taken);
            *separator = ",";
        }
    }
}

void hv_profile_report(FILE *out)
{
    const char *separator = "";
    (void)fprintf(out, "  \"runs\": %" PRIu64 ",\n  \"blocks\": [", hv_calls_runs());
    for (const hv_block_t *block = blocks; block != NULL; block = block->next) {
        report_block(out, block, &separator);
    }
    (void)fprintf(out, "\n  ],\n  \"flash_loads\": [");
    for (int i = 0; i <= hv_layers_count; i++) {
        (void)fprintf(out, "%s%" PRIu64, (i > 0) ? ", " : "", flash_loads[i]);
    }
    (void)fprintf(out, "],\n");
    if (lowest_stack_store != UINT64_MAX) {
        (void)fprintf(out, "  \"lowest_stack_store_of_runs\": %" PRIu64 ",\n", lowest_stack_store);
    }
}
