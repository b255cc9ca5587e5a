/* hv_bundle.h: reads a person's bundle (.hvb) in place. Twin of codegen/bundle.py; docs/bundle.md.
 *
 * The CRC finds accidents, the signature keeps forgers out: hv_bundle_admit() checks both. */
#ifndef HV_BUNDLE_H
#define HV_BUNDLE_H

#include "hv_crc.h"
#include "hv_types.h"

#define HV_BUNDLE_FORMAT 2u
#define HV_BUNDLE_KERNEL_ABI 1u /* how a kernel finds its tensors in a bundle */
#define HV_BUNDLE_HEADER_BYTES 80u
#define HV_BUNDLE_RECORD_BYTES 16u
#define HV_BUNDLE_SIGNATURE_BYTES 64u
#define HV_BUNDLE_TRAILER_BYTES 16u
#define HV_BUNDLE_ABI_BYTES 32u
#define HV_BUNDLE_USER_BYTES 16u
#define HV_BUNDLE_KEY_BYTES 32u
#define HV_BUNDLE_ALIGNMENT 16u

#define HV_BUNDLE_SIGNED 1u /* the only flag */

/* A record's tag is its four letters, first letter lowest. */
#define HV_TAG(a, b, c, d) ((uint32_t)(a) | ((uint32_t)(b) << 8) | ((uint32_t)(c) << 16) | ((uint32_t)(d) << 24))
#define HV_TAG_TENSORS HV_TAG('T', 'E', 'N', 'S')
#define HV_TAG_ANSWER HV_TAG('K', 'N', 'O', 'W')

/* A checked bundle; points into the caller's bytes. */
typedef struct {
    const uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t records;
} hv_bundle_t;

/* What a device takes. */
typedef struct {
    const uint8_t *abi;        /* [32]: the kernel's, HV_<ARCH>_ABI_HASH */
    const uint8_t *public_key; /* [32]: whose signature is demanded; NULL: none is, and none is checked */
    uint32_t most_bytes;       /* room for a bundle */
    uint32_t least_version;    /* this or newer; that of the installed one, or 0 */
} hv_bundle_policy_t;

/* Checks a bundle that arrived, of exactly available bytes, and whether this device may take it.
 * bytes must be aligned to HV_BUNDLE_ALIGNMENT. On anything but HV_OK *bundle is untouched.
 *
 * In this order, each with its own answer: HV_ERROR_ARGUMENT, HV_ERROR_BUNDLE_SIZE,
 * HV_ERROR_ALIGNMENT, HV_ERROR_BUNDLE_TRUNCATED, _FORMAT, _CRC, _SIZE (bytes behind its end), _ABI,
 * _UNSIGNED, _SIGNATURE, _OLD. In hv_admit.c, which needs hv_signature.h; all else is in hv_bundle.c. */
hv_status_t hv_bundle_admit(const uint8_t bytes[], uint32_t available, const hv_bundle_policy_t *policy, hv_bundle_t *bundle);

/* Checks a bundle that was admitted before, of at most available bytes: format, size, CRC, every
 * record inside; neither whose it is nor who signed it. Alignment and *bundle as above. */
hv_status_t hv_bundle_open(const uint8_t bytes[], uint32_t available, hv_bundle_t *bundle);

/* The 32 bytes of the ABI hash that the bundle was made for. */
const uint8_t *hv_bundle_abi(const hv_bundle_t *bundle);

/* The 16 bytes of the pseudonym of the person whose bundle it is; it tells nothing about them. */
const uint8_t *hv_bundle_user(const hv_bundle_t *bundle);

/* Its version: higher for each new one of the same user, 1 for the first. */
uint32_t hv_bundle_version(const hv_bundle_t *bundle);

/* HV_BUNDLE_SIGNED, or 0. */
uint32_t hv_bundle_flags(const hv_bundle_t *bundle);

/* The decision's threshold, a copy for people to read; the kernel uses the one in the tensors. */
int32_t hv_bundle_threshold(const hv_bundle_t *bundle);

/* Finds a record; *payload points into the bundle, aligned to HV_BUNDLE_ALIGNMENT. */
hv_status_t hv_bundle_find(const hv_bundle_t *bundle, uint32_t tag, const uint8_t **payload, uint32_t *size_bytes);

#endif
