/* hv_arith.h: the integer contract in C, twin of codegen/arith.py.
 *
 * Every function here is bound to its Python twin by tests on the host and by a self-test that
 * runs on the target. Nothing here uses floating point, and only hv_clamp_int8() narrows. */
#ifndef HV_ARITH_H
#define HV_ARITH_H

#include <stdint.h>

_Static_assert((INT64_C(-3) >> 1) == INT64_C(-2), "the contract needs an arithmetic right shift");

#define HV_FRACTION_BITS 32                  /* a multiplier m stands for m / 2^32 */
#define HV_ROUND_HALF (INT64_C(1) << 31)     /* half of the last place: half rounds up */

/* Keeps a layer a function of its own, so that profilers and certifiers find it by name. No copy for
 * constant weights either: gcc 12.2 for x86-64, at -O2 and -O3, gives such a copy wrong addresses
 * where it vectorises (-fno-ivopts, or noclone as here, keeps it right). */
#if defined(__clang__)
#define HV_LAYER __attribute__((noinline))
#elif defined(__GNUC__)
#define HV_LAYER __attribute__((noinline, noclone))
#else
#define HV_LAYER
#endif

/* clamp(value, lo, hi) for -128 <= lo <= hi <= 127 */
static inline int8_t hv_clamp_int8(int32_t value, int32_t lo, int32_t hi)
{
    int32_t clamped = value;
    if (clamped < lo) {
        clamped = lo;
    }
    if (clamped > hi) {
        clamped = hi;
    }
    return (int8_t)clamped;
}

/* clamp(zero_point + floor((acc * 2^left_shift * multiplier + 2^31) / 2^32), lo, hi)
 * |acc| * 2^left_shift < 2^31 is proved before code is emitted; |multiplier| < 2^31;
 * so the product stays below 2^62 and the rounded quotient below 2^30. */
static inline int8_t hv_requantise(int32_t acc, int32_t multiplier, uint32_t left_shift, int32_t zero_point, int32_t lo, int32_t hi)
{
    const int64_t product = (int64_t)acc * (INT64_C(1) << left_shift) * multiplier;
    const int32_t rounded = (int32_t)((product + HV_ROUND_HALF) >> HV_FRACTION_BITS);
    return hv_clamp_int8(rounded + zero_point, lo, hi);
}

/* hv_requantise() with the multiplier chosen by the sign of the accumulator: PReLU fused. */
static inline int8_t hv_requantise_prelu(int32_t acc, int32_t positive_multiplier, int32_t negative_multiplier, uint32_t left_shift, int32_t zero_point, int32_t lo, int32_t hi)
{
    const int32_t multiplier = (acc >= 0) ? positive_multiplier : negative_multiplier;
    return hv_requantise(acc, multiplier, left_shift, zero_point, lo, hi);
}

/* 1 if score >= threshold, else 0 */
static inline int32_t hv_accept_plain(int32_t score, int32_t threshold)
{
    return (score >= threshold) ? 1 : 0;
}

/* 1 if score > 0 and score^2 * 2^shift >= threshold * norm_squared, else 0:
 * score / |h| against a threshold without root or division. Both sides are proved below 2^63. */
static inline int32_t hv_accept_normalised(int32_t score, int32_t norm_squared, int32_t threshold, uint32_t shift)
{
    const int64_t left = (int64_t)score * score * (INT64_C(1) << shift);
    const int64_t right = (int64_t)threshold * norm_squared;
    return ((score > 0) && (left >= right)) ? 1 : 0;
}

#endif
