/* selftest: the integer contract on the target itself. Reads the cases of vectors.bin, calls hv_arith.h for
 * each, and writes answers.bin; the host compares them with codegen/arith.py. */
#include <stdbool.h>
#include <stdint.h>

#include "hv_arith.h"
#include "hv_exit.h"
#include "hv_selftest.h"
#include "hv_semihosting.h"

static bool answer_case(const hv_selftest_case_t *test, int32_t *answer)
{
    const int32_t *const a = test->arguments;
    switch (test->operation) {
    case HV_SELFTEST_REQUANTISE:
        *answer = hv_requantise(a[0], a[1], (uint32_t)a[2], a[3], a[4], a[5]);
        return true;
    case HV_SELFTEST_REQUANTISE_PRELU:
        *answer = hv_requantise_prelu(a[0], a[1], a[2], (uint32_t)a[3], a[4], a[5], a[6]);
        return true;
    case HV_SELFTEST_ACCEPT_PLAIN:
        *answer = hv_accept_plain(a[0], a[1]);
        return true;
    case HV_SELFTEST_ACCEPT_NORMALISED:
        *answer = hv_accept_normalised(a[0], a[1], a[2], (uint32_t)a[3]);
        return true;
    default:
        return false;
    }
}

static hv_exit_t answer_cases(hv_file_t input, hv_file_t output, uint32_t cases)
{
    for (uint32_t i = 0u; i < cases; i++) {
        hv_selftest_case_t test;
        int32_t answer = 0;
        if (!hv_file_read(input, &test, (uint32_t)sizeof(test))) {
            return HV_EXIT_INPUT_READ;
        }
        if (!answer_case(&test, &answer)) {
            return HV_EXIT_UNKNOWN_OPERATION;
        }
        if (!hv_file_write(output, &answer, (uint32_t)sizeof(answer))) {
            return HV_EXIT_OUTPUT_WRITE;
        }
    }
    return HV_EXIT_DONE;
}

int main(void)
{
    const hv_file_t input = hv_file_open_to_read("vectors.bin");
    if (input < 0) {
        return (int)HV_EXIT_INPUT_MISSING;
    }
    const int32_t input_bytes = hv_file_length_bytes(input);
    if ((input_bytes <= 0) || (((uint32_t)input_bytes % sizeof(hv_selftest_case_t)) != 0u)) {
        return (int)HV_EXIT_INPUT_SIZE;
    }
    const hv_file_t output = hv_file_open_to_write("answers.bin");
    if (output < 0) {
        return (int)HV_EXIT_OUTPUT_WRITE;
    }
    const uint32_t cases = (uint32_t)input_bytes / (uint32_t)sizeof(hv_selftest_case_t);
    const hv_exit_t outcome = answer_cases(input, output, cases);
    hv_file_close(input);
    hv_file_close(output);
    return (int)outcome;
}
