/* hv_simulator.c: loops over images, so that Python calls C once and not once an image. */
#include "hv_simulator.h"

#include <stddef.h>
#include <string.h>

#include "../trace/hv_collect.h"

const char *hv_simulator_abi(void)
{
    return HV_MODEL_ABI;
}

uint32_t hv_simulator_person_bytes(void)
{
    return HV_MODEL_PERSON_BYTES;
}

const void *hv_simulator_person(void)
{
    return HV_MODEL_PERSON;
}

int32_t hv_simulator_run(const void *person, const uint8_t images[], uint32_t count,
                         uint8_t arena[HV_MODEL_ARENA_BYTES], uint8_t results[])
{
    for (uint32_t i = 0u; i < count; i++) {
        const uint8_t *const image = &images[(size_t)i * HV_MODEL_IMAGE_BYTES];
        hv_model_result_t result;
        const hv_status_t status = hv_model_run(person, image, arena, &result);
        if (status != HV_OK) {
            return (int32_t)status;
        }
        (void)memcpy(&results[(size_t)i * sizeof(result)], &result, sizeof(result));
    }
    return (int32_t)HV_OK;
}

int32_t hv_simulator_trace(const void *person, const uint8_t images[], uint32_t count,
                           uint8_t arena[HV_MODEL_ARENA_BYTES], uint8_t tensors[])
{
    for (uint32_t i = 0u; i < count; i++) {
        const uint8_t *const image = &images[(size_t)i * HV_MODEL_IMAGE_BYTES];
        const hv_status_t status = hv_collect(person, image, arena, &tensors[(size_t)i * HV_MODEL_TRACE_BYTES]);
        if (status != HV_OK) {
            return (int32_t)status;
        }
    }
    return (int32_t)HV_OK;
}
