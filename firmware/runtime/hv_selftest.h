/* hv_selftest.h: the arithmetic self-test's two files. host_tools/selftest.py is its twin.
 *
 * vectors.bin is a list of cases, answers.bin the list of their answers, one little-endian int32 for each. */
#ifndef HV_SELFTEST_H
#define HV_SELFTEST_H

#include <stdint.h>

#define HV_SELFTEST_ARGUMENTS 7u

/* Which function of hv_arith.h a case calls; its arguments follow in the function's own order. */
typedef enum {
    HV_SELFTEST_REQUANTISE = 1,
    HV_SELFTEST_REQUANTISE_PRELU = 2,
    HV_SELFTEST_ACCEPT_PLAIN = 3,
    HV_SELFTEST_ACCEPT_NORMALISED = 4
} hv_selftest_operation_t;

typedef struct {
    uint32_t operation; /* hv_selftest_operation_t */
    int32_t arguments[HV_SELFTEST_ARGUMENTS]; /* unused ones are 0 */
} hv_selftest_case_t;

_Static_assert(sizeof(hv_selftest_case_t) == 32u, "selftest.py writes 32 bytes");

#endif
