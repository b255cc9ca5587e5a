/* hv_stored.c: see hv_stored.h. */
#include "hv_stored.h"

#include "hv_crc.h"

/* A record's bytes, little-endian; it is padded to whole write units. */
#define AT_KIND 0u
#define AT_COPY 1u
#define AT_PLACE 2u
#define AT_EPOCH 4u
#define AT_SEQUENCE 8u
#define AT_NUMBER 12u
#define AT_USER 16u
#define AT_SIZE 32u
#define AT_DATA_CRC 36u
#define AT_CRC 40u

static void write_u32(uint8_t bytes[], uint32_t value)
{
    for (uint32_t i = 0; i < 4u; ++i) {
        bytes[i] = (uint8_t)((value >> (8u * i)) & 0xFFu);
    }
}

static uint32_t read_u32(const uint8_t bytes[])
{
    return (uint32_t)bytes[0] | ((uint32_t)bytes[1] << 8) | ((uint32_t)bytes[2] << 16) | ((uint32_t)bytes[3] << 24);
}

void hv_stored_encode(const hv_stored_t *stored, uint8_t bytes[HV_STORED_PADDED_MOST])
{
    const hv_record_t *const record = &stored->record;
    bytes[AT_KIND] = (uint8_t)record->kind;
    bytes[AT_COPY] = (uint8_t)stored->copy;
    bytes[AT_PLACE] = (uint8_t)(record->place & 0xFFu);
    bytes[AT_PLACE + 1u] = (uint8_t)(record->place >> 8);
    write_u32(&bytes[AT_EPOCH], stored->epoch);
    write_u32(&bytes[AT_SEQUENCE], stored->sequence);
    write_u32(&bytes[AT_NUMBER], record->number);
    for (uint32_t i = 0; i < HV_JOURNAL_USER_BYTES; ++i) {
        bytes[AT_USER + i] = record->user[i];
    }
    write_u32(&bytes[AT_SIZE], record->size_bytes);
    write_u32(&bytes[AT_DATA_CRC], record->crc);
    write_u32(&bytes[AT_CRC], hv_crc32(0, bytes, AT_CRC));
    for (uint32_t i = HV_STORED_BYTES; i < HV_STORED_PADDED_MOST; ++i) {
        bytes[i] = HV_FLASH_ERASED;
    }
}

bool hv_stored_decode(const uint8_t bytes[HV_STORED_BYTES], hv_stored_t *stored)
{
    /* Most of a large journal is erased, and no kind is HV_FLASH_ERASED: no CRC is needed to know that. */
    if (bytes[AT_KIND] == HV_FLASH_ERASED) {
        return false;
    }
    if (hv_crc32(0, bytes, AT_CRC) != read_u32(&bytes[AT_CRC])) {
        return false;
    }
    stored->record.kind = (hv_record_kind_t)bytes[AT_KIND];
    stored->copy = bytes[AT_COPY];
    stored->record.place = (uint16_t)(bytes[AT_PLACE] | ((uint32_t)bytes[AT_PLACE + 1u] << 8));
    stored->epoch = read_u32(&bytes[AT_EPOCH]);
    stored->sequence = read_u32(&bytes[AT_SEQUENCE]);
    stored->record.number = read_u32(&bytes[AT_NUMBER]);
    for (uint32_t i = 0; i < HV_JOURNAL_USER_BYTES; ++i) {
        stored->record.user[i] = bytes[AT_USER + i];
    }
    stored->record.size_bytes = read_u32(&bytes[AT_SIZE]);
    stored->record.crc = read_u32(&bytes[AT_DATA_CRC]);
    return true;
}
