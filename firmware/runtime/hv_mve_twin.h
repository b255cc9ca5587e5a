/* hv_mve_twin.h: the parts of hv_mve_lanes.h in plain C, lane by lane. What each does is said there. */
#ifndef HV_MVE_TWIN_H
#define HV_MVE_TWIN_H

#if !defined(__ARM_FEATURE_MVE)

#include <stdint.h>

#include "hv_arith.h"

typedef struct {
    int8_t lane[16];
} hv_bytes_t;

typedef struct {
    int32_t lane[4];
} hv_words_t;

static inline hv_bytes_t hv_load_bytes(const int8_t source[16])
{
    hv_bytes_t bytes;
    for (int32_t i = 0; i < 16; ++i) {
        bytes.lane[i] = source[i];
    }
    return bytes;
}

static inline void hv_store_bytes(int8_t target[16], hv_bytes_t bytes)
{
    for (int32_t i = 0; i < 16; ++i) {
        target[i] = bytes.lane[i];
    }
}

static inline hv_bytes_t hv_all_bytes(int8_t value)
{
    hv_bytes_t bytes;
    for (int32_t i = 0; i < 16; ++i) {
        bytes.lane[i] = value;
    }
    return bytes;
}

static inline hv_bytes_t hv_flip_bytes(hv_bytes_t bytes, int8_t flip)
{
    hv_bytes_t flipped;
    for (int32_t i = 0; i < 16; ++i) {
        flipped.lane[i] = (int8_t)(bytes.lane[i] ^ flip);
    }
    return flipped;
}

static inline void hv_scatter_bytes(int8_t target[], const uint8_t places[16], hv_bytes_t bytes)
{
    for (int32_t i = 0; i < 16; ++i) {
        target[places[i]] = bytes.lane[i];
    }
}

static inline void hv_scatter_first_bytes(int8_t target[], const uint8_t places[16], const int8_t source[], int32_t count, int8_t flip)
{
    for (int32_t i = 0; i < count; ++i) {
        target[places[i]] = (int8_t)(source[i] ^ flip);
    }
}

static inline void hv_scatter_channels(int8_t target[], int32_t pitch, const int8_t source[], int32_t count, int8_t flip)
{
    for (int32_t i = 0; i < count; ++i) {
        target[i * pitch] = (int8_t)(source[i] ^ flip);
    }
}

static inline hv_words_t hv_load_words(const int32_t source[4])
{
    hv_words_t words;
    for (int32_t i = 0; i < 4; ++i) {
        words.lane[i] = source[i];
    }
    return words;
}

static inline void hv_store_words(int32_t target[4], hv_words_t words)
{
    for (int32_t i = 0; i < 4; ++i) {
        target[i] = words.lane[i];
    }
}

static inline hv_words_t hv_load_wide(const int8_t source[4])
{
    hv_words_t words;
    for (int32_t i = 0; i < 4; ++i) {
        words.lane[i] = source[i];
    }
    return words;
}

static inline hv_words_t hv_all_words(int32_t value)
{
    const hv_words_t words = {{value, value, value, value}};
    return words;
}

static inline hv_words_t hv_add_words(hv_words_t left, hv_words_t right)
{
    hv_words_t sum;
    for (int32_t i = 0; i < 4; ++i) {
        sum.lane[i] = left.lane[i] + right.lane[i];
    }
    return sum;
}

static inline hv_words_t hv_add_scaled(hv_words_t sum, hv_words_t words, int32_t factor)
{
    hv_words_t scaled;
    for (int32_t i = 0; i < 4; ++i) {
        scaled.lane[i] = sum.lane[i] + (words.lane[i] * factor);
    }
    return scaled;
}

static inline hv_words_t hv_requantise_words(hv_words_t acc, hv_words_t multiplier, uint32_t left_shift, int32_t zero_point, int32_t lo, int32_t hi)
{
    hv_words_t words;
    for (int32_t i = 0; i < 4; ++i) {
        words.lane[i] = hv_requantise(acc.lane[i], multiplier.lane[i], left_shift, zero_point, lo, hi);
    }
    return words;
}

static inline hv_words_t hv_requantise_prelu_words(hv_words_t acc, hv_words_t positive_multiplier, hv_words_t negative_multiplier, uint32_t left_shift, int32_t zero_point, int32_t lo, int32_t hi)
{
    hv_words_t words;
    for (int32_t i = 0; i < 4; ++i) {
        words.lane[i] = hv_requantise_prelu(acc.lane[i], positive_multiplier.lane[i], negative_multiplier.lane[i], left_shift, zero_point, lo, hi);
    }
    return words;
}

static inline void hv_store_narrow(int8_t target[4], hv_words_t words)
{
    for (int32_t i = 0; i < 4; ++i) {
        target[i] = (int8_t)words.lane[i];
    }
}

static inline void hv_scatter_narrow(int8_t target[], int32_t step, hv_words_t words, int32_t count)
{
    for (int32_t i = 0; (i < 4) && (i < count); ++i) {
        target[i * step] = (int8_t)words.lane[i];
    }
}

static inline void hv_scatter_narrow_all(int8_t target[], int32_t step, hv_words_t words)
{
    hv_scatter_narrow(target, step, words, 4);
}

static inline hv_words_t hv_dot_4x1(const int8_t window[], int32_t step, hv_bytes_t weight)
{
    hv_words_t sums;
    for (int32_t i = 0; i < 4; ++i) {
        int32_t sum = 0;
        for (int32_t k = 0; k < 16; ++k) {
            sum += (int32_t)window[(i * step) + k] * weight.lane[k];
        }
        sums.lane[i] = sum;
    }
    return sums;
}

static inline hv_words_t hv_dot_pairs(const int8_t window[], int32_t step, hv_bytes_t weight, hv_bytes_t moved)
{
    hv_words_t sums = hv_all_words(0);
    for (int32_t k = 0; k < 16; ++k) {
        sums.lane[0] += (int32_t)window[k] * weight.lane[k];
        sums.lane[1] += (int32_t)window[k] * moved.lane[k];
        sums.lane[2] += (int32_t)window[step + k] * weight.lane[k];
        sums.lane[3] += (int32_t)window[step + k] * moved.lane[k];
    }
    return sums;
}

static inline hv_words_t hv_dot_held(const int8_t window[16], hv_bytes_t weight0, hv_bytes_t weight1, hv_bytes_t weight2, hv_bytes_t weight3)
{
    hv_words_t sums = hv_all_words(0);
    for (int32_t k = 0; k < 16; ++k) {
        sums.lane[0] += (int32_t)window[k] * weight0.lane[k];
        sums.lane[1] += (int32_t)window[k] * weight1.lane[k];
        sums.lane[2] += (int32_t)window[k] * weight2.lane[k];
        sums.lane[3] += (int32_t)window[k] * weight3.lane[k];
    }
    return sums;
}

static inline hv_words_t hv_dot_1x4(const int8_t window[], const int8_t weight[], int32_t steps)
{
    hv_words_t sums = hv_all_words(0);
    for (int32_t i = 0; i < steps; ++i) {
        for (int32_t o = 0; o < 4; ++o) {
            for (int32_t k = 0; k < 16; ++k) {
                sums.lane[o] += (int32_t)window[(16 * i) + k] * weight[(64 * i) + (16 * o) + k];
            }
        }
    }
    return sums;
}

static inline void hv_dot_2x4(const int8_t first[], const int8_t second[], const int8_t weight[], int32_t steps, hv_words_t *first_sums, hv_words_t *second_sums)
{
    *first_sums = hv_dot_1x4(first, weight, steps);
    *second_sums = hv_dot_1x4(second, weight, steps);
}

#endif /* no Helium */
#endif
