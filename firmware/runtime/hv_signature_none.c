/* hv_signature_none.c: see hv_signature.h. Without the means to check, no signature is right. */
#include "hv_signature.h"

bool hv_signature_is_valid(
    const uint8_t signature[HV_SIGNATURE_BYTES],
    const uint8_t public_key[HV_SIGNATURE_KEY_BYTES],
    const uint8_t bytes[],
    uint32_t size_bytes)
{
    (void)signature;
    (void)public_key;
    (void)bytes;
    (void)size_bytes;
    return false;
}
