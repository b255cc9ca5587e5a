/* hv_journal.c: see hv_journal.h. */
#include "hv_journal.h"

#include "hv_crc.h"

#include <stddef.h>

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
#define RECORD_BYTES 44u
#define PADDED_MOST 64u /* RECORD_BYTES in units of HV_FLASH_WRITE_MOST */

/* Positions that are kept for entries behind a snapshot: those of the longest call, twice, and some that fail. */
#define RESERVE 24u
/* A half with fewer positions left is full: one entry, and two that do not take it. */
#define ROOM 4u

/* A record as it lies in flash. */
typedef struct {
    hv_record_t record;
    uint32_t copy; /* 0: the first of its entry, 1: the second */
    uint32_t epoch;
    uint32_t sequence;
} stored_t;

/* How far a replay has come. */
typedef struct {
    stored_t last; /* the entry that is applied when the next one is found */
    uint32_t last_position;
    bool any;
    bool settled; /* the last entry has both records, in order, and nothing behind them */
} replay_t;

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

static void encode(const stored_t *stored, uint8_t bytes[PADDED_MOST])
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
    for (uint32_t i = RECORD_BYTES; i < PADDED_MOST; ++i) {
        bytes[i] = HV_FLASH_ERASED;
    }
}

static bool decode(const uint8_t bytes[RECORD_BYTES], stored_t *stored)
{
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

static uint32_t padded_bytes(const hv_flash_t *flash)
{
    return hv_flash_whole(RECORD_BYTES, flash->write_bytes);
}

static uint32_t half_bytes(const hv_flash_t *flash)
{
    return (flash->blocks / 2u) * flash->block_bytes;
}

static uint32_t offset_of(const hv_flash_t *flash, uint32_t half, uint32_t position)
{
    return (half * half_bytes(flash)) + (position * padded_bytes(flash));
}

uint32_t hv_journal_positions(const hv_flash_t *flash)
{
    return half_bytes(flash) / padded_bytes(flash);
}

uint32_t hv_journal_snapshot_most(const hv_flash_t *flash)
{
    const uint32_t positions = hv_journal_positions(flash);
    return (positions < (RESERVE + 2u)) ? 0u : ((positions - (RESERVE + 2u)) / 2u);
}

/* Reads a position once, into RAM: bits that are not stable cannot change between the check and the use. */
static bool load(const hv_flash_t *flash, uint32_t half, uint32_t position, stored_t *stored)
{
    uint8_t bytes[RECORD_BYTES];
    const uint8_t *const place = &flash->base[offset_of(flash, half, position)];
    for (uint32_t i = 0; i < RECORD_BYTES; ++i) {
        bytes[i] = place[i];
    }
    return decode(bytes, stored);
}

static bool position_is_blank(const hv_flash_t *flash, uint32_t half, uint32_t position)
{
    return hv_flash_is_blank(flash, offset_of(flash, half, position), padded_bytes(flash));
}

static hv_status_t erase_half(const hv_flash_t *flash, uint32_t half)
{
    const uint32_t blocks = flash->blocks / 2u;
    for (uint32_t i = 0; i < blocks; ++i) {
        if (flash->erase(flash->context, (half * blocks) + i) != HV_OK) {
            return HV_ERROR_FLASH;
        }
    }
    return HV_OK;
}

/* The epoch of a half's seal; 0 without one, as epochs begin with 1. */
static uint32_t sealed_epoch(const hv_flash_t *flash, uint32_t half)
{
    const uint32_t positions = hv_journal_positions(flash);
    uint32_t epoch = 0;
    for (uint32_t position = 0; position < positions; ++position) {
        stored_t stored;
        if (load(flash, half, position, &stored) && (stored.record.kind == HV_RECORD_SEAL) && (stored.epoch > epoch)) {
            epoch = stored.epoch;
        }
    }
    return epoch;
}

/* Whether what was programmed reads back. */
static bool reads_back(const hv_flash_t *flash, uint32_t offset, const uint8_t bytes[], uint32_t size_bytes)
{
    for (uint32_t i = 0; i < size_bytes; ++i) {
        if (flash->base[offset + i] != bytes[i]) {
            return false;
        }
    }
    return true;
}

/* Programs one record at the next position that takes it; those that do not are passed over for good. */
static hv_status_t write_record(hv_journal_t *journal, const stored_t *stored)
{
    const hv_flash_t *const flash = journal->flash;
    const uint32_t positions = hv_journal_positions(flash);
    uint8_t bytes[PADDED_MOST];
    encode(stored, bytes);
    while (journal->end < positions) {
        const uint32_t position = journal->end;
        const uint32_t offset = offset_of(flash, journal->half, position);
        journal->end += 1u;
        if (position_is_blank(flash, journal->half, position) && (flash->program(flash->context, offset, bytes, padded_bytes(flash)) == HV_OK) && reads_back(flash, offset, bytes, padded_bytes(flash))) {
            return HV_OK;
        }
    }
    return HV_ERROR_FLASH;
}

/* Writes both records of an entry. */
static hv_status_t write_entry(hv_journal_t *journal, const hv_record_t *record, uint32_t sequence)
{
    stored_t stored = {.record = *record, .copy = 0, .epoch = journal->epoch, .sequence = sequence};
    hv_status_t status = write_record(journal, &stored);
    if (status == HV_OK) {
        stored.copy = 1;
        status = write_record(journal, &stored);
    }
    journal->sequence = sequence;
    return status;
}

hv_status_t hv_journal_put(hv_journal_t *fresh, const hv_record_t *record)
{
    return write_entry(fresh, record, fresh->sequence + 1u);
}

static void apply_last(const hv_journal_t *journal, const replay_t *replay)
{
    if (replay->any) {
        journal->apply(journal->owner, &replay->last.record, replay->last_position);
    }
}

/* Takes the next record of a replay. One with the number of the last entry, or the one before, replaces it. */
static void take(hv_journal_t *journal, replay_t *replay, const stored_t *stored, uint32_t position)
{
    const uint32_t last = replay->any ? replay->last.sequence : 0u;
    const uint32_t sequence = stored->sequence;
    const bool second = (stored->copy == 1u) && replay->any && (sequence == last) && (replay->last.copy == 0u);
    if (sequence > last) {
        apply_last(journal, replay);
        journal->lost = journal->lost || (sequence > (last + 1u));
    } else if ((sequence + 1u) < last) {
        journal->lost = true;
        return;
    } else {
        /* the same entry, or one that voids what a cut left behind */
    }
    replay->settled = second;
    replay->any = true;
    replay->last = *stored;
    replay->last_position = position;
}

static void replay_half(hv_journal_t *journal, replay_t *replay)
{
    const hv_record_t reset = {.kind = HV_RECORD_RESET};
    const uint32_t positions = hv_journal_positions(journal->flash);
    journal->apply(journal->owner, &reset, 0);
    journal->end = 0;
    journal->lost = false;
    replay->any = false;
    replay->settled = false;
    for (uint32_t position = 0; position < positions; ++position) {
        stored_t stored;
        if (load(journal->flash, journal->half, position, &stored) && (stored.epoch == journal->epoch)) {
            take(journal, replay, &stored, position);
            journal->end = position + 1u;
        } else if (!position_is_blank(journal->flash, journal->half, position)) {
            replay->settled = false;
            journal->end = position + 1u;
        } else {
            /* never programmed, or passed over */
        }
    }
    apply_last(journal, replay);
    journal->sequence = replay->any ? replay->last.sequence : 0u;
}

/* Writes the owner's state into a half that is then the valid one. */
static hv_status_t fill_half(hv_journal_t *journal, uint32_t half, uint32_t epoch)
{
    const hv_record_t seal = {.kind = HV_RECORD_SEAL, .number = journal->layout};
    hv_journal_t fresh = *journal;
    fresh.half = half;
    fresh.epoch = epoch;
    fresh.sequence = 0;
    fresh.end = 0;
    hv_status_t status = erase_half(journal->flash, half);
    if (status == HV_OK) {
        status = journal->snapshot(journal->owner, &fresh);
    }
    if (status == HV_OK) {
        status = hv_journal_put(&fresh, &seal);
    }
    if (status == HV_OK) {
        replay_t replay;
        *journal = fresh;
        replay_half(journal, &replay);
    }
    return status;
}

static bool is_full(const hv_journal_t *journal)
{
    return (hv_journal_positions(journal->flash) - journal->end) < ROOM;
}

hv_status_t hv_journal_open(hv_journal_t *journal)
{
    const uint32_t epochs[2] = {sealed_epoch(journal->flash, 0), sealed_epoch(journal->flash, 1)};
    journal->half = (epochs[1] > epochs[0]) ? 1u : 0u;
    journal->epoch = epochs[journal->half];
    if (journal->epoch == 0u) {
        return HV_ERROR_SLOTS_NONE;
    }
    const uint32_t other = 1u - journal->half;
    const bool blank = hv_flash_is_blank(journal->flash, other * half_bytes(journal->flash), half_bytes(journal->flash));
    /* A half without a seal may be about to get one: it goes before anything is written here. */
    if ((epochs[other] == 0u) && !blank && (erase_half(journal->flash, other) != HV_OK)) {
        return HV_ERROR_FLASH;
    }
    replay_t replay;
    replay_half(journal, &replay);
    if (replay.settled) {
        return HV_OK;
    }
    if (is_full(journal)) {
        return fill_half(journal, other, journal->epoch + 1u);
    }
    const hv_status_t status = write_entry(journal, &replay.last.record, replay.last.sequence);
    if (status == HV_OK) {
        journal->apply(journal->owner, &replay.last.record, journal->end - 1u); /* at its new position */
    }
    return status;
}

hv_status_t hv_journal_wipe(hv_journal_t *journal)
{
    const uint32_t valid = (sealed_epoch(journal->flash, 1) > sealed_epoch(journal->flash, 0)) ? 1u : 0u;
    const hv_status_t status = erase_half(journal->flash, 1u - valid);
    return (status == HV_OK) ? erase_half(journal->flash, valid) : status;
}

hv_status_t hv_journal_create(hv_journal_t *journal)
{
    return fill_half(journal, 0, 1);
}

hv_status_t hv_journal_append(hv_journal_t *journal, const hv_record_t *record)
{
    hv_status_t status = HV_OK;
    if (is_full(journal)) {
        status = fill_half(journal, 1u - journal->half, journal->epoch + 1u);
    }
    if (status == HV_OK) {
        status = hv_journal_put(journal, record);
    }
    if (status == HV_OK) {
        journal->apply(journal->owner, record, journal->end - 1u);
    }
    return status;
}

bool hv_journal_read(const hv_journal_t *journal, uint32_t position, hv_record_t *record)
{
    stored_t stored;
    const bool good = load(journal->flash, journal->half, position, &stored) && (stored.epoch == journal->epoch);
    if (good) {
        *record = stored.record;
    }
    return good;
}
