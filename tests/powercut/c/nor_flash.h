/* nor_flash.h: simulated NOR flash that loses power at a chosen operation.
 *
 * Programming clears bits only, whole units, each once between two erases. A cut leaves an operation torn in one of
 * PATTERNS ways; bits that it left half done read differently after each boot. */
#ifndef NOR_FLASH_H
#define NOR_FLASH_H

#include "hv_flash.h"

#include <setjmp.h>

#define NOR_BYTES 16384u
#define NOR_PATTERNS 8u
#define NOR_NEVER UINT32_MAX

/* What is in the flash: a plain value, so that a moment can be kept and gone back to. */
typedef struct {
    _Alignas(16) uint8_t bytes[NOR_BYTES];
    uint8_t unstable[NOR_BYTES]; /* bits that a cut left half done */
    uint8_t state[NOR_BYTES];    /* of each byte's unit: NOR_ERASED, NOR_PROGRAMMED or NOR_TORN */
} nor_image_t;

enum { NOR_ERASED = 0,
       NOR_PROGRAMMED = 1,
       NOR_TORN = 2 };

typedef struct {
    nor_image_t image;
    uint32_t operations; /* since power came */
    uint32_t cut_at;     /* the operation that is torn */
    uint32_t pattern;
    uint64_t random;
    jmp_buf cut;
    const char *fault; /* what the code under test must not do, the first time it did */
} nor_t;

/* A run of equal blocks in it. */
typedef struct {
    nor_t *nor;
    uint32_t first_byte;
    uint32_t block_bytes;
    uint32_t write_bytes;
    uint32_t blocks;
    bool may_meet_torn; /* a torn unit that reads as erased may be programmed here: the driver says that it fails */
} nor_region_t;

uint32_t nor_random(nor_t *nor);

/* Power comes: unstable bits read one way or the other from now on. */
void nor_boot(nor_t *nor, uint32_t cut_at, uint32_t pattern);

/* Whether any bit may read one way or the other. */
bool nor_is_unstable(const nor_t *nor);

/* The driver of a region. */
hv_flash_t nor_driver(nor_region_t *region);

#endif
