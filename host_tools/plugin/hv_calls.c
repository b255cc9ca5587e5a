/* hv_calls.c: follows calls and returns; see hv_calls.h. */
#include "hv_calls.h"

#include <stdio.h>
#include <stdlib.h>

#define DEPTH_MAX 64 /* the firmware has no recursion, its call graph is not as deep */

/* A layer's call under way. */
typedef struct {
    int layer;
    int depth; /* calls under way when its function began */
    uint64_t instructions;
} active_t;

hv_layer_t hv_layers[HV_LAYERS_MAX];
int hv_layers_count;

/* Where the calls under way return to, the innermost last. */
static uint64_t returns[DEPTH_MAX];
static int depth;

/* The layers under way, the innermost last. */
static active_t active[DEPTH_MAX];
static int active_count;

static bool inside_run;
static int run_depth;
static uint64_t runs;

static void stop(const char *what)
{
    (void)fprintf(stderr, "hv_count: %s\n", what);
    exit(EXIT_FAILURE);
}

int hv_layer_at(uint64_t address)
{
    for (int i = 0; i < hv_layers_count; i++) {
        if (hv_layers[i].function == address) {
            return i;
        }
    }
    return HV_NO_LAYER;
}

static void end_layer(void)
{
    active_count--;
    const uint64_t instructions = active[active_count].instructions;
    hv_layer_t *const layer = &hv_layers[active[active_count].layer];
    if ((layer->calls == 0u) || (instructions < layer->least)) {
        layer->least = instructions;
    }
    if (instructions > layer->most) {
        layer->most = instructions;
    }
    layer->calls++;
    layer->instructions += instructions;
}

static void begin_layer(int layer)
{
    if (active_count == DEPTH_MAX) {
        stop("layers call each other too deeply");
    }
    active[active_count] = (active_t){.layer = layer, .depth = depth, .instructions = 0u};
    active_count++;
}

static void end_returned(void)
{
    while ((active_count > 0) && (active[active_count - 1].depth > depth)) {
        end_layer();
    }
    inside_run = inside_run && (run_depth <= depth);
}

void hv_calls_arrive(const hv_block_t *block)
{
    if ((depth > 0) && (returns[depth - 1] == block->start)) {
        depth--;
        end_returned();
    }
    if (block->is_run && !inside_run) {
        inside_run = true;
        run_depth = depth;
        runs++;
    }
    /* a loop may jump back to its function's first instruction: that is no new call */
    if ((block->layer != HV_NO_LAYER) && (block->layer != hv_calls_layer())) {
        begin_layer(block->layer);
    }
    if (active_count > 0) {
        active[active_count - 1].instructions += block->instructions;
    }
}

void hv_calls_leave(const hv_block_t *block)
{
    if (!block->ends_with_call) {
        return;
    }
    if (depth == DEPTH_MAX) {
        stop("calls are nested too deeply");
    }
    returns[depth] = block->end;
    depth++;
}

void hv_calls_end(void)
{
    while (active_count > 0) {
        end_layer();
    }
}

int hv_calls_layer(void)
{
    return (active_count > 0) ? active[active_count - 1].layer : HV_NO_LAYER;
}

bool hv_calls_inside_run(void)
{
    return inside_run;
}

uint64_t hv_calls_runs(void)
{
    return runs;
}
