/* arith_twin.c: hv_arith.h over arrays, for test_arith.py. */
#include "hv_arith.h"

#include <stddef.h>

void twin_requantise(size_t n, const int32_t *acc, const int32_t *m, const uint32_t *shift, const int32_t *zero_point, const int32_t *lo, const int32_t *hi, int8_t *out);
void twin_requantise_prelu(size_t n, const int32_t *acc, const int32_t *m, const int32_t *negative, const uint32_t *shift, const int32_t *zero_point, const int32_t *lo, const int32_t *hi, int8_t *out);
void twin_accept_plain(size_t n, const int32_t *score, const int32_t *threshold, int32_t *out);
void twin_accept_normalised(size_t n, const int32_t *score, const int32_t *norm, const int32_t *threshold, const uint32_t *shift, int32_t *out);

void twin_requantise(size_t n, const int32_t *acc, const int32_t *m, const uint32_t *shift, const int32_t *zero_point, const int32_t *lo, const int32_t *hi, int8_t *out)
{
    for (size_t i = 0; i < n; ++i) {
        out[i] = hv_requantise(acc[i], m[i], shift[i], zero_point[i], lo[i], hi[i]);
    }
}

void twin_requantise_prelu(size_t n, const int32_t *acc, const int32_t *m, const int32_t *negative, const uint32_t *shift, const int32_t *zero_point, const int32_t *lo, const int32_t *hi, int8_t *out)
{
    for (size_t i = 0; i < n; ++i) {
        out[i] = hv_requantise_prelu(acc[i], m[i], negative[i], shift[i], zero_point[i], lo[i], hi[i]);
    }
}

void twin_accept_plain(size_t n, const int32_t *score, const int32_t *threshold, int32_t *out)
{
    for (size_t i = 0; i < n; ++i) {
        out[i] = hv_accept_plain(score[i], threshold[i]);
    }
}

void twin_accept_normalised(size_t n, const int32_t *score, const int32_t *norm, const int32_t *threshold, const uint32_t *shift, int32_t *out)
{
    for (size_t i = 0; i < n; ++i) {
        out[i] = hv_accept_normalised(score[i], norm[i], threshold[i], shift[i]);
    }
}
