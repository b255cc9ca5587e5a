/* hv_people.c: see hv_people.h. */
#include "hv_people.h"

/* A product of up to 62 and 31 bits: high * 2^32 + low. */
typedef struct {
    uint64_t high;
    uint32_t low;
} wide_t;

/* score * score * factor, for any score and a factor of at least 0. */
static wide_t square_times(int32_t score, int32_t factor)
{
    const int64_t product_of_both = (int64_t)score * score;
    const uint64_t square = (uint64_t)product_of_both; /* at most 2^62 */
    const uint64_t low = (square & UINT32_MAX) * (uint32_t)factor;
    const uint64_t high = ((square >> 32) * (uint32_t)factor) + (low >> 32);
    const wide_t product = {.high = high, .low = (uint32_t)(low & UINT32_MAX)};
    return product;
}

/* Whether score exceeds its threshold by more than the other does. */
static bool is_closer(int32_t score, int32_t threshold, int32_t other_score, int32_t other_threshold, bool normalised)
{
    if (!normalised) {
        return ((int64_t)score - threshold) > ((int64_t)other_score - other_threshold);
    }
    const wide_t left = square_times(score, other_threshold);
    const wide_t right = square_times(other_score, threshold);
    return (left.high > right.high) || ((left.high == right.high) && (left.low > right.low));
}

void hv_people_begin(hv_people_best_t *best)
{
    best->person = HV_PEOPLE_NOBODY;
    best->threshold = 0;
    best->result.score = 0;
    best->result.norm_squared = 0;
    best->result.accepted = 0;
}

void hv_people_take(hv_people_best_t *best, uint32_t person, const hv_result_t *result, int32_t threshold, bool normalised)
{
    if (result->accepted != 1) {
        return;
    }
    if ((best->person == HV_PEOPLE_NOBODY) || is_closer(result->score, threshold, best->result.score, best->threshold, normalised)) {
        best->person = person;
        best->threshold = threshold;
        best->result = *result;
    }
}
