/* hv_people.h: of several people's verdicts on one image, whose it is, or nobody's.
 *
 * Only people who accept the image count. Everybody has a threshold of their own, so scores are compared by how far
 * they exceed it. For a normalised decision that is score / |features| over sqrt(T / 2^k): the features are the same for
 * all, so the order is that of score^2 / T, compared by products without a rounding. For a plain decision it is
 * score - T. The first of equals stays. */
#ifndef HV_PEOPLE_H
#define HV_PEOPLE_H

#include "hv_types.h"

#include <stdbool.h>

#define HV_PEOPLE_NOBODY UINT32_MAX

/* The best so far; begin with hv_people_begin(). */
typedef struct {
    uint32_t person; /* its number, or HV_PEOPLE_NOBODY */
    int32_t threshold;
    hv_result_t result; /* of that person; of nobody all zero */
} hv_people_best_t;

void hv_people_begin(hv_people_best_t *best);

/* Takes one person's verdict; threshold above 0 for a normalised decision, any for a plain one. */
void hv_people_take(hv_people_best_t *best, uint32_t person, const hv_result_t *result, int32_t threshold, bool normalised);

#endif
