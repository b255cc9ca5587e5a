/* hv_flash.h: what the firmware asks of a flash driver. NOR flash that is mapped into memory.
 *
 * Erasing a block sets all of its bits. Programming clears bits, in whole write units; between two erases
 * every unit is programmed at most once, which flash with an ECC (STM32L4, STM32H7) demands and all other
 * allows. Where reading a unit that lost power while it was programmed raises an exception after the read
 * (STM32L4: NMI), the driver clears its cause and the program goes on: what was read is checked by a CRC. Where the
 * read itself fails (STM32H7: bus fault), it would be tried again for ever: such flash is not for this interface.
 * A driver that programs whole pages (RP2040, 256 bytes) pads with 0xFF, which leaves bits as they are. */
#ifndef HV_FLASH_H
#define HV_FLASH_H

#include "hv_types.h"

#include <stdbool.h>

/* The largest write unit. */
#define HV_FLASH_WRITE_MOST 32u
#define HV_FLASH_ERASED 0xFFu

/* A run of equal blocks. */
typedef struct {
    const uint8_t *base;  /* where its first byte is read, aligned to 16 */
    uint32_t block_bytes; /* what is erased at once: a multiple of 32 */
    uint32_t write_bytes; /* what is programmed at once: 1, 2, 4, 8, 16 or 32 */
    uint32_t blocks;

    /* Programs size_bytes at offset_bytes, both multiples of write_bytes; bytes lie in RAM. Returns when done. */
    hv_status_t (*program)(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes);

    /* Erases one block, 0 to blocks - 1. Returns when done; takes up to seconds, so it feeds a watchdog. */
    hv_status_t (*erase)(void *context, uint32_t block);
    void *context;
} hv_flash_t;

/* Whether a geometry is one that is supported. */
static inline bool hv_flash_is_usable(const hv_flash_t *flash)
{
    const bool unit = (flash->write_bytes != 0u) && (flash->write_bytes <= HV_FLASH_WRITE_MOST) && ((flash->write_bytes & (flash->write_bytes - 1u)) == 0u);
    const bool block = (flash->block_bytes != 0u) && ((flash->block_bytes % 32u) == 0u);
    return unit && block && (((uintptr_t)flash->base % 16u) == 0u) && (flash->program != 0) && (flash->erase != 0);
}

/* Whether all of it reads as erased. */
static inline bool hv_flash_is_blank(const hv_flash_t *flash, uint32_t offset_bytes, uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; ++i) {
        if (flash->base[offset_bytes + i] != HV_FLASH_ERASED) {
            return false;
        }
    }
    return true;
}

/* Whether what was programmed reads back: hv_flash_t.program need not look. */
static inline bool hv_flash_reads_back(const hv_flash_t *flash, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; ++i) {
        if (flash->base[offset_bytes + i] != bytes[i]) {
            return false;
        }
    }
    return true;
}

/* Erases a run of blocks. */
static inline hv_status_t hv_flash_erase(const hv_flash_t *flash, uint32_t first, uint32_t blocks)
{
    for (uint32_t i = 0; i < blocks; ++i) {
        if (flash->erase(flash->context, first + i) != HV_OK) {
            return HV_ERROR_FLASH;
        }
    }
    return HV_OK;
}

/* A size in whole units. */
static inline uint32_t hv_flash_whole(uint32_t size_bytes, uint32_t unit_bytes)
{
    return ((size_bytes + (unit_bytes - 1u)) / unit_bytes) * unit_bytes;
}

#endif
