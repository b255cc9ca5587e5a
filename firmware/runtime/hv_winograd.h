/* hv_winograd.h: what the Winograd kernels share beside hv_dsp.h: patches, and twins of their assembly.
 *
 * Points are numbered 6 * column + row. */
#ifndef HV_WINOGRAD_H
#define HV_WINOGRAD_H

#include <stdint.h>

/* A layer's input. */
typedef struct {
    int32_t height;
    int32_t width;
    int32_t channels;  /* a multiple of 4 */
    int32_t pad_value; /* what lies outside, int8 */
} hv_image_t;

/* Copies 6 x 6 pixels from row `top` and column `left` on as u = q + 128; both may lie outside the image. */
void hv_winograd_patch(const hv_image_t *image, const int8_t input[], uint8_t patch[], int32_t top, int32_t left);

/* What turns sums into outputs. */
typedef struct {
    uint32_t row;        /* bytes between rows of the output */
    uint32_t channels;   /* bytes between its pixels */
    uint32_t multipliers; /* of a channel: 2 for a PReLU, whose second is for accumulators below zero */
    uint32_t left_shift; /* of the accumulator, before it is multiplied */
    int32_t zero_point;
    int32_t lo;
    int32_t hi;
} hv_winograd_t;

/* Twins in C of the four functions of a generated kernel; each says there what it does. */
void hv_winograd_inputs_in_c(const uint8_t patch[], int16_t points[], uint32_t channels);
void hv_winograd_weights_in_c(const int32_t bytes[], int32_t weights[], uint32_t channels);
void hv_winograd_products_in_c(const int16_t points[], const int32_t weights[], int32_t sums[], uint32_t channels);
void hv_winograd_outputs_in_c(const hv_winograd_t *finish, int8_t *const tiles[4], const int32_t sums[], const int32_t constants[], uint32_t channel);

#endif
