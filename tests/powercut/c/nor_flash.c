/* nor_flash.c: see nor_flash.h. */
#include "nor_flash.h"

#include <string.h>

uint32_t nor_random(nor_t *nor)
{
    nor->random = (nor->random * 6364136223846793005u) + 1442695040888963407u; /* Knuth's MMIX generator */
    return (uint32_t)(nor->random >> 33);
}

static uint8_t random_byte(nor_t *nor)
{
    return (uint8_t)((nor_random(nor) >> 7) & 0xFFu);
}

void nor_boot(nor_t *nor, uint32_t cut_at, uint32_t pattern)
{
    for (uint32_t i = 0; i < NOR_BYTES; ++i) {
        const uint8_t mask = nor->image.unstable[i];
        if (mask != 0u) {
            const uint8_t read = random_byte(nor);
            nor->image.bytes[i] = (uint8_t)((nor->image.bytes[i] & ~mask) | (read & mask));
        }
    }
    nor->operations = 0;
    nor->cut_at = cut_at;
    nor->pattern = pattern;
}

bool nor_is_unstable(const nor_t *nor)
{
    for (uint32_t i = 0; i < NOR_BYTES; ++i) {
        if (nor->image.unstable[i] != 0u) {
            return true;
        }
    }
    return false;
}

static void blame(nor_t *nor, const char *fault)
{
    if (nor->fault == NULL) {
        nor->fault = fault;
    }
}

/* A few bits of a run become unstable. */
static void loosen(nor_t *nor, uint32_t at, uint32_t size_bytes)
{
    const uint32_t count = 1u + (nor_random(nor) % 3u);
    for (uint32_t i = 0; i < count; ++i) {
        nor->image.unstable[at + (nor_random(nor) % size_bytes)] |= (uint8_t)(1u << (nor_random(nor) % 8u));
    }
}

/* Leaves a run somewhere between what it was and `wanted` (NULL: erased). Pattern 0: the operation never began. */
static void tear(nor_t *nor, uint32_t at, const uint8_t *wanted, uint32_t size_bytes)
{
    const uint32_t done = nor_random(nor) % size_bytes;
    const bool settled = nor->pattern == 1u; /* finished, and then the cut */
    for (uint32_t i = 0; (i < size_bytes) && (nor->pattern != 0u); ++i) {
        uint8_t *const byte = &nor->image.bytes[at + i];
        const uint8_t old = *byte;
        const uint8_t new = (wanted == NULL) ? HV_FLASH_ERASED : wanted[i];
        const uint8_t mask = random_byte(nor);
        const uint8_t mixed = (uint8_t)((old & mask) | (new & ~mask));
        uint8_t unstable = 0;
        switch (nor->pattern) {
        case 2: /* byte after byte */
            *byte = (i < done) ? new : ((i == done) ? mixed : old);
            break;
        case 3: /* any bits */
            *byte = mixed;
            break;
        case 4: /* all but done */
        case 1:
            *byte = new;
            break;
        case 5: /* hardly begun: reads as before */
            break;
        case 6: /* any bits, and what changes may change again */
            *byte = mixed;
            unstable = (uint8_t)((old ^ new) & random_byte(nor));
            break;
        default: /* an erase that has programmed first; for programming, few bits */
            *byte = (wanted == NULL) ? (uint8_t)(old & mask) : (uint8_t)(old & (new | mask | random_byte(nor)));
            break;
        }
        nor->image.unstable[at + i] = (uint8_t)(((wanted == NULL) && (nor->pattern == 1u)) ? 0u : (nor->image.unstable[at + i] | unstable));
        nor->image.state[at + i] = settled ? ((wanted == NULL) ? NOR_ERASED : NOR_PROGRAMMED) : NOR_TORN;
    }
    if ((nor->pattern == 4u) || (nor->pattern == 5u)) {
        loosen(nor, at, size_bytes);
    }
}

/* Counts an operation; does not return from the one that is cut. */
static void pass(nor_t *nor, uint32_t at, const uint8_t *wanted, uint32_t size_bytes)
{
    const uint32_t number = nor->operations;
    nor->operations += 1u;
    if (number == nor->cut_at) {
        tear(nor, at, wanted, size_bytes);
        longjmp(nor->cut, 1);
    }
}

static hv_status_t nor_program(void *context, uint32_t offset_bytes, const uint8_t bytes[], uint32_t size_bytes)
{
    const nor_region_t *const region = context;
    nor_t *const nor = region->nor;
    const uint32_t at = region->first_byte + offset_bytes;
    if (((offset_bytes % region->write_bytes) != 0u) || ((size_bytes % region->write_bytes) != 0u) || (size_bytes == 0u)) {
        blame(nor, "programmed what is not whole units");
    }
    if ((offset_bytes + size_bytes) > (region->blocks * region->block_bytes)) {
        blame(nor, "programmed outside its region");
        return HV_ERROR_FLASH;
    }
    if ((bytes >= nor->image.bytes) && (bytes < &nor->image.bytes[NOR_BYTES])) {
        blame(nor, "programmed from flash, which cannot be read meanwhile");
    }
    bool torn = false;
    for (uint32_t i = 0; i < size_bytes; ++i) {
        if (nor->image.state[at + i] == NOR_PROGRAMMED) {
            blame(nor, "programmed a unit twice");
        }
        torn = torn || (nor->image.state[at + i] == NOR_TORN);
    }
    if (torn && !region->may_meet_torn) {
        blame(nor, "programmed a unit that a cut had torn");
    }
    pass(nor, at, bytes, size_bytes);
    for (uint32_t i = 0; i < size_bytes; ++i) {
        nor->image.bytes[at + i] &= torn ? (uint8_t)(bytes[i] | random_byte(nor)) : bytes[i];
        nor->image.state[at + i] = torn ? NOR_TORN : NOR_PROGRAMMED;
    }
    return torn ? HV_ERROR_FLASH : HV_OK;
}

static hv_status_t nor_erase(void *context, uint32_t block)
{
    const nor_region_t *const region = context;
    nor_t *const nor = region->nor;
    const uint32_t at = region->first_byte + (block * region->block_bytes);
    if (block >= region->blocks) {
        blame(nor, "erased outside its region");
        return HV_ERROR_FLASH;
    }
    pass(nor, at, NULL, region->block_bytes);
    memset(&nor->image.bytes[at], (int)HV_FLASH_ERASED, region->block_bytes);
    memset(&nor->image.unstable[at], 0, region->block_bytes);
    memset(&nor->image.state[at], NOR_ERASED, region->block_bytes);
    return HV_OK;
}

hv_flash_t nor_driver(nor_region_t *region)
{
    const hv_flash_t driver = {
        .base = &region->nor->image.bytes[region->first_byte],
        .block_bytes = region->block_bytes,
        .write_bytes = region->write_bytes,
        .blocks = region->blocks,
        .program = nor_program,
        .erase = nor_erase,
        .context = region,
    };
    return driver;
}
