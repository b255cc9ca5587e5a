/* short_twin.c: hv_short.h over arrays, for test_scalar.py. */
#include "hv_short.h"

#include <stddef.h>

void twin_long(size_t n, const int32_t *acc, const int32_t *m, const int32_t *zero_point, int32_t *out);
void twin_short(size_t n, const int32_t *acc, const int32_t *m, const int32_t *zero_point, int32_t *out);

void twin_long(size_t n, const int32_t *acc, const int32_t *m, const int32_t *zero_point, int32_t *out)
{
    for (size_t i = 0; i < n; ++i) {
        out[i] = hv_quotient_long(acc[i], m[i], zero_point[i]);
    }
}

void twin_short(size_t n, const int32_t *acc, const int32_t *m, const int32_t *zero_point, int32_t *out)
{
    for (size_t i = 0; i < n; ++i) {
        out[i] = hv_quotient_short(acc[i], m[i], zero_point[i]);
    }
}
