/* hv_mve.h: what the kernels for Helium (Armv8.1-M MVE) are made of, and a portable twin of each part.
 *
 * A vector is 16 bytes or 4 words. Where the compiler has Helium, a function is one to three instructions,
 * or one loop in assembly; elsewhere it is loops over the lanes that give the same bits, so that the same
 * folder runs on any machine. Source: Arm C Language Extensions, "M-profile Vector Extension". */
#ifndef HV_MVE_H
#define HV_MVE_H

#include <stdint.h>

/* only one of the two is not empty */
#include "hv_mve_lanes.h"
#include "hv_mve_twin.h"

#define HV_BYTE_LANES 16
#define HV_HALF_LANES 8

/* Before a loop over tiles: copies of its body would need more registers and much more code. */
#if defined(__clang__)
#define HV_ROLLED _Pragma("clang loop unroll(disable)")
#elif defined(__GNUC__)
#define HV_ROLLED _Pragma("GCC unroll 1")
#else
#define HV_ROLLED
#endif

static inline int32_t hv_least(int32_t a, int32_t b)
{
    return (a < b) ? a : b;
}

/* Sets count bytes, a multiple of 16. */
static inline void hv_fill_bytes(int8_t target[], int32_t count, int8_t value)
{
    const hv_bytes_t bytes = hv_all_bytes(value);
    for (int32_t i = 0; i < count; i += HV_BYTE_LANES) {
        hv_store_bytes(&target[i], bytes);
    }
}

/* Copies at least 16 bytes; the last 16 may overlap those before them. */
static inline void hv_copy_bytes(int8_t target[], const int8_t source[], int32_t count, int8_t flip)
{
    const int32_t last = count - HV_BYTE_LANES;
    for (int32_t i = 0; i < last; i += HV_BYTE_LANES) {
        hv_store_bytes(&target[i], hv_flip_bytes(hv_load_bytes(&source[i]), flip));
    }
    hv_store_bytes(&target[last], hv_flip_bytes(hv_load_bytes(&source[last]), flip));
}

/* Copies pixels of 16 channels or more, `pitch` bytes apart. A source_step of 0 repeats one pixel. */
static inline void hv_copy_pixels(int8_t target[], int32_t pitch, const int8_t source[], int32_t source_step, int32_t pixels, int32_t channels, int8_t flip)
{
    for (int32_t p = 0; p < pixels; ++p) {
        hv_copy_bytes(&target[p * pitch], &source[p * source_step], channels, flip);
    }
}

/* The same for fewer than 16 channels, as many pixels at a time as 16 bytes hold. places[i] is where byte i
 * of a row goes: (i / channels) * pitch + i % channels. With a source_step of 0 the source has 16 bytes. */
static inline void hv_scatter_pixels(int8_t target[], int32_t pitch, const int8_t source[], int32_t source_step, int32_t pixels, int32_t channels, const uint8_t places[HV_BYTE_LANES], int8_t flip)
{
    const int32_t group = HV_BYTE_LANES / channels;
    int32_t p = 0;
    /* what lies behind the last whole pixel of 16 bytes is written where it belongs, too */
    for (; ((pixels - p) * channels) >= HV_BYTE_LANES; p += group) {
        hv_scatter_bytes(&target[p * pitch], places, hv_flip_bytes(hv_load_bytes(&source[p * source_step]), flip));
    }
    if (p < pixels) {
        hv_scatter_first_bytes(&target[p * pitch], places, &source[p * source_step], (pixels - p) * channels, flip);
    }
}

/* Turns pixels of channels into rows of channels: channel c of pixel p goes to target[c * pitch + p * gap]. */
static inline void hv_turn_pixels(int8_t target[], int32_t pitch, int32_t gap, const int8_t source[], int32_t source_step, int32_t pixels, int32_t channels, int8_t flip)
{
    const int32_t count = hv_least(channels, HV_HALF_LANES);
    for (int32_t begin = 0; begin < channels; begin += HV_HALF_LANES) {
        const int32_t c = hv_least(begin, channels - count); /* the last eight may repeat some */
        for (int32_t p = 0; p < pixels; ++p) {
            hv_scatter_channels(&target[(c * pitch) + (p * gap)], pitch, &source[(p * source_step) + c], count, flip);
        }
    }
}

#endif
