/* hv_signature.c: see hv_signature.h. */
#include "hv_signature.h"

#include "monocypher-ed25519.h"

bool hv_signature_is_valid(
    const uint8_t signature[HV_SIGNATURE_BYTES],
    const uint8_t public_key[HV_SIGNATURE_KEY_BYTES],
    const uint8_t bytes[],
    uint32_t size_bytes)
{
    return crypto_ed25519_check(signature, public_key, bytes, size_bytes) == 0;
}
