/* hv_steps.h: an inference in steps, each of which leaves one piece of one layer's tensor in the arena: all of it,
 * or a row of a layer that takes rows. Whoever reads every piece has every tensor, without memory for them. */
#ifndef HV_STEPS_H
#define HV_STEPS_H

#include "hv_model.h"

/* The piece that the last step left. */
typedef struct {
    uint32_t layer;        /* HV_MODEL_LAYERS: there is nothing more */
    uint32_t offset_bytes; /* where it begins in the layer's tensor */
    uint32_t size_bytes;
    const uint8_t *bytes; /* in the arena */
} hv_piece_t;

typedef struct {
    const void *person;
    const uint8_t *image;
    uint8_t *arena;
    uint32_t next_layer; /* of those that are computed as a whole */
    uint32_t next_row;   /* of the image */
    uint32_t rows_wait;  /* 1: rows of some layer can still be computed from those fed */
} hv_steps_t;

/* Before the first step. */
hv_status_t hv_steps_begin(hv_steps_t *steps, const void *person, const uint8_t image[], uint8_t arena[]);

/* One step. */
hv_status_t hv_steps_next(hv_steps_t *steps, hv_piece_t *piece);

#endif
