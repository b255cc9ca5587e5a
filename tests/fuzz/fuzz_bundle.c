/* fuzz_bundle.c: any bytes into the reader of bundles, and all that it promises of those it takes.
 *
 * The first byte chooses what is made right before the reader sees the rest: a fuzzer does not find a
 * CRC by itself. Signatures are judged by a stub that reads every byte it is given. */
#define _POSIX_C_SOURCE 200112L
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hv_bundle.h"
#include "hv_signature.h"

#define MOST_BYTES 4096u
#define SIZE_AT 8u
#define ABI_AT 32u
#define MEND_SIZE 1u
#define MEND_ABI 2u
#define MEND_CRC 4u
#define DEMAND_KEY 8u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t abi[HV_BUNDLE_ABI_BYTES] = {1, 2, 3};
static const uint8_t key[HV_BUNDLE_KEY_BYTES] = {4, 5, 6};

static void require(bool condition)
{
    if (!condition) {
        abort();
    }
}

/* In the place of Ed25519: half of all signatures are right. */
bool hv_signature_is_valid(
    const uint8_t signature[HV_SIGNATURE_BYTES],
    const uint8_t public_key[HV_SIGNATURE_KEY_BYTES],
    const uint8_t bytes[],
    uint32_t size_bytes)
{
    const uint32_t crc = hv_crc32(hv_crc32(0, bytes, size_bytes), signature, HV_SIGNATURE_BYTES);
    require(memcmp(public_key, key, sizeof(key)) == 0);
    return (crc & 1u) == 0u;
}

static void write_u32(uint8_t bytes[], uint32_t value)
{
    for (uint32_t i = 0; i < 4u; ++i) {
        bytes[i] = (uint8_t)(value >> (8u * i));
    }
}

static void mend(uint8_t bytes[], uint32_t size_bytes, uint8_t how)
{
    if (((how & MEND_SIZE) != 0u) && (size_bytes >= (SIZE_AT + 4u))) {
        write_u32(&bytes[SIZE_AT], size_bytes);
    }
    if (((how & MEND_ABI) != 0u) && (size_bytes >= (ABI_AT + sizeof(abi)))) {
        memcpy(&bytes[ABI_AT], abi, sizeof(abi));
    }
    if (((how & MEND_CRC) != 0u) && (size_bytes >= 4u)) {
        write_u32(&bytes[size_bytes - 4u], hv_crc32(0, bytes, size_bytes - 4u));
    }
}

/* A record that is found lies inside, aligned, and can be read to its end. */
static void check_record(const hv_bundle_t *bundle, uint32_t tag)
{
    const uint8_t *payload = NULL;
    uint32_t size_bytes = 0;
    if (hv_bundle_find(bundle, tag, &payload, &size_bytes) != HV_OK) {
        require(payload == NULL);
        return;
    }
    const size_t at = (size_t)(payload - bundle->bytes);
    require(((uintptr_t)payload % HV_BUNDLE_ALIGNMENT) == 0u);
    require((at + size_bytes + HV_BUNDLE_TRAILER_BYTES) <= bundle->size_bytes);
    (void)hv_crc32(0, payload, size_bytes);
}

static void check_taken(const uint8_t bytes[], uint32_t size_bytes, const hv_bundle_t *bundle, const hv_bundle_policy_t *policy)
{
    hv_bundle_t again = {NULL, 0, 0};
    require(hv_bundle_open(bytes, size_bytes, &again) == HV_OK);
    require((again.bytes == bundle->bytes) && (again.size_bytes == size_bytes) && (again.records == bundle->records));
    require(memcmp(hv_bundle_abi(bundle), abi, sizeof(abi)) == 0);
    require(hv_bundle_version(bundle) >= policy->least_version);
    require((policy->public_key == NULL) || (hv_bundle_flags(bundle) == HV_BUNDLE_SIGNED));
    (void)hv_crc32(0, hv_bundle_user(bundle), HV_BUNDLE_USER_BYTES);
    (void)hv_bundle_threshold(bundle);
    check_record(bundle, HV_TAG_TENSORS);
    check_record(bundle, HV_TAG_ANSWER);
    check_record(bundle, 0u);
}

/* The same bundle with one bit of its ABI's hash wrong, and a CRC that is right, is not taken: a
 * fuzzer does not find such a pair by itself. Which bit depends on the bundle. */
static void check_foreign(uint8_t bytes[], uint32_t size_bytes, const hv_bundle_policy_t *policy)
{
    const uint32_t draw = hv_crc32(0, bytes, size_bytes);
    hv_bundle_t bundle = {NULL, 0, 0};
    bytes[ABI_AT + (draw % HV_BUNDLE_ABI_BYTES)] ^= (uint8_t)(1u << ((draw >> 8) % 8u));
    mend(bytes, size_bytes, MEND_CRC);
    require(hv_bundle_admit(bytes, size_bytes, policy, &bundle) != HV_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if ((size < 1u) || (size > MOST_BYTES)) {
        return 0;
    }
    const uint8_t how = data[0];
    const uint32_t size_bytes = (uint32_t)size - 1u;
    /* memory that ends where the bundle ends, so that a byte too far is seen */
    void *room = NULL;
    require(posix_memalign(&room, HV_BUNDLE_ALIGNMENT, (size_bytes > 0u) ? size_bytes : 1u) == 0);
    uint8_t *const bytes = room;
    memcpy(bytes, &data[1], size_bytes);
    mend(bytes, size_bytes, how);
    const hv_bundle_policy_t policy = {abi, ((how & DEMAND_KEY) != 0u) ? key : NULL, MOST_BYTES, 2u};
    hv_bundle_t bundle = {NULL, 7u, 7u};
    const hv_status_t status = hv_bundle_admit(bytes, size_bytes, &policy, &bundle);
    if (status == HV_OK) {
        check_taken(bytes, size_bytes, &bundle, &policy);
        check_foreign(bytes, size_bytes, &policy);
    } else {
        require((bundle.bytes == NULL) && (bundle.size_bytes == 7u) && (bundle.records == 7u));
    }
    free(bytes);
    return 0;
}
