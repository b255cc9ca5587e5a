/* hv_storage_kept.c: NOR flash simulated in RAM, for boards whose flash has no driver here: it outlives a reset,
 * for start-up does not clear .kept, and not the loss of power.
 *
 * It behaves as flash does: programming only clears bits, and a program that would set one fails. A reset in the
 * middle leaves the bytes before it done and the others as they were. */
#include "hv_storage.h"

#if !defined(HV_STORAGE_PEOPLE)
#define HV_STORAGE_PEOPLE 4u
#endif

#define BLOCK_BYTES 256u
#define WRITE_BYTES 4u
/* One more than people, for the next bundle. */
#define DATA_BLOCKS ((HV_STORAGE_PEOPLE + 1u) * ((HV_STORAGE_BUNDLE_BYTES + (BLOCK_BYTES - 1u)) / BLOCK_BYTES))
/* Records of 44 bytes for five more user ids than people, in whole 32 bytes: 58 of them for four people. */
#define JOURNAL_RECORDS (30u + (2u * ((2u * HV_STORAGE_PEOPLE) + 6u)))
#define JOURNAL_BLOCK_BYTES (((44u * JOURNAL_RECORDS) + 31u) & ~31u)
#define JOURNAL_BLOCKS 2u

static volatile uint8_t journal_bytes[JOURNAL_BLOCKS * JOURNAL_BLOCK_BYTES] __attribute__((section(".kept"), aligned(16)));
static volatile uint8_t data_bytes[DATA_BLOCKS * BLOCK_BYTES] __attribute__((section(".kept"), aligned(16)));

_Static_assert(HV_STORAGE_PEOPLE <= 59u, "the slots know 64 user ids and areas");

/* A region, and how large its blocks are. */
typedef struct {
    volatile uint8_t *bytes;
    uint32_t size_bytes;
    uint32_t block_bytes;
} region_t;

static region_t journal_region = {journal_bytes, sizeof journal_bytes, JOURNAL_BLOCK_BYTES};
static region_t data_region = {data_bytes, sizeof data_bytes, BLOCK_BYTES};

static hv_status_t program(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    const region_t *const region = context;
    if ((offset_bytes > region->size_bytes) || (size_bytes > (region->size_bytes - offset_bytes))) {
        return HV_ERROR_FLASH;
    }
    hv_status_t status = HV_OK;
    for (uint32_t i = 0u; i < size_bytes; i++) {
        const uint8_t left = (uint8_t)(region->bytes[offset_bytes + i] & bytes[i]);
        region->bytes[offset_bytes + i] = left;
        if (left != bytes[i]) {
            status = HV_ERROR_FLASH;
        }
    }
    return status;
}

static hv_status_t erase(void *context, uint32_t block)
{
    const region_t *const region = context;
    if (block >= (region->size_bytes / region->block_bytes)) {
        return HV_ERROR_FLASH;
    }
    for (uint32_t i = 0u; i < region->block_bytes; i++) {
        region->bytes[(block * region->block_bytes) + i] = HV_FLASH_ERASED;
    }
    return HV_OK;
}

static hv_flash_t flash_of(region_t *region)
{
    const hv_flash_t flash = {
        .base = (const uint8_t *)region->bytes,
        .block_bytes = region->block_bytes,
        .write_bytes = WRITE_BYTES,
        .blocks = region->size_bytes / region->block_bytes,
        .program = program,
        .erase = erase,
        .context = region,
    };
    return flash;
}

hv_flash_t hv_storage_journal(void)
{
    return flash_of(&journal_region);
}

hv_flash_t hv_storage_data(void)
{
    return flash_of(&data_region);
}
