/* hv_storage_stm32f4.c: people in the last sectors of 128 KiB of an STM32F405 or F407 (1 MiB, one bank).
 *
 * The core stands still while a word is programmed (100 us at most) or a sector erased (1 s, 2 s at most): it fetches
 * from the same flash. A watchdog must wait longer than that. Words of 32 bits need a supply of 2.7 to 3.6 V.
 * Source: ST RM0090, sections 3.6 (erase and program operations) and 3.9 (registers); times: ST DS8626, table
 * "Flash memory programming". */
#include "hv_storage_blocks.h"

typedef struct {
    uint32_t access_control;
    uint32_t key;
    uint32_t option_key;
    uint32_t status;
    uint32_t control;
} hv_flash_registers_t;

#define ACCESS_CACHES ((1u << 9) | (1u << 10)) /* instructions, data */
#define ACCESS_RESET_CACHES ((1u << 11) | (1u << 12))
#define STATUS_ERRORS ((1u << 1) | (1u << 4) | (1u << 5) | (1u << 6) | (1u << 7)) /* operation, protected, alignment, size, sequence */
#define CONTROL_PROGRAM (1u << 0)
#define CONTROL_ERASE_SECTOR (1u << 1)
#define CONTROL_SECTOR(number) ((number) << 3)
#define CONTROL_BY_WORD (2u << 8)
#define CONTROL_START (1u << 16)

#define FLASH_ORIGIN 0x08000000u
#define SECTOR_BYTES 0x20000u
#define SMALL_SECTORS 4u /* four of 16 KiB and one of 64 KiB fill the first 128 KiB: the next sector is number 5 */
#define WRITE_BYTES 4u
#define PROGRAM_LIMIT_MS 10u
#define ERASE_LIMIT_MS 4000u

_Static_assert(HV_STORAGE_BLOCK_BYTES == SECTOR_BYTES, "all blocks have the same size: those of the first 128 KiB have not");
_Static_assert(HV_STORAGE_BASE >= (FLASH_ORIGIN + SECTOR_BYTES), "smaller sectors lie before");

static volatile hv_flash_registers_t *const controller = (volatile hv_flash_registers_t *)0x40023C00u;

#include "hv_stm32_flash.h" /* asks for the controller, its errors and its longest operation */

static hv_storage_blocks_t journal_region = {HV_STORAGE_JOURNAL_BASE, HV_STORAGE_JOURNAL_BLOCKS};
static hv_storage_blocks_t data_region = {HV_STORAGE_DATA_BASE, HV_STORAGE_DATA_BLOCKS};

/* What they hold of an erased sector is wrong; they are emptied while they are off. */
static void empty_caches(void)
{
    const uint32_t before = controller->access_control;
    const uint32_t off = before & ~ACCESS_CACHES;
    controller->access_control = off;
    controller->access_control = off | ACCESS_RESET_CACHES;
    controller->access_control = off;
    controller->access_control = before;
    hv_storage_settle();
}

static hv_status_t program(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    const hv_storage_blocks_t *const region = context;
    if (!hv_storage_has(region, offset_bytes, size_bytes, WRITE_BYTES) || !can_begin(CONTROL_BY_WORD | CONTROL_PROGRAM)) {
        return HV_ERROR_FLASH;
    }
    volatile uint32_t *const words = (volatile uint32_t *)(region->base + offset_bytes);
    bool good = true;
    for (uint32_t i = 0u; (i < size_bytes) && good; i += WRITE_BYTES) {
        words[i / WRITE_BYTES] = hv_storage_word(&bytes[i]);
        good = has_worked(PROGRAM_LIMIT_MS);
    }
    end();
    return good ? HV_OK : HV_ERROR_FLASH;
}

static hv_status_t erase(void *context, uint32_t block)
{
    const hv_storage_blocks_t *const region = context;
    if (block >= region->blocks) {
        return HV_ERROR_FLASH;
    }
    const uint32_t address = region->base + (block * SECTOR_BYTES);
    const uint32_t sector = SMALL_SECTORS + ((address - FLASH_ORIGIN) / SECTOR_BYTES);
    const uint32_t operation = CONTROL_BY_WORD | CONTROL_ERASE_SECTOR | CONTROL_SECTOR(sector);
    if (!can_begin(operation)) {
        return HV_ERROR_FLASH;
    }
    hv_board_kick();
    controller->control = operation | CONTROL_START;
    const bool good = has_worked(ERASE_LIMIT_MS);
    hv_board_kick();
    end();
    empty_caches();
    return (good && hv_storage_is_blank(address)) ? HV_OK : HV_ERROR_FLASH;
}

hv_flash_t hv_storage_journal(void)
{
    return hv_storage_flash(&journal_region, WRITE_BYTES, program, erase);
}

hv_flash_t hv_storage_data(void)
{
    return hv_storage_flash(&data_region, WRITE_BYTES, program, erase);
}
