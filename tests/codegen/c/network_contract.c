/* network_contract.c: what hv_<arch>.h of a network promises, tried from C alone; for test_emitted_c.py.
 *
 * Prints the known answer's status and exits 0, or names the check that failed. */
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

static hv_two_inputs_arena_t one, two;
static hv_two_inputs_inputs_t inputs, other_inputs;
static hv_two_inputs_outputs_t outputs, other_outputs;

/* Every refusal: the right status, and *outputs untouched. */
static void refusals(void)
{
    outputs.exact[0] = 12345;
    CHECK(hv_two_inputs_run(NULL, one.bytes, &outputs) == HV_ERROR_ARGUMENT);
    CHECK(hv_two_inputs_run(&inputs, NULL, &outputs) == HV_ERROR_ARGUMENT);
    CHECK(hv_two_inputs_run(&inputs, one.bytes, NULL) == HV_ERROR_ARGUMENT);
    for (uint32_t shift = 1; shift < HV_MODEL_ARENA_ALIGNMENT; ++shift) {
        CHECK(hv_two_inputs_run(&inputs, &one.bytes[shift], &outputs) == HV_ERROR_ALIGNMENT);
    }
    CHECK(hv_two_inputs_layer(HV_MODEL_LAYERS, &inputs, one.bytes) == HV_ERROR_ARGUMENT);
    CHECK(outputs.exact[0] == 12345);
}

/* Two inferences layer by layer in turns give what each gives alone. */
static void reentrancy(void)
{
    hv_vector_image(5u, (uint8_t *)&inputs);
    hv_vector_image(6u, (uint8_t *)&other_inputs);
    CHECK(hv_two_inputs_run(&inputs, one.bytes, &outputs) == HV_OK);
    CHECK(hv_two_inputs_run(&other_inputs, two.bytes, &other_outputs) == HV_OK);
    CHECK(memcmp(&outputs, &other_outputs, sizeof(outputs)) != 0);
    for (uint32_t layer = 0; layer < HV_MODEL_LAYERS; ++layer) {
        CHECK(hv_two_inputs_layer(layer, &inputs, one.bytes) == HV_OK);
        CHECK(hv_two_inputs_layer(layer, &other_inputs, two.bytes) == HV_OK);
    }
    const hv_tensor_t exact = hv_two_inputs_tensors[HV_MODEL_LAYERS - 1u];
    CHECK(memcmp(&one.bytes[exact.offset_bytes], outputs.exact, exact.size_bytes) == 0);
    CHECK(memcmp(&two.bytes[exact.offset_bytes], other_outputs.exact, exact.size_bytes) == 0);
}

int main(void)
{
    refusals();
    reentrancy();
    (void)printf("known answer %d\n", (int)hv_known_answer_test(&inputs, one.bytes));
    return 0;
}
