/* hv_signature.c: see hv_signature.h. Ed25519 out of Monocypher's parts, as its own optional file does it. */
#include "hv_signature.h"

#include "hv_sha512.h"
#include "monocypher.h"

/* Its first half, the point R. */
#define POINT_BYTES 32u

bool hv_signature_is_valid(
    const uint8_t signature[HV_SIGNATURE_BYTES],
    const uint8_t public_key[HV_SIGNATURE_KEY_BYTES],
    const uint8_t bytes[],
    uint32_t size_bytes)
{
    hv_sha512_t hash;
    uint8_t digest[HV_SHA512_BYTES];
    uint8_t scalar[32];
    hv_sha512_begin(&hash);
    hv_sha512_add(&hash, signature, POINT_BYTES);
    hv_sha512_add(&hash, public_key, HV_SIGNATURE_KEY_BYTES);
    hv_sha512_add(&hash, bytes, size_bytes);
    hv_sha512_end(&hash, digest);
    crypto_eddsa_reduce(scalar, digest);
    return crypto_eddsa_check_equation(signature, public_key, scalar) == 0;
}
