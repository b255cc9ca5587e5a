/* hv_journal.c: see hv_journal.h. */
#include "hv_journal.h"

#include "hv_stored.h"

#include <stddef.h>

/* Positions that are kept for entries behind a snapshot: those of the longest call, twice, and some that fail. */
#define RESERVE 28u
/* A half with fewer positions left is full: one entry, and what recovering from cuts may take. */
#define ROOM 10u

/* How far a replay has come. */
typedef struct {
    hv_stored_t last; /* the entry that is applied when the next one is found */
    uint32_t last_position;
    bool any;
    bool settled; /* the last entry has both records, in order, and nothing behind them */
} replay_t;

/* What a half says of itself. */
typedef struct {
    uint32_t epoch; /* 0: nothing readable */
    bool valid;     /* it has a seal */
    bool used;      /* and that was finished, so that this half may have gone on */
    uint32_t voids; /* the epoch of the other half that it says is void, 0 for none */
} half_t;

static uint32_t padded_bytes(const hv_flash_t *flash)
{
    return hv_flash_whole(HV_STORED_BYTES, flash->write_bytes);
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
static bool load(const hv_flash_t *flash, uint32_t half, uint32_t position, hv_stored_t *stored)
{
    uint8_t bytes[HV_STORED_BYTES];
    const uint8_t *const place = &flash->base[offset_of(flash, half, position)];
    for (uint32_t i = 0; i < HV_STORED_BYTES; ++i) {
        bytes[i] = place[i];
    }
    return hv_stored_decode(bytes, stored);
}

static bool position_is_blank(const hv_flash_t *flash, uint32_t half, uint32_t position)
{
    return hv_flash_is_blank(flash, offset_of(flash, half, position), padded_bytes(flash));
}

static hv_status_t erase_half(const hv_flash_t *flash, uint32_t half)
{
    const uint32_t blocks = flash->blocks / 2u;
    return hv_flash_erase(flash, half * blocks, blocks);
}

/* Looks through a half. A seal alone does not make it valid: it may have come to light again in a half that was being
 * erased. All entries before it are there, or others behind it. */
static half_t look_at(const hv_flash_t *flash, uint32_t half)
{
    const uint32_t positions = hv_journal_positions(flash);
    half_t found = {.epoch = 0};
    uint32_t last = 0; /* the highest sequence number so far */
    uint32_t seal = 0; /* that of the seal */
    bool gap = false;
    for (uint32_t position = 0; position < positions; ++position) {
        hv_stored_t stored;
        if (load(flash, half, position, &stored) && ((stored.epoch == found.epoch) || (found.epoch == 0u))) {
            const bool is_seal = stored.record.kind == HV_RECORD_SEAL;
            found.epoch = stored.epoch;
            gap = gap || ((seal == 0u) && (stored.sequence > (last + 1u)));
            last = (stored.sequence > last) ? stored.sequence : last;
            seal = is_seal ? stored.sequence : seal;
            found.used = found.used || (is_seal && (stored.copy == 1u));
            found.voids = (stored.record.kind == HV_RECORD_VOID) ? stored.record.number : found.voids;
        }
    }
    found.used = found.used || ((seal != 0u) && (last > seal));
    found.valid = (seal != 0u) && (!gap || (last > seal));
    return found;
}

/* Programs one record at the next position that takes it; those that do not are passed over for good. */
static hv_status_t write_record(hv_journal_t *journal, const hv_stored_t *stored)
{
    const hv_flash_t *const flash = journal->flash;
    const uint32_t positions = hv_journal_positions(flash);
    uint8_t bytes[HV_STORED_PADDED_MOST];
    hv_stored_encode(stored, bytes);
    while (journal->end < positions) {
        const uint32_t position = journal->end;
        const uint32_t offset = offset_of(flash, journal->half, position);
        journal->end += 1u;
        if (position_is_blank(flash, journal->half, position) && (flash->program(flash->context, offset, bytes, padded_bytes(flash)) == HV_OK) && hv_flash_reads_back(flash, offset, bytes, padded_bytes(flash))) {
            return HV_OK;
        }
    }
    return HV_ERROR_FLASH;
}

/* Writes both records of an entry. */
static hv_status_t write_entry(hv_journal_t *journal, const hv_record_t *record, uint32_t sequence)
{
    hv_stored_t stored = {.record = *record, .copy = 0, .epoch = journal->epoch, .sequence = sequence};
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
static void take(hv_journal_t *journal, replay_t *replay, const hv_stored_t *stored, uint32_t position)
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
        hv_stored_t stored;
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

static uint32_t positions_left(const hv_journal_t *journal)
{
    return hv_journal_positions(journal->flash) - journal->end;
}

/* Which half goes on: the newer one, unless its seal was not finished and the older one says that it is void. */
static uint32_t choose(const half_t halves[2])
{
    const uint32_t newer = (halves[1].valid && (!halves[0].valid || (halves[1].epoch > halves[0].epoch))) ? 1u : 0u;
    const uint32_t older = 1u - newer;
    const bool is_void = halves[older].valid && !halves[newer].used && (halves[older].voids == halves[newer].epoch);
    return is_void ? older : newer;
}

/* Writes the last entry once more, so that it can be relied on. */
static hv_status_t settle(hv_journal_t *journal, const replay_t *replay)
{
    if (positions_left(journal) < 2u) {
        return fill_half(journal, 1u - journal->half, journal->epoch + 1u);
    }
    const hv_status_t status = write_entry(journal, &replay->last.record, replay->last.sequence);
    if (status == HV_OK) {
        journal->apply(journal->owner, &replay->last.record, journal->end - 1u); /* at its new position */
    }
    return status;
}

/* Erases what the other half holds without being the older one. It was about to be sealed, and its seal may yet come to
 * light, while it is being erased or later: so it is said to be void before. */
static hv_status_t clear_other(hv_journal_t *journal, const half_t halves[2])
{
    const uint32_t half = 1u - journal->half;
    const half_t *const other = &halves[half];
    hv_status_t status = HV_OK;
    if ((other->valid && (other->epoch < journal->epoch)) || hv_flash_is_blank(journal->flash, half * half_bytes(journal->flash), half_bytes(journal->flash))) {
        return HV_OK;
    }
    if ((other->epoch > journal->epoch) && (other->epoch != halves[journal->half].voids) && (positions_left(journal) >= 2u)) {
        const hv_record_t voided = {.kind = HV_RECORD_VOID, .number = other->epoch};
        status = hv_journal_put(journal, &voided);
    }
    return (status == HV_OK) ? erase_half(journal->flash, half) : status;
}

hv_status_t hv_journal_open(hv_journal_t *journal)
{
    const half_t halves[2] = {look_at(journal->flash, 0), look_at(journal->flash, 1)};
    journal->half = choose(halves);
    journal->epoch = halves[journal->half].epoch;
    if (!halves[journal->half].valid) {
        return HV_ERROR_SLOTS_NONE;
    }
    replay_t replay;
    const uint32_t half = journal->half;
    replay_half(journal, &replay);
    hv_status_t status = HV_OK;
    if (!replay.settled) {
        status = settle(journal, &replay);
    }
    if ((status == HV_OK) && (journal->half == half)) {
        status = clear_other(journal, halves);
    }
    return status;
}

hv_status_t hv_journal_wipe(hv_journal_t *journal)
{
    const half_t halves[2] = {look_at(journal->flash, 0), look_at(journal->flash, 1)};
    const uint32_t valid = choose(halves);
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
    if (positions_left(journal) < ROOM) {
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
    hv_stored_t stored;
    const bool good = load(journal->flash, journal->half, position, &stored) && (stored.epoch == journal->epoch);
    if (good) {
        *record = stored.record;
    }
    return good;
}
