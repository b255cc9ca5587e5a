/* known_answer.c: the self-test in the field; its answer is the exit status. */
#include "hv_model.h"
#include "hv_vectors.h"

static hv_model_person_t person;
static uint8_t image[HV_MODEL_IMAGE_BYTES];
static _Alignas(HV_MODEL_ARENA_ALIGNMENT) uint8_t arena[HV_MODEL_ARENA_BYTES];

int main(void)
{
    person = *HV_MODEL_PERSON;
    return (int)hv_known_answer_test(&person, image, arena);
}
