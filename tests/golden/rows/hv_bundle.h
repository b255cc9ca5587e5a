/* hv_bundle.h: reads a person's bundle (.hvb) in place. Twin of codegen/bundle.py.
 *
 * The CRC finds accidents. It does not keep a forger out: check where a bundle comes from. */
#ifndef HV_BUNDLE_H
#define HV_BUNDLE_H

#include "hv_crc.h"
#include "hv_types.h"

#define HV_BUNDLE_HEADER_BYTES 64u
#define HV_BUNDLE_RECORD_BYTES 16u
#define HV_BUNDLE_ABI_BYTES 32u
#define HV_BUNDLE_ALIGNMENT 16u

/* A record's tag is its four letters, first letter lowest. */
#define HV_TAG(a, b, c, d) ((uint32_t)(a) | ((uint32_t)(b) << 8) | ((uint32_t)(c) << 16) | ((uint32_t)(d) << 24))
#define HV_TAG_TENSORS HV_TAG('T', 'E', 'N', 'S')
#define HV_TAG_PERSON HV_TAG('P', 'S', 'I', 'D')
#define HV_TAG_ANSWER HV_TAG('K', 'N', 'O', 'W')

/* A checked bundle; points into the caller's bytes. */
typedef struct {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t records;
} hv_bundle_t;

/* Checks a bundle of at most available bytes: format, size, CRC, every record inside.
 * bytes must be aligned to HV_BUNDLE_ALIGNMENT. On anything but HV_OK *bundle is untouched. */
hv_status_t hv_bundle_open(const uint8_t bytes[], uint32_t available, hv_bundle_t *bundle);

/* The 32 bytes of the ABI hash that the bundle was made for. */
const uint8_t *hv_bundle_abi(const hv_bundle_t *bundle);

/* Finds a record; *payload points into the bundle, aligned to HV_BUNDLE_ALIGNMENT. */
hv_status_t hv_bundle_find(const hv_bundle_t *bundle, uint32_t tag, const uint8_t **payload, uint32_t *size_bytes);

#endif
