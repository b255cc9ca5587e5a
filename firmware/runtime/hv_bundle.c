/* hv_bundle.c: see hv_bundle.h. */
#include "hv_bundle.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the header keeps what; codegen/bundle.py, HEADER. */
#define OFFSET_FORMAT 4u
#define OFFSET_HEADER_BYTES 6u
#define OFFSET_TOTAL_BYTES 8u
#define OFFSET_FLAGS 12u
#define OFFSET_KERNEL_ABI 16u
#define OFFSET_RECORDS 20u
#define OFFSET_VERSION 24u
#define OFFSET_THRESHOLD 28u
#define OFFSET_ABI 32u
#define OFFSET_USER 64u

/* The trailer: zeros, then the CRC of everything before it. */
#define TRAILER_ZEROS 12u
#define CRC_BYTES 4u

#define LEAST_BYTES (HV_BUNDLE_HEADER_BYTES + HV_BUNDLE_TRAILER_BYTES)

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

/* What lies behind the records: the signature if there is one, and the trailer. */
static uint32_t tail_bytes(const uint8_t bytes[])
{
    const bool is_signed = (read_u32(&bytes[OFFSET_FLAGS]) & HV_BUNDLE_SIGNED) != 0u;
    return HV_BUNDLE_TRAILER_BYTES + (is_signed ? HV_BUNDLE_SIGNATURE_BYTES : 0u);
}

/* Whether a bundle begins here that available bytes are enough for; reads the header only. */
static hv_status_t check_size(const uint8_t bytes[], uint32_t available)
{
    if (available < LEAST_BYTES) {
        return HV_ERROR_BUNDLE_TRUNCATED;
    }
    if ((bytes[0] != (uint8_t)'H') || (bytes[1] != (uint8_t)'V') || (bytes[2] != (uint8_t)'B') || (bytes[3] != (uint8_t)'2')) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    if ((read_u16(&bytes[OFFSET_FORMAT]) != HV_BUNDLE_FORMAT) || (read_u16(&bytes[OFFSET_HEADER_BYTES]) != HV_BUNDLE_HEADER_BYTES)) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    const uint32_t total = read_u32(&bytes[OFFSET_TOTAL_BYTES]);
    if ((total < LEAST_BYTES) || ((total % HV_BUNDLE_ALIGNMENT) != 0u)) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    return (total > available) ? HV_ERROR_BUNDLE_TRUNCATED : HV_OK;
}

/* Checks the CRC of total bytes, then what the header and the trailer say. */
static hv_status_t check_fields(const uint8_t bytes[], uint32_t total)
{
    const uint32_t crc_at = total - CRC_BYTES;
    if (hv_crc32(0, bytes, crc_at) != read_u32(&bytes[crc_at])) {
        return HV_ERROR_BUNDLE_CRC;
    }
    if ((read_u32(&bytes[OFFSET_FLAGS]) & ~HV_BUNDLE_SIGNED) != 0u) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    if (total < (HV_BUNDLE_HEADER_BYTES + tail_bytes(bytes))) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    if (!all_zero(&bytes[crc_at - TRAILER_ZEROS], TRAILER_ZEROS)) {
        return HV_ERROR_BUNDLE_FORMAT;
    }
    return (read_u32(&bytes[OFFSET_KERNEL_ABI]) == HV_BUNDLE_KERNEL_ABI) ? HV_OK : HV_ERROR_BUNDLE_ABI;
}

/* Size of the record at offset with header and padding, or 0 if it leaves the records' end. */
static uint32_t record_span(const uint8_t bytes[], uint32_t offset, uint32_t end)
{
    if ((end - offset) < HV_BUNDLE_RECORD_BYTES) {
        return 0;
    }
    const uint32_t room = end - offset - HV_BUNDLE_RECORD_BYTES;
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

/* Whether exactly so many whole records lie between the header and end. */
static bool records_are_whole(const uint8_t bytes[], uint32_t records, uint32_t end)
{
    uint32_t offset = HV_BUNDLE_HEADER_BYTES;
    for (uint32_t i = 0; i < records; ++i) {
        const uint32_t span = record_span(bytes, offset, end);
        if ((span == 0u) || !record_is_clean(bytes, offset, span)) {
            return false;
        }
        offset += span;
    }
    return offset == end;
}

hv_status_t hv_bundle_open(const uint8_t bytes[], uint32_t available, hv_bundle_t *bundle)
{
    if ((bytes == NULL) || (bundle == NULL)) {
        return HV_ERROR_ARGUMENT;
    }
    if (((uintptr_t)bytes % HV_BUNDLE_ALIGNMENT) != 0u) {
        return HV_ERROR_ALIGNMENT;
    }
    hv_status_t status = check_size(bytes, available);
    if (status != HV_OK) {
        return status;
    }
    const uint32_t total = read_u32(&bytes[OFFSET_TOTAL_BYTES]);
    status = check_fields(bytes, total);
    if (status != HV_OK) {
        return status;
    }
    const uint32_t records = read_u32(&bytes[OFFSET_RECORDS]);
    if (!records_are_whole(bytes, records, total - tail_bytes(bytes))) {
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

const uint8_t *hv_bundle_user(const hv_bundle_t *bundle)
{
    return &bundle->bytes[OFFSET_USER];
}

uint32_t hv_bundle_version(const hv_bundle_t *bundle)
{
    return read_u32(&bundle->bytes[OFFSET_VERSION]);
}

uint32_t hv_bundle_flags(const hv_bundle_t *bundle)
{
    return read_u32(&bundle->bytes[OFFSET_FLAGS]);
}

int32_t hv_bundle_threshold(const hv_bundle_t *bundle)
{
    const uint32_t bits = read_u32(&bundle->bytes[OFFSET_THRESHOLD]);
    return (bits <= (uint32_t)INT32_MAX) ? (int32_t)bits : (-(int32_t)(~bits) - 1);
}

hv_status_t hv_bundle_find(const hv_bundle_t *bundle, uint32_t tag, const uint8_t **payload, uint32_t *size_bytes)
{
    if ((bundle == NULL) || (payload == NULL) || (size_bytes == NULL)) {
        return HV_ERROR_ARGUMENT;
    }
    const uint32_t end = bundle->size_bytes - tail_bytes(bundle->bytes);
    uint32_t offset = HV_BUNDLE_HEADER_BYTES;
    for (uint32_t i = 0; i < bundle->records; ++i) {
        if (read_u32(&bundle->bytes[offset]) == tag) {
            *payload = &bundle->bytes[offset + HV_BUNDLE_RECORD_BYTES];
            *size_bytes = read_u32(&bundle->bytes[offset + 4u]);
            return HV_OK;
        }
        offset += record_span(bundle->bytes, offset, end);
    }
    return HV_ERROR_BUNDLE_FORMAT;
}
