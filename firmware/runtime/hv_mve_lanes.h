/* hv_mve_lanes.h: the parts of hv_mve.h in Helium's instructions. hv_mve_twin.h gives the same bits. */
#ifndef HV_MVE_LANES_H
#define HV_MVE_LANES_H

#if defined(__ARM_FEATURE_MVE)

#include <arm_mve.h>
#include <stdint.h>

typedef int8x16_t hv_bytes_t;
typedef int32x4_t hv_words_t;

static inline hv_bytes_t hv_load_bytes(const int8_t source[16])
{
    return vldrbq_s8(source);
}

static inline void hv_store_bytes(int8_t target[16], hv_bytes_t bytes)
{
    vstrbq_s8(target, bytes);
}

static inline hv_bytes_t hv_all_bytes(int8_t value)
{
    return vdupq_n_s8(value);
}

/* Exclusive or: INT8_MIN makes of a camera's byte u8 the int8 u8 - 128, 0 changes nothing. */
static inline hv_bytes_t hv_flip_bytes(hv_bytes_t bytes, int8_t flip)
{
    return (flip == 0) ? bytes : veorq_s8(bytes, vdupq_n_s8(flip));
}

/* Byte i goes to target[places[i]]. */
static inline void hv_scatter_bytes(int8_t target[], const uint8_t places[16], hv_bytes_t bytes)
{
    vstrbq_scatter_offset_s8(target, vldrbq_u8(places), bytes);
}

/* The same for the first `count` bytes of a source that has no more. */
static inline void hv_scatter_first_bytes(int8_t target[], const uint8_t places[16], const int8_t source[], int32_t count, int8_t flip)
{
    const mve_pred16_t first = vctp8q((uint32_t)count);
    const hv_bytes_t bytes = hv_flip_bytes(vldrbq_z_s8(source, first), flip);
    vstrbq_scatter_offset_p_s8(target, vldrbq_u8(places), bytes, first);
}

/* `count` bytes, at most 8, go to target[0], target[pitch], target[2 * pitch], ... */
static inline void hv_scatter_channels(int8_t target[], int32_t pitch, const int8_t source[], int32_t count, int8_t flip)
{
    const uint16x8_t places = vmulq_n_u16(vidupq_n_u16(0u, 1), (uint16_t)pitch);
    if (count == 8) {
        const int16x8_t halves = vldrbq_s16(source);
        vstrbq_scatter_offset_s16(target, places, (flip == 0) ? halves : veorq_s16(halves, vdupq_n_s16(flip)));
    } else {
        const mve_pred16_t first = vctp16q((uint32_t)count);
        const int16x8_t halves = vldrbq_z_s16(source, first);
        vstrbq_scatter_offset_p_s16(target, places, (flip == 0) ? halves : veorq_s16(halves, vdupq_n_s16(flip)), first);
    }
}

static inline hv_words_t hv_load_words(const int32_t source[4])
{
    return vldrwq_s32(source);
}

static inline void hv_store_words(int32_t target[4], hv_words_t words)
{
    vstrwq_s32(target, words);
}

/* 4 int8 as words. */
static inline hv_words_t hv_load_wide(const int8_t source[4])
{
    return vldrbq_s32(source);
}

static inline hv_words_t hv_all_words(int32_t value)
{
    return vdupq_n_s32(value);
}

static inline hv_words_t hv_add_words(hv_words_t left, hv_words_t right)
{
    return vaddq_s32(left, right);
}

/* sum + words * factor */
static inline hv_words_t hv_add_scaled(hv_words_t sum, hv_words_t words, int32_t factor)
{
    return vmlaq_n_s32(sum, words, factor);
}

/* hv_requantise() of 4 accumulators; the results are words that fit int8. */
static inline hv_words_t hv_requantise_words(hv_words_t acc, hv_words_t multiplier, uint32_t left_shift, int32_t zero_point, int32_t lo, int32_t hi)
{
    const hv_words_t shifted = (left_shift == 0u) ? acc : vshlq_r_s32(acc, (int32_t)left_shift);
    const hv_words_t rounded = vaddq_n_s32(vrmulhq_s32(shifted, multiplier), zero_point);
    return vminq_s32(vmaxq_s32(rounded, vdupq_n_s32(lo)), vdupq_n_s32(hi));
}

/* hv_requantise_prelu() of 4 accumulators. */
static inline hv_words_t hv_requantise_prelu_words(hv_words_t acc, hv_words_t positive_multiplier, hv_words_t negative_multiplier, uint32_t left_shift, int32_t zero_point, int32_t lo, int32_t hi)
{
    const hv_words_t multiplier = vpselq_s32(positive_multiplier, negative_multiplier, vcmpgeq_n_s32(acc, 0));
    return hv_requantise_words(acc, multiplier, left_shift, zero_point, lo, hi);
}

/* The lowest bytes of 4 words. */
static inline void hv_store_narrow(int8_t target[4], hv_words_t words)
{
    vstrbq_s32(target, words);
}

/* The lowest bytes of the first `count` words go to target[0], target[step], ...; 4 or more: all four. */
static inline void hv_scatter_narrow(int8_t target[], int32_t step, hv_words_t words, int32_t count)
{
    const uint32x4_t places = vmulq_n_u32(vidupq_n_u32(0u, 1), (uint32_t)step);
    vstrbq_scatter_offset_p_s32(target, places, words, vctp32q((uint32_t)count));
}

/* The same of all four. */
static inline void hv_scatter_narrow_all(int8_t target[], int32_t step, hv_words_t words)
{
    vstrbq_scatter_offset_s32(target, vmulq_n_u32(vidupq_n_u32(0u, 1), (uint32_t)step), words);
}

/* Four scalars as a vector, in two instructions. */
static inline hv_words_t hv_words(int32_t a, int32_t b, int32_t c, int32_t d)
{
    hv_words_t words;
    __asm__("vmov %q[words][2], %q[words][0], %[a], %[c]\n\t"
            "vmov %q[words][3], %q[words][1], %[b], %[d]"
            : [words] "=&w"(words)
            : [a] "r"(a), [b] "r"(b), [c] "r"(c), [d] "r"(d));
    return words;
}

/* Products of four windows that lie `step` bytes apart with the same 16 weights. */
static inline hv_words_t hv_dot_4x1(const int8_t window[], int32_t step, hv_bytes_t weight)
{
    const int32_t a = vmladavq_s8(vldrbq_s8(&window[0]), weight);
    const int32_t b = vmladavq_s8(vldrbq_s8(&window[step]), weight);
    const int32_t c = vmladavq_s8(vldrbq_s8(&window[2 * step]), weight);
    const int32_t d = vmladavq_s8(vldrbq_s8(&window[3 * step]), weight);
    return hv_words(a, b, c, d);
}

/* The same where a vector holds a window and the one behind it, whose weights are moved up. */
static inline hv_words_t hv_dot_pairs(const int8_t window[], int32_t step, hv_bytes_t weight, hv_bytes_t moved)
{
    const hv_bytes_t first = vldrbq_s8(&window[0]);
    const hv_bytes_t second = vldrbq_s8(&window[step]);
    return hv_words(vmladavq_s8(first, weight), vmladavq_s8(first, moved), vmladavq_s8(second, weight), vmladavq_s8(second, moved));
}

/* Products of a window of 16 bytes with the weights of 4 channels. */
static inline hv_words_t hv_dot_held(const int8_t window[16], hv_bytes_t weight0, hv_bytes_t weight1, hv_bytes_t weight2, hv_bytes_t weight3)
{
    const hv_bytes_t x = vldrbq_s8(window);
    return hv_words(vmladavq_s8(x, weight0), vmladavq_s8(x, weight1), vmladavq_s8(x, weight2), vmladavq_s8(x, weight3));
}

/* Products of one window of 16 * steps bytes with the weights of 4 channels, [steps][4][16]. */
static inline hv_words_t hv_dot_1x4(const int8_t window[], const int8_t weight[], int32_t steps)
{
    int32_t a = 0;
    int32_t b = 0;
    int32_t c = 0;
    int32_t d = 0;
    for (int32_t i = 0; i < steps; ++i) {
        const hv_bytes_t x = vldrbq_s8(&window[16 * i]);
        a = vmladavaq_s8(a, x, vldrbq_s8(&weight[64 * i]));
        b = vmladavaq_s8(b, x, vldrbq_s8(&weight[(64 * i) + 16]));
        c = vmladavaq_s8(c, x, vldrbq_s8(&weight[(64 * i) + 32]));
        d = vmladavaq_s8(d, x, vldrbq_s8(&weight[(64 * i) + 48]));
    }
    return hv_words(a, b, c, d);
}

/* The same for two windows, which share each load of weights: 14 instructions and a branch for 128 products.
 *
 *   r1, r3, r5, r9   the first window, the second, the weights, the steps left
 *   q0, q1           the next 16 bytes of the first and the second window
 *   q2               the next 16 weights of a channel
 *   r0 r2 r4 r6      the first window's sums of channels 0 to 3
 *   r8 r10 r12 lr    the second window's; a sum can only be in an even register
 *
 * The first step begins the sums, so that nothing has to be cleared. */
static inline void hv_dot_2x4(const int8_t first[], const int8_t second[], const int8_t weight[], int32_t steps, hv_words_t *first_sums, hv_words_t *second_sums)
{
    hv_words_t sums0;
    hv_words_t sums1;
    register const int8_t *r1 __asm__("r1") = first;
    register const int8_t *r3 __asm__("r3") = second;
    register const int8_t *r5 __asm__("r5") = weight;
    register int32_t r9 __asm__("r9") = steps;
    __asm__("vldrb.8 q0, [r1], #16\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vldrb.8 q1, [r3], #16\n\t"
            "vmladav.s8 r0, q0, q2\n\t"
            "vmladav.s8 r8, q1, q2\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vmladav.s8 r2, q0, q2\n\t"
            "vmladav.s8 r10, q1, q2\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vmladav.s8 r4, q0, q2\n\t"
            "vmladav.s8 r12, q1, q2\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vmladav.s8 r6, q0, q2\n\t"
            "vmladav.s8 lr, q1, q2\n\t"
            "subs r9, #1\n\t"
            "beq 2f\n"
            "1:\n\t"
            "vldrb.8 q0, [r1], #16\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vldrb.8 q1, [r3], #16\n\t"
            "vmladava.s8 r0, q0, q2\n\t"
            "vmladava.s8 r8, q1, q2\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vmladava.s8 r2, q0, q2\n\t"
            "vmladava.s8 r10, q1, q2\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vmladava.s8 r4, q0, q2\n\t"
            "vmladava.s8 r12, q1, q2\n\t"
            "vldrb.8 q2, [r5], #16\n\t"
            "vmladava.s8 r6, q0, q2\n\t"
            "vmladava.s8 lr, q1, q2\n\t"
            "subs r9, #1\n\t"
            "bne 1b\n"
            "2:\n\t"
            "vmov %q[sums0][2], %q[sums0][0], r0, r4\n\t"
            "vmov %q[sums0][3], %q[sums0][1], r2, r6\n\t"
            "vmov %q[sums1][2], %q[sums1][0], r8, r12\n\t"
            "vmov %q[sums1][3], %q[sums1][1], r10, lr"
            : [sums0] "=w"(sums0), [sums1] "=w"(sums1), "+r"(r1), "+r"(r3), "+r"(r5), "+r"(r9)
            :
            : "r0", "r2", "r4", "r6", "r8", "r10", "r12", "lr", "q0", "q1", "q2", "cc", "memory");
    *first_sums = sums0;
    *second_sums = sums1;
}

#endif /* Helium */
#endif
