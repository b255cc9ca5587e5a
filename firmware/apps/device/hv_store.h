/* hv_store.h: the people a device knows, whatever memory keeps them. */
#ifndef HV_STORE_H
#define HV_STORE_H

#include <stdint.h>

#include "hv_model.h"

#define HV_STORE_USER_BYTES 16u

/* One person's bundle, in place, checked when it was taken. */
typedef struct {
    const uint8_t *bytes;
    uint32_t size_bytes;
} hv_store_person_t;

/* Once, after reset: the people that are left. */
void hv_store_begin(void);

/* How many people there are, how many there can be, and the largest bundle. */
uint32_t hv_store_people(void);
uint32_t hv_store_slots(void);
uint32_t hv_store_slot_bytes(void);

/* The index-th person, 0 to hv_store_people() - 1; HV_ERROR_ARGUMENT if there is none. */
hv_status_t hv_store_person(uint32_t index, hv_store_person_t *person);

/* Makes room for a bundle, and forgets one that was not committed. Everybody stays who is there. */
hv_status_t hv_store_receive(uint32_t size_bytes);

/* The next bytes of the bundle. HV_ERROR_ARGUMENT: no bundle is being received, or not so many bytes of it are left. */
hv_status_t hv_store_write(const uint8_t bytes[], uint32_t size_bytes);

/* How many bytes hv_store_write() took; 0 when no bundle is being received. */
uint32_t hv_store_received(void);

/* Checks the bundle, and takes the person in: new, or in place of the same one's older bundle. On anything
 * but HV_OK the bundle is forgotten and everybody is as before. */
hv_status_t hv_store_commit(void);

/* Forgets the bundle being received, if there is one. */
void hv_store_abort(void);

/* Forgets a person; HV_ERROR_ARGUMENT if nobody has that id. */
hv_status_t hv_store_remove(const uint8_t user[HV_STORE_USER_BYTES]);

/* The pseudonymous id in a checked bundle, 16 bytes. */
const uint8_t *hv_store_user(const hv_store_person_t *person);

/* What the bundle's header says, 0 where it says nothing. */
uint32_t hv_store_version(const hv_store_person_t *person);
int32_t hv_store_threshold(const hv_store_person_t *person);

#endif
