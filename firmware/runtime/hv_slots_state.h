/* hv_slots_state.h: what hv_slots.c knows, as entries of the journal: each replayed entry changes it, a snapshot says it. */
#ifndef HV_SLOTS_STATE_H
#define HV_SLOTS_STATE_H

#include "hv_slots.h"

/* The number of a user id, and its record; user_count if it is unknown. A record that cannot be read is passed over:
 * *damaged says so, and then a user who is not found may be that one. */
uint32_t hv_slots_find(const hv_slots_t *slots, const uint8_t user[HV_JOURNAL_USER_BYTES], hv_record_t *record, bool *damaged);

/* User ids that the journal has room for. */
uint32_t hv_slots_users_most(const hv_slots_t *slots);

/* Forgets everything. */
void hv_slots_reset(hv_slots_t *slots);

/* Takes an entry into the state: hv_journal_apply_t. */
void hv_slots_apply(void *owner, const hv_record_t *record, uint32_t position);

/* Says everything in as few entries as possible: hv_journal_snapshot_t. */
hv_status_t hv_slots_snapshot(void *owner, hv_journal_t *fresh);

#endif
