/* hv_trace.h: the trace file, byte for byte. host_tools/trace.py is its twin and reads it.
 *
 *   header | for each image, for each layer: record, tensor bytes | trailer
 *
 * All numbers are little-endian, as every core and host here stores them. */
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
    uint32_t crc32; /* hv_crc32() of every byte before this field */
} hv_trace_trailer_t;

_Static_assert(sizeof(hv_trace_header_t) == 88u, "trace.py reads 88 bytes");
_Static_assert(sizeof(hv_trace_record_t) == 12u, "trace.py reads 12 bytes");
_Static_assert(sizeof(hv_trace_trailer_t) == 20u, "trace.py reads 20 bytes");

#define HV_TRACE_MAGIC {'H', 'V', 'T', 'R', 'A', 'C', 'E', '\n'}
#define HV_TRACE_END {'H', 'V', 'T', 'R', 'E', 'N', 'D', '\n'}

#endif
