/* hv_journal.h: a journal of small records in two halves of flash that survives a power cut at any moment.
 *
 * An entry is written as two equal records, one after the other, each with a CRC. It counts as soon as the
 * first is whole; the second says that the first was finished, and replaces it if a bit of it flips. Records
 * that a cut left half done may read differently each time: after a boot that does not find the last entry's
 * two records in order, that entry is written once more, and whatever lies before it with its number or the
 * next is void. Sequence numbers show entries that are gone.
 *
 * When a half is full, what still counts goes to the other one, which is valid from its seal on. One that a cut left without is said to be void before it is erased. */
#ifndef HV_JOURNAL_H
#define HV_JOURNAL_H

#include "hv_flash.h"

#define HV_JOURNAL_USER_BYTES 16u

/* What a record says; hv_slots.c says what each kind means. */
typedef enum {
    HV_RECORD_RESET = 0, /* never written: forget all, a replay begins */
    HV_RECORD_SEAL = 1,  /* the half is complete up to here */
    HV_RECORD_PERSON = 2,
    HV_RECORD_FLOOR = 3,
    HV_RECORD_GONE = 4,
    HV_RECORD_AREA = 5,
    HV_RECORD_MOVE = 6,
    HV_RECORD_VOID = 7 /* the journal's own: a half that was not finished */
} hv_record_kind_t;

typedef struct {
    hv_record_kind_t kind;
    uint16_t place;
    uint32_t number;
    uint8_t user[HV_JOURNAL_USER_BYTES];
    uint32_t size_bytes;
    uint32_t crc;
} hv_record_t;

typedef struct hv_journal hv_journal_t;

/* Takes one entry into the owner's state: once or twice in a row with the same effect. */
typedef void (*hv_journal_apply_t)(void *owner, const hv_record_t *record, uint32_t position);

/* Writes the owner's state as entries into a fresh half, by hv_journal_put. */
typedef hv_status_t (*hv_journal_snapshot_t)(void *owner, hv_journal_t *fresh);

struct hv_journal {
    const hv_flash_t *flash; /* an even number of blocks */
    void *owner;
    hv_journal_apply_t apply;
    hv_journal_snapshot_t snapshot;
    uint32_t layout;   /* what the owner's places mean, in a number: it stands in the seal */
    uint32_t half;     /* the valid one, 0 or 1 */
    uint32_t epoch;    /* of that half, one more with each change of halves */
    uint32_t sequence; /* of its last entry, from 1 */
    uint32_t end;      /* its first position that was never programmed */
    bool lost;         /* an entry is gone: both of its records are damaged */
};

/* Records that fit a half. */
uint32_t hv_journal_positions(const hv_flash_t *flash);

/* Entries that a snapshot may have, without the seal, so that the half can still take others. */
uint32_t hv_journal_snapshot_most(const hv_flash_t *flash);

/* Finds the valid half, applies its entries, and finishes what a cut left half done; flash, owner, the two
 * functions and layout are set by the caller. HV_ERROR_SLOTS_NONE: there is no valid half. */
hv_status_t hv_journal_open(hv_journal_t *journal);

/* Makes a new journal whose content is the owner's snapshot; what was there is erased before, by hv_journal_wipe. */
hv_status_t hv_journal_create(hv_journal_t *journal);

/* Erases both halves, the valid one last. */
hv_status_t hv_journal_wipe(hv_journal_t *journal);

/* Adds an entry and applies it; changes halves before when there is no room. After an error, open again. */
hv_status_t hv_journal_append(hv_journal_t *journal, const hv_record_t *record);

/* Adds an entry to a fresh half, for a snapshot. */
hv_status_t hv_journal_put(hv_journal_t *fresh, const hv_record_t *record);

/* Reads the record at a position that apply was told; false if it is damaged. */
bool hv_journal_read(const hv_journal_t *journal, uint32_t position, hv_record_t *record);

#endif
