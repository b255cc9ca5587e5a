/* hv_crc.h: the checksum of bundles, traces and known answers. */
#ifndef HV_CRC_H
#define HV_CRC_H

#include <stdint.h>

/* CRC-32 (IEEE 802.3, reflected) of size bytes, continued from crc; start with 0. */
uint32_t hv_crc32(uint32_t crc, const uint8_t bytes[], uint32_t size_bytes);

#endif
