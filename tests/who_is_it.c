/* who_is_it.c: a call of hv_model_who() that can be made from outside, and a verdict that fits a register. */
#include "hv_model.h"

uint32_t who_is_it(const hv_model_person_t *const people[], uint32_t count, const uint8_t image[], uint8_t arena[]);

uint32_t who_is_it(const hv_model_person_t *const people[], uint32_t count, const uint8_t image[], uint8_t arena[])
{
    hv_people_best_t best;
    return (hv_model_who(people, count, image, arena, &best) == HV_OK) ? best.person : (HV_PEOPLE_NOBODY - 1u);
}
