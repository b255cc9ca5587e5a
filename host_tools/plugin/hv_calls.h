/* hv_calls.h: whose instructions are running: which layer's, and whether inside a whole inference.
 *
 * Calls are followed to the instruction after them, so whatever a layer calls counts as its
 * own, a layer may be called in pieces, and a layer that another one calls has its own count. A function that
 * is jumped to instead of called returns to its caller's caller, and is known by that. */
#ifndef HV_CALLS_H
#define HV_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#define HV_LAYERS_MAX 256
#define HV_NO_LAYER (-1)

/* A straight run of instructions as QEMU translated it; never freed, QEMU may keep it until the end. */
typedef struct hv_block {
    uint64_t start;
    uint64_t end;
    uint64_t instructions;
    int layer; /* the layer whose function starts here, or HV_NO_LAYER */
    bool is_main;
    bool is_run; /* the function of a whole inference starts here */
    bool ends_with_call;
    struct hv_tally *tallies; /* see hv_profile.h */
    struct hv_block *next; /* the block translated before this one */
} hv_block_t;

typedef struct {
    uint64_t function;
    uint64_t calls;
    uint64_t instructions; /* all calls together */
    uint64_t least; /* of one call */
    uint64_t most;
} hv_layer_t;

extern hv_layer_t hv_layers[HV_LAYERS_MAX];
extern int hv_layers_count;

/* The layer whose function starts at an address, or HV_NO_LAYER. */
int hv_layer_at(uint64_t address);

/* To be told each block before it runs: hv_calls_arrive, then whatever is counted, then hv_calls_leave. */
void hv_calls_arrive(const hv_block_t *block);
void hv_calls_leave(const hv_block_t *block);

/* To be told that the program has ended. */
void hv_calls_end(void);

/* The layer that the block under way belongs to, or HV_NO_LAYER. */
int hv_calls_layer(void);

/* Whether the block under way belongs to a whole inference, and how many of these began. */
bool hv_calls_inside_run(void);
uint64_t hv_calls_runs(void);

#endif
