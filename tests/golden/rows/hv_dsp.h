/* hv_dsp.h: what the kernels for cores with DSP instructions share (Cortex-M4, M7, M33).
 *
 * HV_DSP says whether the assembly beside the generated C is used. Where it is not, C twins run in
 * its place on the same tables and give the same bits: any machine can check a folder that was made
 * for such a core. */
#ifndef HV_DSP_H
#define HV_DSP_H

#if defined(__ARM_FEATURE_DSP) && defined(__thumb2__) && defined(__ARM_FP)
#define HV_DSP 1
#else
#define HV_DSP 0
#endif

#if !defined(__ASSEMBLER__)
#include <stdint.h>

/* Widens bytes to int16, each four in the order 0, 2, 1, 3: what one SXTB16 and its rotated twin give.
 * from, to: aligned to 4; count: a multiple of 4. */
void hv_widen_quads(const int8_t from[], int16_t to[], uint32_t count);

/* Widens bytes to int16 in their order. from: aligned to 4; count: a multiple of 4. */
void hv_widen(const int8_t from[], int16_t to[], uint32_t count);

/* The same of a camera's bytes, u - 128, which may lie anywhere. */
void hv_widen_camera(const uint8_t from[], int16_t to[], uint32_t count);

/* Widens the first `count` channels of a row of pixels, channels innermost, to a row for each of them.
 *
 * from: int8 [pixels][channels], aligned to 4; to: the first channel's row, aligned to 4, others begin
 * row_elements further each; pixels, row_elements: even; channels, count: multiples of 4. */
void hv_widen_channels(const int8_t from[], int16_t to[], uint32_t pixels, uint32_t channels, uint32_t count, uint32_t row_elements);

/* Copies bytes, int8 to q + 128. from, to: aligned to 4; count: a multiple of 4. */
void hv_flip(const int8_t from[], uint8_t to[], uint32_t count);

/* Moves words towards lower addresses; the places may overlap. to: aligned to 4; size_bytes: of words. */
void hv_move_down(void *to, const void *from, uint32_t size_bytes);

/* Sets count elements to a value. to: aligned to 4; count: a multiple of 2. */
void hv_fill(int16_t to[], uint32_t count, int32_t value);

/* The constants of a kernel that computes tiles: two output channels of four neighbouring pixels. */
typedef struct {
    uint32_t rows;       /* of the window */
    uint32_t row_pairs;  /* pairs of taps in a row of the window */
    uint32_t pixel_step; /* elements between the windows of neighbouring pixels */
    uint32_t channels;   /* of the output, an even number */
    uint32_t weight_bits; /* 8 or 16 */
    uint32_t multipliers; /* of a channel: 2 for a PReLU, whose second is for accumulators below zero */
    uint32_t left_shift; /* of the accumulator, before it is multiplied */
    int32_t zero_point;  /* of the output */
    int32_t lo;          /* the lowest output */
    int32_t hi;          /* the highest output */
} hv_tile_t;

/* The C twin of the assembly that computes tiles of a row.
 *
 * rows:   the window's rows at the first pixel.
 * stream: for each pair of channels a, b: their biases; for each pair of taps p, q their weights, as
 *         bytes ap, bp, aq, bq of one word, or as int16 ap, aq and bp, bq of two; the multipliers of a, of b.
 * output: [4 * tiles][channels]. */
void hv_tiles_in_c(const hv_tile_t *tile, const int16_t *const rows[], const int32_t stream[], int8_t output[], uint32_t tiles);

/* The constants of a kernel that computes a row of a depthwise layer, channel after channel. */
typedef struct {
    uint32_t rows;         /* of the window, which is three taps wide */
    uint32_t first_tap;    /* element of a channel's row that the first window begins at, 0 or 1 */
    uint32_t pixel_step;   /* elements between the windows of neighbouring pixels */
    uint32_t pixels;       /* of a row of the output */
    uint32_t channels;     /* computed in one call */
    uint32_t output_step;  /* elements between neighbouring pixels of the output */
    uint32_t row_elements; /* between the rows of neighbouring channels */
    uint32_t multipliers;  /* of a channel: 2 for a PReLU, whose second is for accumulators below zero */
    uint32_t left_shift;   /* of the accumulator, before it is multiplied */
    int32_t zero_point;    /* of the output */
    int32_t lo;            /* the lowest output */
    int32_t hi;            /* the highest output */
} hv_channels_t;

/* The C twin of the assembly that computes a row of a depthwise layer.
 *
 * rows:   the window's rows of the first channel.
 * stream: for each channel its bias, its multipliers, and for each row of the window the weights 0, 1, 2
 *         as bytes 0, 1, 1, 2 of a word.
 * output: [pixels][channels]. */
void hv_channels_in_c(const hv_channels_t *shape, const int16_t *const rows[], const int32_t stream[], int8_t output[]);
#endif

#endif
