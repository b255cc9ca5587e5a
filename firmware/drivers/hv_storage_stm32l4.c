/* hv_storage_stm32l4.c: people in the last pages of 4 KiB of an STM32L4R5 (2 MiB in two banks, as shipped).
 *
 * 64 bits are programmed at once, with 8 of an ECC, and once between two erases. Reading 64 bits that lost power while
 * they were programmed or erased may find two errors: a non-maskable interrupt then comes, hv_storage_forgives() clears
 * its cause, and what was read is checked by a CRC like all that is read.
 * An error that was corrected before keeps its own bank in the register: then none is forgiven.
 * The first bank goes on fetching code while the second is written. The data cache is off meanwhile: in chips of this
 * family it may then be corrupted.
 * Source: ST RM0432, sections 3.3.1 (organization), 3.3.2 (ECC), 3.3.5 to 3.3.7 (erase and program), 3.7 (registers);
 * ST ES0510 (STM32L4P5), 2.2.2 "Data cache might be corrupted during Flash memory read-while-write operation"; times: ST
 * DS12023, table "Flash memory characteristics": a page is erased in 25 ms, 64 bits programmed in 0.1 ms. */
#include "hv_storage_blocks.h"
#include "hv_storage_forgives.h"

typedef struct {
    uint32_t access_control;
    uint32_t power_down_key;
    uint32_t key;
    uint32_t option_key;
    uint32_t status;
    uint32_t control;
    uint32_t ecc;
    uint32_t reserved;
    uint32_t options;
} hv_flash_registers_t;

#define ACCESS_DATA_CACHE (1u << 10)
#define ACCESS_RESET_DATA_CACHE (1u << 12)
/* operation, programming, protected, alignment, size, sequence, miss, fast */
#define STATUS_ERRORS ((1u << 1) | (1u << 3) | (1u << 4) | (1u << 5) | (1u << 6) | (1u << 7) | (1u << 8) | (1u << 9))
#define CONTROL_PROGRAM (1u << 0)
#define CONTROL_ERASE_PAGE (1u << 1)
#define CONTROL_PAGE(number) ((number) << 3)
#define CONTROL_BANK_2 (1u << 11)
#define CONTROL_START (1u << 16)
#define ECC_BANK_2 (1u << 21)
#define ECC_SYSTEM (1u << 22) /* not the user's flash */
#define ECC_CORRECTED (1u << 30)
#define ECC_DETECTED (1u << 31)
#define OPTIONS_BOOT_BANK_2 (1u << 20) /* the banks may have changed places */
#define OPTIONS_TWO_BANKS (1u << 22)

#define BANK_2 0x08100000u
#define PAGE_BYTES 0x1000u
#define WRITE_BYTES 8u
#define PROGRAM_LIMIT_MS 10u
#define ERASE_LIMIT_MS 100u

_Static_assert(HV_STORAGE_BLOCK_BYTES == PAGE_BYTES, "a block is a page of two-bank mode");
_Static_assert(HV_STORAGE_BASE >= BANK_2, "people lie in the second bank, whose errors are forgiven");

static volatile hv_flash_registers_t *const controller = (volatile hv_flash_registers_t *)0x40022000u;

#include "hv_stm32_flash.h" /* asks for the controller, its errors and its longest operation */

static hv_storage_blocks_t journal_region = {HV_STORAGE_JOURNAL_BASE, HV_STORAGE_JOURNAL_BLOCKS};
static hv_storage_blocks_t data_region = {HV_STORAGE_DATA_BASE, HV_STORAGE_DATA_BLOCKS};

static volatile uint32_t forgiven; /* how often */

bool hv_storage_forgives(void)
{
    const uint32_t ecc = controller->ecc;
    const bool ours = (ecc & (ECC_DETECTED | ECC_SYSTEM | ECC_BANK_2)) == (ECC_DETECTED | ECC_BANK_2);
    if (ours) {
        controller->ecc = ECC_DETECTED | ECC_CORRECTED; /* ones clear them; a new one is seen only then */
        hv_storage_settle();
        forgiven += 1u;
    }
    return ours;
}

/* Whether the second bank is where the linker and the ECC's register take it to be. */
static bool has_two_banks(void)
{
    return (controller->options & (OPTIONS_TWO_BANKS | OPTIONS_BOOT_BANK_2)) == OPTIONS_TWO_BANKS;
}

static uint32_t stop_data_cache(void)
{
    const uint32_t before = controller->access_control;
    controller->access_control = before & ~ACCESS_DATA_CACHE;
    return before;
}

/* What it holds of flash may be wrong; it is emptied while it is off. */
static void restart_data_cache(uint32_t before)
{
    const uint32_t off = before & ~ACCESS_DATA_CACHE;
    controller->access_control = off | ACCESS_RESET_DATA_CACHE;
    controller->access_control = off;
    controller->access_control = before;
    hv_storage_settle();
}

/* Whether it reads back, and without an error that an ECC had to be asked about. */
static bool reads_back(const volatile uint32_t words[], const uint8_t bytes[], uint32_t size_bytes)
{
    const uint32_t before = forgiven;
    bool good = true;
    for (uint32_t i = 0u; i < size_bytes; i += 4u) {
        good = (words[i / 4u] == hv_storage_word(&bytes[i])) && good;
    }
    hv_storage_settle();
    return good && (forgiven == before) && ((controller->ecc & ECC_CORRECTED) == 0u);
}

static hv_status_t program(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    const hv_storage_blocks_t *const region = context;
    if (!hv_storage_has(region, offset_bytes, size_bytes, WRITE_BYTES) || !has_two_banks() || !can_begin(CONTROL_PROGRAM)) {
        return HV_ERROR_FLASH;
    }
    volatile uint32_t *const words = (volatile uint32_t *)(region->base + offset_bytes);
    const uint32_t cache = stop_data_cache();
    bool good = true;
    for (uint32_t i = 0u; (i < size_bytes) && good; i += WRITE_BYTES) {
        words[i / 4u] = hv_storage_word(&bytes[i]);
        hv_storage_settle(); /* the second word begins the operation */
        words[(i / 4u) + 1u] = hv_storage_word(&bytes[i + 4u]);
        good = has_worked(PROGRAM_LIMIT_MS);
    }
    end();
    restart_data_cache(cache);
    controller->ecc = ECC_CORRECTED; /* of what was read before */
    return (good && reads_back(words, bytes, size_bytes)) ? HV_OK : HV_ERROR_FLASH;
}

static hv_status_t erase(void *context, uint32_t block)
{
    const hv_storage_blocks_t *const region = context;
    if (block >= region->blocks) {
        return HV_ERROR_FLASH;
    }
    const uint32_t address = region->base + (block * PAGE_BYTES);
    const uint32_t operation = CONTROL_ERASE_PAGE | CONTROL_BANK_2 | CONTROL_PAGE((address - BANK_2) / PAGE_BYTES);
    if (!has_two_banks() || !can_begin(operation)) {
        return HV_ERROR_FLASH;
    }
    const uint32_t cache = stop_data_cache();
    hv_board_kick();
    controller->control = operation | CONTROL_START;
    const bool good = has_worked(ERASE_LIMIT_MS);
    hv_board_kick();
    end();
    restart_data_cache(cache);
    const uint32_t before = forgiven;
    return (good && hv_storage_is_blank(address) && (forgiven == before)) ? HV_OK : HV_ERROR_FLASH;
}

hv_flash_t hv_storage_journal(void)
{
    return hv_storage_flash(&journal_region, WRITE_BYTES, program, erase);
}

hv_flash_t hv_storage_data(void)
{
    return hv_storage_flash(&data_region, WRITE_BYTES, program, erase);
}
