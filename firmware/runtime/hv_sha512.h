/* hv_sha512.h: SHA-512 as in FIPS 180-4, which Ed25519 (RFC 8032) is made with. */
#ifndef HV_SHA512_H
#define HV_SHA512_H

#include <stdint.h>

#define HV_SHA512_BYTES 64u
#define HV_SHA512_BLOCK_BYTES 128u

/* A hash on its way. */
typedef struct {
    uint64_t state[8];
    uint64_t size_bytes; /* so far, below 2^61 */
    uint8_t block[HV_SHA512_BLOCK_BYTES];
} hv_sha512_t;

void hv_sha512_begin(hv_sha512_t *hash);

void hv_sha512_add(hv_sha512_t *hash, const uint8_t bytes[], uint32_t size_bytes);

/* Gives the hash of all that was added; begin again before more is. */
void hv_sha512_end(hv_sha512_t *hash, uint8_t digest[HV_SHA512_BYTES]);

#endif
