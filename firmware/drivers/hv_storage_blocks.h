/* hv_storage_blocks.h: what the drivers of flash share. board.toml gives people the last blocks of flash: first those of
 * the journal, then those for bundles; no code lies there, for the linker does not know of them. */
#ifndef HV_STORAGE_BLOCKS_H
#define HV_STORAGE_BLOCKS_H

#include "hv_board.h"
#include "hv_storage.h"

typedef struct {
    uint32_t base; /* address of its first byte */
    uint32_t blocks;
} hv_storage_blocks_t;

#define HV_STORAGE_JOURNAL_BASE (HV_STORAGE_BASE)
#define HV_STORAGE_DATA_BASE (HV_STORAGE_BASE + (HV_STORAGE_JOURNAL_BLOCKS * HV_STORAGE_BLOCK_BYTES))

_Static_assert((HV_STORAGE_BASE % HV_STORAGE_BLOCK_BYTES) == 0u, "people begin at a block that can be erased");
_Static_assert((HV_STORAGE_JOURNAL_BLOCKS % 2u) == 0u, "the journal has two halves");

/* How often a wait may look, for at least so many milliseconds: no turn of it takes less than four cycles. */
#define HV_STORAGE_TURNS(milliseconds) ((HV_STORAGE_CLOCK_HZ / 4000u) * (milliseconds))

typedef hv_status_t (*hv_storage_program_t)(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes);
typedef hv_status_t (*hv_storage_erase_t)(void *context, uint32_t block);

/* Whether whole units of a region are meant. */
static inline bool hv_storage_has(const hv_storage_blocks_t *region, uint32_t offset_bytes, uint32_t size_bytes, uint32_t unit_bytes)
{
    const uint32_t all_bytes = region->blocks * HV_STORAGE_BLOCK_BYTES;
    const bool inside = (offset_bytes <= all_bytes) && (size_bytes <= (all_bytes - offset_bytes));
    return inside && ((offset_bytes % unit_bytes) == 0u) && ((size_bytes % unit_bytes) == 0u);
}

/* Four bytes that may lie anywhere, as a word. */
static inline uint32_t hv_storage_word(const uint8_t bytes[])
{
    return (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
}

/* Nothing is moved across: what was written before has reached the controller, and flash is read anew. */
static inline void hv_storage_settle(void)
{
    __asm__ volatile("dsb" ::: "memory");
}

/* Whether every word of a block is erased. */
static inline bool hv_storage_is_blank(uint32_t address)
{
    const volatile uint32_t *const words = (const volatile uint32_t *)address;
    bool blank = true;
    for (uint32_t i = 0u; (i < (HV_STORAGE_BLOCK_BYTES / 4u)) && blank; i++) {
        blank = words[i] == 0xFFFFFFFFu;
    }
    return blank;
}

static inline hv_flash_t hv_storage_flash(hv_storage_blocks_t *region, uint32_t write_bytes, hv_storage_program_t program, hv_storage_erase_t erase)
{
    const hv_flash_t flash = {
        .base = (const uint8_t *)region->base,
        .block_bytes = HV_STORAGE_BLOCK_BYTES,
        .write_bytes = write_bytes,
        .blocks = region->blocks,
        .program = program,
        .erase = erase,
        .context = region,
    };
    return flash;
}

#endif
