/* contract.c: what hv_<arch>.h promises, tried from C alone; for test_emitted_c.py.
 *
 * contract <file.hvb>: prints one word a check and exits 0, or names the check that failed. */
#include "hv_model.h"
#include "hv_vectors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHECK(condition)                                                 \
    do {                                                                 \
        if (!(condition)) {                                              \
            (void)printf("failed, line %d: %s\n", __LINE__, #condition); \
            exit(1);                                                     \
        }                                                                \
    } while (0)

typedef union {
    _Alignas(HV_MODEL_ARENA_ALIGNMENT) uint8_t bytes[HV_MODEL_ARENA_BYTES + 16u];
} arena_t;

static arena_t one, two;
static uint8_t image[HV_MODEL_IMAGE_BYTES], other_image[HV_MODEL_IMAGE_BYTES];
static union {
    _Alignas(16) uint8_t bytes[1u << 20];
} bundle;

static int same(hv_result_t a, hv_result_t b)
{
    return (a.score == b.score) && (a.norm_squared == b.norm_squared) && (a.accepted == b.accepted);
}

/* Every refusal: the right status, and *result untouched. */
static void refusals(void)
{
    const hv_result_t mark = {123, 456, 789};
    hv_result_t result = mark;
    static hv_model_person_t stranger;
    memcpy(&stranger, HV_MODEL_PERSON, sizeof(stranger));
    stranger.abi[3] ^= 1u;
    CHECK(hv_model_run(NULL, image, one.bytes, &result) == HV_ERROR_ARGUMENT);
    CHECK(hv_model_run(HV_MODEL_PERSON, NULL, one.bytes, &result) == HV_ERROR_ARGUMENT);
    CHECK(hv_model_run(HV_MODEL_PERSON, image, NULL, &result) == HV_ERROR_ARGUMENT);
    CHECK(hv_model_run(HV_MODEL_PERSON, image, one.bytes, NULL) == HV_ERROR_ARGUMENT);
    for (uint32_t shift = 1; shift < HV_MODEL_ARENA_ALIGNMENT; ++shift) {
        CHECK(hv_model_run(HV_MODEL_PERSON, image, &one.bytes[shift], &result) == HV_ERROR_ALIGNMENT);
    }
    CHECK(hv_model_run(&stranger, image, one.bytes, &result) == HV_ERROR_ABI);
    CHECK(hv_model_layer(HV_MODEL_LAYERS, HV_MODEL_PERSON, image, one.bytes) == HV_ERROR_ARGUMENT);
    CHECK(hv_model_layer(UINT32_MAX, HV_MODEL_PERSON, image, one.bytes) == HV_ERROR_ARGUMENT);
    CHECK(same(result, mark));
}

/* All state is in the arena: two runs, layer by layer in turns, and an arena full of rubbish. */
static void reentrancy(void)
{
    hv_result_t first, second, again;
    hv_vector_image(77u, image);
    hv_vector_image(1234567u, other_image);
    CHECK(hv_model_run(HV_MODEL_PERSON, image, one.bytes, &first) == HV_OK);
    CHECK(hv_model_run(HV_MODEL_PERSON, other_image, one.bytes, &second) == HV_OK);
    memset(one.bytes, 0xA5, sizeof(one.bytes));
    memset(two.bytes, 0x5A, sizeof(two.bytes));
    for (uint32_t layer = 0; layer < HV_MODEL_LAYERS; ++layer) {
        CHECK(hv_model_layer(layer, HV_MODEL_PERSON, image, one.bytes) == HV_OK);
        CHECK(hv_model_layer(layer, HV_MODEL_PERSON, other_image, two.bytes) == HV_OK);
    }
    const hv_tensor_t verdict = hv_model_tensors[HV_MODEL_LAYERS - 1u];
    memcpy(&again, &one.bytes[verdict.offset_bytes], sizeof(again));
    CHECK(same(again, first));
    memcpy(&again, &two.bytes[verdict.offset_bytes], sizeof(again));
    CHECK(same(again, second));
    CHECK(first.score != second.score);
    for (uint32_t i = HV_MODEL_ARENA_BYTES; i < sizeof(one.bytes); ++i) {
        CHECK(one.bytes[i] == 0xA5u); /* nothing is written behind the arena */
    }
}

/* The bundle runs in place and gives what the header gives. */
static void bundles(const char *path)
{
    FILE *const file = fopen(path, "rb");
    CHECK(file != NULL);
    const uint32_t size = (uint32_t)fread(bundle.bytes, 1, sizeof(bundle.bytes), file);
    (void)fclose(file);
    const hv_model_person_t *person = NULL;
    hv_result_t from_header, from_bundle;
    CHECK(hv_model_person_from_bundle(bundle.bytes, size, NULL) == HV_ERROR_ARGUMENT);
    CHECK(hv_model_person_from_bundle(NULL, size, &person) == HV_ERROR_ARGUMENT);
    CHECK(hv_model_person_from_bundle(&bundle.bytes[4], size, &person) == HV_ERROR_ALIGNMENT);
    CHECK(hv_model_person_from_bundle(bundle.bytes, size - 1u, &person) == HV_ERROR_BUNDLE_TRUNCATED);
    CHECK(person == NULL);
    CHECK(hv_model_person_from_bundle(bundle.bytes, size, &person) == HV_OK);
    CHECK(((const uint8_t *)person > bundle.bytes) && ((const uint8_t *)person < &bundle.bytes[size]));
    CHECK(memcmp(person, HV_MODEL_PERSON, sizeof(*person)) == 0);
    CHECK(hv_model_run(HV_MODEL_PERSON, image, one.bytes, &from_header) == HV_OK);
    CHECK(hv_model_run(person, image, one.bytes, &from_bundle) == HV_OK);
    CHECK(same(from_header, from_bundle));
    person = NULL;
    bundle.bytes[size / 2u] ^= 1u;
    CHECK(hv_model_person_from_bundle(bundle.bytes, size, &person) == HV_ERROR_BUNDLE_CRC);
    bundle.bytes[size / 2u] ^= 1u;
    bundle.bytes[32] ^= 1u; /* another kernel's: the CRC mended */
    const uint32_t crc = hv_crc32(0, bundle.bytes, size - 4u);
    for (uint32_t i = 0; i < 4u; ++i) {
        bundle.bytes[(size - 4u) + i] = (uint8_t)(crc >> (8u * i));
    }
    CHECK(hv_model_person_from_bundle(bundle.bytes, size, &person) == HV_ERROR_ABI);
    CHECK(person == NULL);
}

int main(int argc, char *argv[])
{
    CHECK(argc == 2);
    hv_vector_image(5u, image);
    refusals();
    reentrancy();
    bundles(argv[1]);
    const hv_status_t status = hv_known_answer_test(HV_MODEL_PERSON, image, one.bytes);
    (void)printf("known answer %d\n", (int)status);
    return 0;
}
