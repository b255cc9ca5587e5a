/* hv_crc.c: see hv_crc.h. */
#include "hv_crc.h"

/* What four bits that are shifted out leave behind, of the polynomial 0xEDB88320: a quarter of the time that
 * bit by bit takes, for 64 bytes. */
static const uint32_t nibbles[16] = {
    0x00000000u,
    0x1DB71064u,
    0x3B6E20C8u,
    0x26D930ACu,
    0x76DC4190u,
    0x6B6B51F4u,
    0x4DB26158u,
    0x5005713Cu,
    0xEDB88320u,
    0xF00F9344u,
    0xD6D6A3E8u,
    0xCB61B38Cu,
    0x9B64C2B0u,
    0x86D3D2D4u,
    0xA00AE278u,
    0xBDBDF21Cu,
};

uint32_t hv_crc32(uint32_t crc, const uint8_t bytes[], uint32_t size_bytes)
{
    uint32_t state = ~crc;
    for (uint32_t i = 0; i < size_bytes; ++i) {
        state ^= bytes[i];
        state = (state >> 4) ^ nibbles[state & 15u];
        state = (state >> 4) ^ nibbles[state & 15u];
    }
    return ~state;
}
