/* hv_slots.h: people in flash. Power may go at any moment: then every person is the old one or the new one.
 *
 * Data flash is divided into areas, which are erased as a whole, and these into slots for one bundle each: an
 * area is one block with as many slots as fit, or as many blocks as one slot needs. An update is written into
 * an unused slot, checked, judged, and counts from one record in the journal on; the slot that it replaces is
 * given up only then. One area is always without people: it takes those of an area that is to be erased.
 *
 * A person's version never goes back, not even by way of removing: the journal keeps a removed person's version,
 * and only a higher one is taken later. It forgets none: when it has no room for one more user id, it refuses.
 * (Whoever wanted a version forgotten would need signed bundles of as many other people.)
 *
 * Removing erases the person's weights and everything else in flash that no longer belongs to anybody. */
#ifndef HV_SLOTS_H
#define HV_SLOTS_H

#include "hv_journal.h"

/* User ids that are known at most, of people and of those who were removed. */
#ifndef HV_SLOTS_USERS
#define HV_SLOTS_USERS 64u
#endif
/* Areas that are used at most. */
#ifndef HV_SLOTS_AREAS
#define HV_SLOTS_AREAS 64u
#endif

/* Whose bundle it is, as the judge has read it. */
typedef struct {
    uint8_t user[HV_JOURNAL_USER_BYTES];
    uint32_t version;
} hv_slots_identity_t;

/* Judges a whole candidate, aligned to 16 and in place. HV_OK, and whose it is; anything else refuses it. */
typedef hv_status_t (*hv_slots_admit_t)(void *context, const uint8_t bundle[], uint32_t size_bytes, hv_slots_identity_t *identity);

typedef struct {
    hv_flash_t journal;  /* two halves: an even number of blocks */
    hv_flash_t data;     /* other blocks, of the same or another size */
    uint32_t most_bytes; /* the largest bundle */
    hv_slots_admit_t admit;
    void *context;
} hv_slots_config_t;

/* A person who can be used: the bundle lies in flash, aligned to 16. */
typedef struct {
    hv_slots_identity_t identity;
    const uint8_t *bundle;
    uint32_t size_bytes;
} hv_slots_person_t;

/* What is known of a user id. */
typedef struct {
    uint16_t position; /* of the record in the journal that says version, size and CRC */
    uint16_t slot;     /* of a person */
    uint8_t kind;      /* HV_RECORD_PERSON, HV_RECORD_FLOOR: being removed, HV_RECORD_GONE: removed */
} hv_slots_user_t;

/* The state: the caller's memory, of which only these functions know the meaning. */
typedef struct {
    const hv_slots_config_t *config;
    hv_journal_t journal;
    hv_slots_user_t users[HV_SLOTS_USERS];
    uint32_t user_count;
    uint8_t taken[HV_SLOTS_AREAS]; /* slots of an area that may hold something; those behind them are erased */
    uint32_t area_count;
    uint32_t area_slots;
    uint32_t area_blocks;
    uint32_t slot_bytes;
    uint32_t cursor; /* the area that was written last: the next one is another, so that all wear alike */
    bool foreign; /* the journal was written for another layout */
    bool mounted;
    bool open; /* an update was begun */
    uint32_t open_slot;
    uint32_t open_bytes;   /* how long it is to be */
    uint32_t written;      /* bytes that came */
    uint32_t crc;          /* of these */
    uint32_t staged_bytes; /* of these in staged, not in flash yet */
    uint8_t staged[HV_FLASH_WRITE_MOST];
} hv_slots_t;

/* Reads the journal, and finishes what a power cut left half done; may be cut itself, and called again.
 * HV_ERROR_SLOTS_NONE: new flash, to be formatted. HV_ERROR_SLOTS_LAYOUT: not written with this configuration.
 * HV_ERROR_ARGUMENT: a geometry that leaves no room. */
hv_status_t hv_slots_mount(hv_slots_t *slots, const hv_slots_config_t *config);

/* Erases everything, and every version that was kept, and mounts. After a cut: again. */
hv_status_t hv_slots_format(hv_slots_t *slots, const hv_slots_config_t *config);

/* Begins an update of size_bytes; drops one that was begun before. */
hv_status_t hv_slots_begin(hv_slots_t *slots, uint32_t size_bytes);

/* Takes the next bytes of the update. */
hv_status_t hv_slots_write(hv_slots_t *slots, const uint8_t bytes[], uint32_t size_bytes);

/* Judges the update and makes it count. Refused, with the judge's own code or HV_ERROR_BUNDLE_OLD: nothing changed. */
hv_status_t hv_slots_commit(hv_slots_t *slots);

/* Drops an update that was begun. */
void hv_slots_abort(hv_slots_t *slots);

/* Removes a person, and erases the weights; HV_ERROR_SLOTS_UNKNOWN if there is none with this id. */
hv_status_t hv_slots_remove(hv_slots_t *slots, const uint8_t user[HV_JOURNAL_USER_BYTES]);

/* People there may be. */
uint32_t hv_slots_most(const hv_slots_t *slots);

/* People there are, damaged ones too. */
uint32_t hv_slots_people(const hv_slots_t *slots);

/* User ids that are known, of people and of those who were removed. */
uint32_t hv_slots_count(const hv_slots_t *slots);

/* Whether a number, 0 to hv_slots_count() - 1, is a person's and not that of one who was removed. */
bool hv_slots_is_person(const hv_slots_t *slots, uint32_t number);

/* The person with a number, 0 to hv_slots_count() - 1, checked byte by byte. HV_ERROR_SLOTS_UNKNOWN: this one was
 * removed. HV_ERROR_SLOTS_DAMAGED: not to be used; the identity is set if the journal still has it, zero else. */
hv_status_t hv_slots_person(const hv_slots_t *slots, uint32_t number, hv_slots_person_t *person);

/* The least version that is taken of a user id; 0 of one that is unknown. */
hv_status_t hv_slots_least_version(const hv_slots_t *slots, const uint8_t user[HV_JOURNAL_USER_BYTES], uint32_t *version);

#endif
