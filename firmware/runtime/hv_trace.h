/* hv_trace.h: the trace file, byte for byte. host_tools/trace.py is its twin and reads it.
 *
 *   header | for each image, for each layer: record, tensor bytes | trailer
 *
 * All numbers are little-endian, as Cortex-M and every supported host store them. */
#ifndef HV_TRACE_H
#define HV_TRACE_H

#include <stdint.h>

#define HV_TRACE_VERSION 1u
#define HV_TRACE_ABI_CHARACTERS 64u /* SHA-256 in hexadecimal, without a final zero */

typedef struct {
    uint8_t magic[8]; /* HV_TRACE_MAGIC */
    uint32_t version;
    uint32_t images;
    uint32_t layers;
    uint32_t image_bytes;
    uint8_t abi[HV_TRACE_ABI_CHARACTERS];
} hv_trace_header_t;

/* Goes before each tensor; images and layers count from 0, layers fastest. */
typedef struct {
    uint32_t image;
    uint32_t layer;
    uint32_t size_bytes;
} hv_trace_record_t;

typedef struct {
    uint8_t magic[8]; /* HV_TRACE_END */
    uint32_t records;
    uint32_t stack_used_bytes; /* by paint, start-up and application included */
    uint32_t crc32; /* of every byte before this field */
} hv_trace_trailer_t;

_Static_assert(sizeof(hv_trace_header_t) == 88u, "trace.py reads 88 bytes");
_Static_assert(sizeof(hv_trace_record_t) == 12u, "trace.py reads 12 bytes");
_Static_assert(sizeof(hv_trace_trailer_t) == 20u, "trace.py reads 20 bytes");

#define HV_TRACE_MAGIC {'H', 'V', 'T', 'R', 'A', 'C', 'E', '\n'}
#define HV_TRACE_END {'H', 'V', 'T', 'R', 'E', 'N', 'D', '\n'}

#define HV_TRACE_CRC32_START 0u

/* Continues the CRC-32 of zlib and IEEE 802.3 (reflected polynomial 0xEDB88320) over more bytes, four bits
 * at a time: a table of 64 bytes instead of 1 KiB. */
static inline uint32_t hv_trace_crc32(uint32_t crc, const uint8_t bytes[], uint32_t size_bytes)
{
    static const uint32_t NIBBLES[16] = {
        0x00000000u, 0x1DB71064u, 0x3B6E20C8u, 0x26D930ACu, 0x76DC4190u, 0x6B6B51F4u, 0x4DB26158u, 0x5005713Cu,
        0xEDB88320u, 0xF00F9344u, 0xD6D6A3E8u, 0xCB61B38Cu, 0x9B64C2B0u, 0x86D3D2D4u, 0xA00AE278u, 0xBDBDF21Cu};
    uint32_t remainder = ~crc;
    for (uint32_t i = 0u; i < size_bytes; i++) {
        remainder ^= bytes[i];
        remainder = (remainder >> 4) ^ NIBBLES[remainder & 15u];
        remainder = (remainder >> 4) ^ NIBBLES[remainder & 15u];
    }
    return ~remainder;
}

#endif
