/* hv_areas.h: where hv_slots.c finds an unused slot, and how areas are erased without losing who is in them. */
#ifndef HV_AREAS_H
#define HV_AREAS_H

#include "hv_slots.h"

/* Divides data flash; false if there is no room for a person and one update. */
bool hv_areas_divide(hv_slots_t *slots);

/* People there may be, by data flash alone. */
uint32_t hv_areas_most(const hv_slots_t *slots);

/* Where a slot begins in data flash. */
uint32_t hv_areas_offset(const hv_slots_t *slots, uint32_t slot);

/* Finds or makes an unused slot, and says in the journal that it is taken. */
hv_status_t hv_areas_take_slot(hv_slots_t *slots, uint32_t *slot);

/* Erases every area in which something lies that belongs to nobody. */
hv_status_t hv_areas_scrub(hv_slots_t *slots);

/* Erases all blocks of an area, whatever the journal says. */
hv_status_t hv_areas_erase(const hv_slots_t *slots, uint32_t area);

/* Takes a move record into the state: people of area `from` now lie in area `to`, in the same order. */
void hv_areas_moved(hv_slots_t *slots, uint32_t from, uint32_t to);

#endif
