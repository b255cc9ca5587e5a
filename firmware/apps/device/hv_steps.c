/* hv_steps.c: see hv_steps.h. */
#include "hv_steps.h"

#if !defined(HV_MODEL_STREAMED)
#define HV_MODEL_STREAMED 0u
#endif

hv_status_t hv_steps_begin(hv_steps_t *steps, const void *person, const uint8_t image[], uint8_t arena[])
{
    steps->person = person;
    steps->image = image;
    steps->arena = arena;
    steps->next_layer = HV_MODEL_STREAMED;
    steps->next_row = 0u;
    steps->rows_wait = 0u;
#if HV_MODEL_STREAMED > 0u
    return hv_model_begin(arena);
#else
    return HV_OK;
#endif
}

static hv_status_t next_layer(hv_steps_t *steps, hv_piece_t *piece)
{
    const uint32_t layer = steps->next_layer;
    if (layer >= HV_MODEL_LAYERS) {
        piece->layer = HV_MODEL_LAYERS;
        piece->offset_bytes = 0u;
        piece->size_bytes = 0u;
        piece->bytes = steps->arena;
        return HV_OK;
    }
    const hv_status_t status = hv_model_layer(layer, steps->person, steps->image, steps->arena);
    if (status == HV_OK) {
        piece->layer = layer;
        piece->offset_bytes = 0u;
        piece->size_bytes = hv_model_sizes[layer];
        piece->bytes = &steps->arena[hv_model_tensors[layer].offset_bytes];
        steps->next_layer++;
    }
    return status;
}

#if HV_MODEL_STREAMED > 0u
/* The next row of any layer: from what was fed, or from one more row of the image. */
static hv_status_t next_row(hv_steps_t *steps, hv_row_t *row)
{
    hv_status_t status = HV_OK;
    row->layer = HV_MODEL_LAYERS;
    while ((status == HV_OK) && (row->layer == HV_MODEL_LAYERS) && ((steps->rows_wait != 0u) || (steps->next_row < HV_MODEL_ROWS))) {
        if (steps->rows_wait == 0u) {
            status = hv_model_feed(&steps->image[steps->next_row * HV_MODEL_ROW_BYTES], steps->arena);
            steps->next_row++;
            steps->rows_wait = 1u;
        } else {
            status = hv_model_next(steps->person, steps->arena, row);
            steps->rows_wait = (row->layer == HV_MODEL_LAYERS) ? 0u : 1u;
        }
    }
    return status;
}
#endif

hv_status_t hv_steps_next(hv_steps_t *steps, hv_piece_t *piece)
{
#if HV_MODEL_STREAMED > 0u
    hv_row_t row = {HV_MODEL_LAYERS, 0u, 0u, 0u};
    const hv_status_t status = next_row(steps, &row);
    if (status != HV_OK) {
        return status;
    }
    if (row.layer != HV_MODEL_LAYERS) {
        piece->layer = row.layer;
        piece->offset_bytes = row.y * row.size_bytes;
        piece->size_bytes = row.size_bytes;
        piece->bytes = &steps->arena[row.offset_bytes];
        return HV_OK;
    }
#endif
    return next_layer(steps, piece);
}
