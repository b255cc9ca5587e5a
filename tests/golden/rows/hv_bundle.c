/* hv_bundle.c: see hv_bundle.h. */
#include "hv_bundle.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the header keeps what; codegen/bundle.py, HEADER. */
#define OFFSET_VERSION 4u
#define OFFSET_HEADER_BYTES 6u
#define OFFSET_TOTAL_BYTES 8u
#define OFFSET_RECORDS 12u
#define OFFSET_ABI 16u
#define OFFSET_RESERVED 48u
#define OFFSET_CRC 60u
#define FORMAT_VERSION 1u

static uint32_t read_u16(const uint8_t bytes[])
{
    return (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8);
}

static uint32_t read_u32(const uint8_t bytes[])
{
    return read_u16(bytes) | (read_u16(&bytes[2]) << 16);
}

static bool all_zero(const uint8_t bytes[], uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; ++i) {
        if (bytes[i] != 0u) {
            return false;
        }
    }
    return true;
}

static hv_status_t check_header(const uint8_t bytes[], uint32_t available)
{
    if ((bytes[0] != (uint8_t)'H') || (bytes[1] != (uint8_t)'V') || (bytes[2] != (uint8_t)'B') || (bytes[3] != (uint8_t)'1')) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    if ((read_u16(&bytes[OFFSET_VERSION]) != FORMAT_VERSION) || (read_u16(&bytes[OFFSET_HEADER_BYTES]) != HV_BUNDLE_HEADER_BYTES)) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    const uint32_t total = read_u32(&bytes[OFFSET_TOTAL_BYTES]);
    if (total < HV_BUNDLE_HEADER_BYTES) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    if (total > available) {
        return HV_ERROR_BUNDLE_TRUNCATED;
    }
    uint32_t crc = hv_crc32(0, bytes, OFFSET_CRC);
    crc = hv_crc32(crc, &bytes[HV_BUNDLE_HEADER_BYTES], total - HV_BUNDLE_HEADER_BYTES);
    if (crc != read_u32(&bytes[OFFSET_CRC])) {
        return HV_ERROR_BUNDLE_CRC;
    }
    if (!all_zero(&bytes[OFFSET_RESERVED], OFFSET_CRC - OFFSET_RESERVED)) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    return HV_OK;
}

/* Size of the record at offset with header and padding, or 0 if it leaves the bundle. */
static uint32_t record_span(const uint8_t bytes[], uint32_t offset, uint32_t total)
{
    if ((total - offset) < HV_BUNDLE_RECORD_BYTES) {
        return 0;
    }
    const uint32_t room = total - offset - HV_BUNDLE_RECORD_BYTES;
    const uint32_t payload = read_u32(&bytes[offset + 4u]);
    if (payload > room) {
        return 0;
    }
    const uint32_t padded = (payload + (HV_BUNDLE_ALIGNMENT - 1u)) & ~(HV_BUNDLE_ALIGNMENT - 1u);
    if (padded > room) {
        return 0;
    }
    return HV_BUNDLE_RECORD_BYTES + padded;
}

/* Whether a record's reserved bytes and its padding are zero. */
static bool record_is_clean(const uint8_t bytes[], uint32_t offset, uint32_t span)
{
    const uint32_t payload = read_u32(&bytes[offset + 4u]);
    const uint32_t padding = span - HV_BUNDLE_RECORD_BYTES - payload;
    return all_zero(&bytes[offset + 8u], 8u) && all_zero(&bytes[(offset + span) - padding], padding);
}

hv_status_t hv_bundle_open(const uint8_t bytes[], uint32_t available, hv_bundle_t *bundle)
{
    if ((bytes == NULL) || (bundle == NULL)) {
        return HV_ERROR_ARGUMENT;
    }
    if (((uintptr_t)bytes % HV_BUNDLE_ALIGNMENT) != 0u) {
        return HV_ERROR_ALIGNMENT;
    }
    if (available < HV_BUNDLE_HEADER_BYTES) {
        return HV_ERROR_BUNDLE_TRUNCATED;
    }
    const hv_status_t status = check_header(bytes, available);
    if (status != HV_OK) {
        return status;
    }
    const uint32_t total = read_u32(&bytes[OFFSET_TOTAL_BYTES]);
    const uint32_t records = read_u32(&bytes[OFFSET_RECORDS]);
    uint32_t offset = HV_BUNDLE_HEADER_BYTES;
    for (uint32_t i = 0; i < records; ++i) {
        const uint32_t span = record_span(bytes, offset, total);
        if ((span == 0u) || !record_is_clean(bytes, offset, span)) {
            return HV_ERROR_BUNDLE_FORMAT;
        }
        offset += span;
    }
    if (offset != total) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    bundle->bytes = bytes;
    bundle->size_bytes = total;
    bundle->records = records;
    return HV_OK;
}

const uint8_t *hv_bundle_abi(const hv_bundle_t *bundle)
{
    return &bundle->bytes[OFFSET_ABI];
}

hv_status_t hv_bundle_find(const hv_bundle_t *bundle, uint32_t tag, const uint8_t **payload, uint32_t *size_bytes)
{
    if ((bundle == NULL) || (payload == NULL) || (size_bytes == NULL)) {
        return HV_ERROR_ARGUMENT;
    }
    uint32_t offset = HV_BUNDLE_HEADER_BYTES;
    for (uint32_t i = 0; i < bundle->records; ++i) {
        if (read_u32(&bundle->bytes[offset]) == tag) {
            *payload = &bundle->bytes[offset + HV_BUNDLE_RECORD_BYTES];
            *size_bytes = read_u32(&bundle->bytes[offset + 4u]);
            return HV_OK;
        }
        offset += record_span(bundle->bytes, offset, bundle->size_bytes);
    }
    return HV_ERROR_BUNDLE_FORMAT;
}
