/* checksum.c: runs images through the kernel; for test_sanitised.py, under ASan and UBSan.
 *
 * checksum <seed> <count> <step>: image i is noise from seed + i * step; every eighth is extreme
 * (only 0 and 255), and the first two are black and white. Prints the CRC-32 of all layers' tensors,
 * and of the verdicts, over all images. */
#include "hv_bundle.h"
#include "hv_model.h"
#include "hv_vectors.h"

#include <stdio.h>
#include <stdlib.h>

static void make_image(uint32_t seed, uint32_t i, uint32_t step, uint8_t image[])
{
    hv_vector_image((i < 2u) ? i : (seed + (i * step)), image);
    if ((i % 8u) == 7u) {
        for (uint32_t k = 0; k < HV_MODEL_IMAGE_BYTES; ++k) {
            image[k] = (image[k] < 128u) ? 0u : 255u;
        }
    }
}

int main(int argc, char *argv[])
{
    if (argc != 4) {
        return 2;
    }
    const uint32_t seed = (uint32_t)strtoul(argv[1], NULL, 10);
    const uint32_t count = (uint32_t)strtoul(argv[2], NULL, 10);
    const uint32_t step = (uint32_t)strtoul(argv[3], NULL, 10);
    /* from the heap, so that ASan sees a step over either end */
    uint8_t *const image = malloc(HV_MODEL_IMAGE_BYTES);
    uint8_t *const arena = aligned_alloc(HV_MODEL_ARENA_ALIGNMENT, HV_MODEL_ARENA_BYTES);
    uint32_t tensors = 0;
    uint32_t verdicts = 0;
    for (uint32_t i = 0; i < count; ++i) {
        hv_result_t result;
        make_image(seed, i, step, image);
        for (uint32_t layer = 0; layer < HV_MODEL_LAYERS; ++layer) {
            if (hv_model_layer(layer, HV_MODEL_PERSON, image, arena) != HV_OK) {
                return 3;
            }
            if (i < 64u) {
                const hv_tensor_t tensor = hv_model_tensors[layer];
                tensors = hv_crc32(tensors, &arena[tensor.offset_bytes], tensor.size_bytes);
            }
        }
        if (hv_model_run(HV_MODEL_PERSON, image, arena, &result) != HV_OK) {
            return 3;
        }
        verdicts = hv_crc32(verdicts, (const uint8_t *)&result, (uint32_t)sizeof(result));
    }
    (void)printf("%08x %08x\n", (unsigned)tensors, (unsigned)verdicts);
    free(image);
    free(arena);
    return 0;
}
