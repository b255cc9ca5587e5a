/* hv_admit.c: hv_bundle_admit(), see hv_bundle.h. A file of its own: who only opens bundles links no cryptography. */
#include "hv_bundle.h"
#include "hv_signature.h"

#include <stdbool.h>
#include <stddef.h>

_Static_assert(HV_BUNDLE_SIGNATURE_BYTES == HV_SIGNATURE_BYTES, "a bundle's signature is an Ed25519 signature");
_Static_assert(HV_BUNDLE_KEY_BYTES == HV_SIGNATURE_KEY_BYTES, "a policy's key is an Ed25519 key");

/* The signature of everything before it lies between the records and the trailer. */
static hv_status_t check_signature(const hv_bundle_t *bundle, const uint8_t public_key[HV_BUNDLE_KEY_BYTES])
{
    if ((hv_bundle_flags(bundle) & HV_BUNDLE_SIGNED) == 0u) {
        return HV_ERROR_BUNDLE_UNSIGNED;
    }
    const uint32_t at = bundle->size_bytes - HV_BUNDLE_TRAILER_BYTES - HV_BUNDLE_SIGNATURE_BYTES;
    const bool valid = hv_signature_is_valid(&bundle->bytes[at], public_key, bundle->bytes, at);
    return valid ? HV_OK : HV_ERROR_BUNDLE_SIGNATURE;
}

static bool is_for(const hv_bundle_t *bundle, const uint8_t abi[HV_BUNDLE_ABI_BYTES])
{
    const uint8_t *const own = hv_bundle_abi(bundle);
    for (uint32_t i = 0; i < HV_BUNDLE_ABI_BYTES; ++i) {
        if (own[i] != abi[i]) {
            return false;
        }
    }
    return true;
}

/* What this device demands of a bundle that is whole. */
static hv_status_t check_policy(const hv_bundle_t *bundle, const hv_bundle_policy_t *policy)
{
    if (!is_for(bundle, policy->abi)) {
        return HV_ERROR_BUNDLE_ABI;
    }
    if (policy->public_key != NULL) {
        const hv_status_t status = check_signature(bundle, policy->public_key);
        if (status != HV_OK) {
            return status;
        }
    }
    return (hv_bundle_version(bundle) >= policy->least_version) ? HV_OK : HV_ERROR_BUNDLE_OLD;
}

hv_status_t hv_bundle_admit(const uint8_t bytes[], uint32_t available, const hv_bundle_policy_t *policy, hv_bundle_t *bundle)
{
    if ((bytes == NULL) || (bundle == NULL) || (policy == NULL) || (policy->abi == NULL)) {
        return HV_ERROR_ARGUMENT;
    }
    if (available > policy->most_bytes) {
        return HV_ERROR_BUNDLE_SIZE;
    }
    hv_bundle_t whole;
    whole.bytes = NULL; /* one by one: clang would call memset for all at once */
    whole.size_bytes = 0;
    whole.records = 0;
    hv_status_t status = hv_bundle_open(bytes, available, &whole);
    if ((status == HV_OK) && (whole.size_bytes != available)) {
        status = HV_ERROR_BUNDLE_SIZE;
    }
    if (status == HV_OK) {
        status = check_policy(&whole, policy);
    }
    if (status == HV_OK) {
        *bundle = whole;
    }
    return status;
}
