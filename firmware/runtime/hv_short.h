/* hv_short.h: the quotient that hv_requantise() clamps, for less, on cores without DSP instructions:
 *     zero_point + floor((acc * multiplier + 2^31) / 2^32)
 * for |acc| < 2^24 and |multiplier| < 2^30, which is proved before code is emitted. */
#ifndef HV_SHORT_H
#define HV_SHORT_H

#include <stdint.h>

#include "hv_arith.h"

/* With one product of 64 bits and no sum of them: half of the last place is added to twice the quotient. */
static inline int32_t hv_quotient_long(int32_t acc, int32_t multiplier, int32_t zero_point)
{
    const int32_t twice = (int32_t)(((int64_t)acc * (2 * multiplier)) >> HV_FRACTION_BITS);
    return (twice + (1 + (2 * zero_point))) >> 1;
}

/* By products of 32 bits, for cores without others. With acc = a 2^16 + b and multiplier = m 2^16 + n, where
 * 0 <= b, n < 2^16, the product is a m 2^32 + (a n + b m) 2^16 + b n; what is divided by 2^16 below stays in
 * 2^24 + 2^30 + 2^24. */
static inline int32_t hv_quotient_short(int32_t acc, int32_t multiplier, int32_t zero_point)
{
    const int32_t a = acc >> 16;
    const int32_t m = multiplier >> 16;
    const uint32_t b = (uint32_t)acc & 0xFFFFu;
    const uint32_t n = (uint32_t)multiplier & 0xFFFFu;
    const int32_t middle = (int32_t)((b * n) >> 16) + (0x8000 + (zero_point * 0x10000)) + (a * (int32_t)n) + ((int32_t)b * m);
    return (a * m) + (middle >> 16);
}

/* The clamp of what is not below -128 already. */
static inline int8_t hv_at_most(int32_t value, int32_t hi)
{
    return (int8_t)((value < hi) ? value : hi);
}

#endif
