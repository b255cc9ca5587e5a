/* hv_collect.h: all tensors of one image, whole, from whatever kernel: applications that check need them.
 *
 * A kernel that takes rows keeps only the newest of each tensor; they are collected as they are computed. */
#ifndef HV_COLLECT_H
#define HV_COLLECT_H

#include <string.h>

#include "hv_model.h"

#if !defined(HV_MODEL_STREAMED)
#define HV_MODEL_STREAMED 0u
#endif

/* Where a layer's tensor begins among all tensors. */
static inline uint32_t hv_collected_at(uint32_t layer)
{
    uint32_t bytes = 0u;
    for (uint32_t i = 0u; i < layer; ++i) {
        bytes += hv_model_sizes[i];
    }
    return bytes;
}

#if HV_MODEL_STREAMED > 0u
static inline hv_status_t hv_collect_rows(const void *person, const uint8_t image[], uint8_t arena[], uint8_t tensors[])
{
    hv_status_t status = hv_model_begin(arena);
    for (uint32_t y = 0u; (y < HV_MODEL_ROWS) && (status == HV_OK); ++y) {
        hv_row_t row = {0u, 0u, 0u, 0u};
        status = hv_model_feed(&image[y * HV_MODEL_ROW_BYTES], arena);
        while ((status == HV_OK) && (row.layer != HV_MODEL_LAYERS)) {
            status = hv_model_next(person, arena, &row);
            if ((status == HV_OK) && (row.layer != HV_MODEL_LAYERS)) {
                (void)memcpy(&tensors[hv_collected_at(row.layer) + (row.y * row.size_bytes)], &arena[row.offset_bytes], row.size_bytes);
            }
        }
    }
    return status;
}
#endif

/* tensors: HV_MODEL_TRACE_BYTES, every layer's output in order. */
static inline hv_status_t hv_collect(const void *person, const uint8_t image[], uint8_t arena[], uint8_t tensors[])
{
#if HV_MODEL_STREAMED > 0u
    hv_status_t status = hv_collect_rows(person, image, arena, tensors);
#else
    hv_status_t status = HV_OK;
#endif
    for (uint32_t layer = HV_MODEL_STREAMED; (layer < HV_MODEL_LAYERS) && (status == HV_OK); ++layer) {
        status = hv_model_layer(layer, person, image, arena);
        (void)memcpy(&tensors[hv_collected_at(layer)], &arena[hv_model_tensors[layer].offset_bytes], hv_model_sizes[layer]);
    }
    return status;
}

#endif
