/* hv_storage_nvmc.c: people in the flash of the nRF51822 (pages of 1 KiB), nRF52833 and nRF52840 (4 KiB).
 *
 * The core stands still while a word is written (46 us at most) or a page erased (up to 23 ms, 90 ms on the nRF52):
 * it fetches from the same flash. The controller has no flags for errors: so what was written is read.
 * Source: nRF51 Series Reference Manual 3.0, section 6 (NVMC); nRF52833 Product Specification 1.5 and nRF52840 Product
 * Specification 1.7, "NVMC - Non-volatile memory controller". */
#include "hv_register.h"
#include "hv_storage_blocks.h"

#define READY HV_REGISTER(0x4001E400u)
#define CONFIG HV_REGISTER(0x4001E504u)
#define ERASE_PAGE HV_REGISTER(0x4001E508u)

#define READY_READY 1u
#define CONFIG_READ 0u
#define CONFIG_WRITE 1u
#define CONFIG_ERASE 2u

#define WRITE_BYTES 4u
#define LIMIT_MS 200u /* more than twice what any operation takes */

_Static_assert((HV_STORAGE_BLOCK_BYTES == 0x400u) || (HV_STORAGE_BLOCK_BYTES == 0x1000u), "a block is a page of the nRF51 or nRF52");

static hv_storage_blocks_t journal_region = {HV_STORAGE_JOURNAL_BASE, HV_STORAGE_JOURNAL_BLOCKS};
static hv_storage_blocks_t data_region = {HV_STORAGE_DATA_BASE, HV_STORAGE_DATA_BLOCKS};

static bool is_ready(void)
{
    hv_storage_settle();
    for (uint32_t turn = 0u; turn < HV_STORAGE_TURNS(LIMIT_MS); turn++) {
        if ((READY & READY_READY) != 0u) {
            return true;
        }
        hv_board_kick();
    }
    return false;
}

/* CONFIG may be written only when the controller is ready. */
static bool can_set(uint32_t mode)
{
    const bool ready = is_ready();
    if (ready) {
        CONFIG = mode;
        hv_storage_settle();
    }
    return ready;
}

static hv_status_t program(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    const hv_storage_blocks_t *const region = context;
    if (!hv_storage_has(region, offset_bytes, size_bytes, WRITE_BYTES) || !can_set(CONFIG_WRITE)) {
        return HV_ERROR_FLASH;
    }
    volatile uint32_t *const words = (volatile uint32_t *)(region->base + offset_bytes);
    bool good = true;
    for (uint32_t i = 0u; (i < size_bytes) && good; i += WRITE_BYTES) {
        const uint32_t word = hv_storage_word(&bytes[i]);
        words[i / WRITE_BYTES] = word;
        good = is_ready() && (words[i / WRITE_BYTES] == word);
    }
    return (can_set(CONFIG_READ) && good) ? HV_OK : HV_ERROR_FLASH;
}

static hv_status_t erase(void *context, uint32_t block)
{
    const hv_storage_blocks_t *const region = context;
    if ((block >= region->blocks) || !can_set(CONFIG_ERASE)) {
        return HV_ERROR_FLASH;
    }
    const uint32_t page = region->base + (block * HV_STORAGE_BLOCK_BYTES);
    hv_board_kick();
    ERASE_PAGE = page;
    const bool done = can_set(CONFIG_READ);
    hv_board_kick();
    return (done && hv_storage_is_blank(page)) ? HV_OK : HV_ERROR_FLASH;
}

hv_flash_t hv_storage_journal(void)
{
    return hv_storage_flash(&journal_region, WRITE_BYTES, program, erase);
}

hv_flash_t hv_storage_data(void)
{
    return hv_storage_flash(&data_region, WRITE_BYTES, program, erase);
}
