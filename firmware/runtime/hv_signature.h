/* hv_signature.h: whether bytes were signed with a key: Ed25519 as in RFC 8032.
 *
 * One of two sources is built: hv_signature.c computes it with Monocypher; hv_signature_none.c, in
 * kernels without signatures, says no to everything. */
#ifndef HV_SIGNATURE_H
#define HV_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>

#define HV_SIGNATURE_BYTES 64u
#define HV_SIGNATURE_KEY_BYTES 32u

/* Whether signature is the one of size_bytes bytes by the owner of public_key. Variable time: nothing
 * that is given is secret. */
bool hv_signature_is_valid(
    const uint8_t signature[HV_SIGNATURE_BYTES],
    const uint8_t public_key[HV_SIGNATURE_KEY_BYTES],
    const uint8_t bytes[],
    uint32_t size_bytes);

#endif
