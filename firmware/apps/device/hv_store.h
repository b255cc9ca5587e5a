/* hv_store.h: the people a device knows, kept in flash (hv_slots.h) and judged before they are taken (hv_bundle.h). */
#ifndef HV_STORE_H
#define HV_STORE_H

#include "hv_bundle.h"
#include "hv_slots.h"

/* Once, after reset: finds the people that are left, and formats flash in which there never were any. */
void hv_store_begin(void);

/* How many people there are, how many there can be, and the largest bundle. */
uint32_t hv_store_people(void);
uint32_t hv_store_slots(void);
uint32_t hv_store_slot_bytes(void);

/* The index-th person, 0 to hv_store_people() - 1; HV_ERROR_ARGUMENT if there is none. HV_ERROR_SLOTS_DAMAGED: not
 * to be used, of *person the identity alone is set. */
hv_status_t hv_store_person(uint32_t index, hv_slots_person_t *person);

/* Makes room for a bundle, and forgets one that was not committed. Everybody stays who is there. */
hv_status_t hv_store_receive(uint32_t size_bytes);

/* The next bytes of the bundle. HV_ERROR_SLOTS_ORDER: no bundle is being received, or not so many bytes are left. */
hv_status_t hv_store_write(const uint8_t bytes[], uint32_t size_bytes);

/* How many bytes hv_store_write() took; 0 when no bundle is being received. */
uint32_t hv_store_received(void);

/* Judges the bundle, and takes the person in: new, or in place of the same one's older bundle. On anything
 * but HV_OK the bundle is forgotten and everybody is as before. */
hv_status_t hv_store_commit(void);

/* Forgets the bundle being received, if there is one. */
void hv_store_abort(void);

/* Forgets a person and erases the weights; HV_ERROR_SLOTS_UNKNOWN if nobody has that id. */
hv_status_t hv_store_remove(const uint8_t user[HV_BUNDLE_USER_BYTES]);

#endif
