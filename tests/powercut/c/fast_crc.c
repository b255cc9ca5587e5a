/* fast_crc.c: hv_crc32 by a table, for the simulation alone: it spends its time there. */
#include "hv_crc.h"

uint32_t hv_crc32(uint32_t crc, const uint8_t bytes[], uint32_t size_bytes)
{
    static uint32_t table[256];
    if (table[1] == 0u) {
        for (uint32_t i = 0; i < 256u; ++i) {
            uint32_t state = i;
            for (uint32_t bit = 0; bit < 8u; ++bit) {
                state = (state >> 1) ^ (0xEDB88320u * (state & 1u));
            }
            table[i] = state;
        }
    }
    uint32_t state = ~crc;
    for (uint32_t i = 0; i < size_bytes; ++i) {
        state = (state >> 8) ^ table[(state ^ bytes[i]) & 0xFFu];
    }
    return ~state;
}
