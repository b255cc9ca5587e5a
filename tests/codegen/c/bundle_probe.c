/* bundle_probe.c: gives hv_bundle_open() damaged bundles; for test_bundle.py, under ASan and UBSan.
 *
 * bundle_probe <file>: reads a bundle and tries
 *   every truncation, in memory that ends where the bytes end;
 *   every single-bit flip;
 *   every single-bit flip and every byte replaced by 0xFF, with the CRC made right again.
 * Prints how many of each were accepted. */
#define _POSIX_C_SOURCE 200112L
#include "hv_bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT 4096u

static const uint32_t tags[] = {HV_TAG_TENSORS, HV_TAG_ANSWER};

/* Opens a copy in memory of exactly that size, and reads whatever it says is inside. */
static int accepted(const uint8_t bytes[], uint32_t size_bytes)
{
    void *copy = NULL;
    hv_bundle_t bundle = {NULL, 7u, 7u};
    volatile uint8_t sink = 0;
    if (posix_memalign(&copy, HV_BUNDLE_ALIGNMENT, (size_bytes > 0u) ? size_bytes : 1u) != 0) {
        abort();
    }
    memcpy(copy, bytes, size_bytes);
    const hv_status_t status = hv_bundle_open(copy, size_bytes, &bundle);
    if (status != HV_OK) {
        if ((bundle.bytes != NULL) || (bundle.size_bytes != 7u) || (bundle.records != 7u)) {
            abort(); /* *bundle must be untouched */
        }
    } else {
        for (size_t t = 0; t < (sizeof(tags) / sizeof(tags[0])); ++t) {
            const uint8_t *payload = NULL;
            uint32_t payload_bytes = 0;
            if (hv_bundle_find(&bundle, tags[t], &payload, &payload_bytes) == HV_OK) {
                for (uint32_t i = 0; i < payload_bytes; ++i) {
                    sink = (uint8_t)(sink ^ payload[i]);
                }
            }
        }
    }
    free(copy);
    return (status == HV_OK) ? 1 : 0;
}

static void write_u32(uint8_t bytes[], uint32_t value)
{
    for (uint32_t i = 0; i < 4u; ++i) {
        bytes[i] = (uint8_t)(value >> (8u * i));
    }
}

static void mend_crc(uint8_t bytes[], uint32_t size_bytes)
{
    write_u32(&bytes[size_bytes - 4u], hv_crc32(0, bytes, size_bytes - 4u));
}

int main(int argc, char *argv[])
{
    static uint8_t original[LIMIT];
    static uint8_t changed[LIMIT];
    FILE *const file = (argc == 2) ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        return 2;
    }
    const uint32_t size_bytes = (uint32_t)fread(original, 1, LIMIT, file);
    (void)fclose(file);
    int whole = accepted(original, size_bytes);
    int truncated = 0;
    int flipped = 0;
    int mended = 0;
    for (uint32_t size = 0; size < size_bytes; ++size) {
        truncated += accepted(original, size);
    }
    for (uint32_t i = 0; i < (size_bytes * 9u); ++i) {
        memcpy(changed, original, size_bytes);
        const uint32_t at = i / 9u;
        const uint32_t bit = i % 9u;
        changed[at] = (uint8_t)((bit < 8u) ? (original[at] ^ (1u << bit)) : 0xFFu);
        flipped += (bit < 8u) ? accepted(changed, size_bytes) : 0;
        mend_crc(changed, size_bytes);
        mended += accepted(changed, size_bytes);
    }
    (void)printf("whole %d truncated %d flipped %d mended %d\n", whole, truncated, flipped, mended);
    return 0;
}
