/* hv_crc.c: see hv_crc.h. */
#include "hv_crc.h"

uint32_t hv_crc32(uint32_t crc, const uint8_t bytes[], uint32_t size_bytes)
{
    uint32_t state = ~crc;
    for (uint32_t i = 0; i < size_bytes; ++i) {
        state ^= bytes[i];
        for (uint32_t bit = 0; bit < 8u; ++bit) {
            const uint32_t lowest = state & 1u;
            state = (state >> 1) ^ (0xEDB88320u * lowest);
        }
    }
    return ~state;
}
