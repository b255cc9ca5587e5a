/* hv_areas.c: see hv_areas.h. */
#include "hv_areas.h"

#define SLOTS_MOST 255u /* of an area: hv_slots_t counts them in a byte */
#define ALIGNMENT 16u   /* of a bundle */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return (a < b) ? a : b;
}

bool hv_areas_divide(hv_slots_t *slots)
{
    const hv_flash_t *const data = &slots->config->data;
    const uint32_t unit = (data->write_bytes > ALIGNMENT) ? data->write_bytes : ALIGNMENT;
    slots->slot_bytes = hv_flash_whole(slots->config->most_bytes, unit);
    const uint32_t fitting = data->block_bytes / slots->slot_bytes;
    slots->area_slots = (fitting == 0u) ? 1u : smaller(fitting, SLOTS_MOST);
    slots->area_blocks = (fitting == 0u) ? (hv_flash_whole(slots->slot_bytes, data->block_bytes) / data->block_bytes) : 1u;
    const uint32_t areas = data->blocks / slots->area_blocks;
    slots->area_count = smaller(areas, HV_SLOTS_AREAS);
    return slots->area_count >= 2u;
}

uint32_t hv_areas_most(const hv_slots_t *slots)
{
    const uint32_t room = (slots->area_count - 1u) * slots->area_slots;
    /* With one slot an area, the empty area takes the update; else an unused slot elsewhere does. */
    return (slots->area_slots == 1u) ? room : (room - 1u);
}

static uint32_t area_offset(const hv_slots_t *slots, uint32_t area)
{
    return area * slots->area_blocks * slots->config->data.block_bytes;
}

uint32_t hv_areas_offset(const hv_slots_t *slots, uint32_t slot)
{
    return area_offset(slots, slot / slots->area_slots) + ((slot % slots->area_slots) * slots->slot_bytes);
}

/* The person in a slot; user_count if there is none. */
static uint32_t person_in(const hv_slots_t *slots, uint32_t slot)
{
    uint32_t found = slots->user_count;
    for (uint32_t i = 0; i < slots->user_count; ++i) {
        if ((slots->users[i].kind == (uint8_t)HV_RECORD_PERSON) && (slots->users[i].slot == slot)) {
            found = i;
        }
    }
    return found;
}

static uint32_t people_in(const hv_slots_t *slots, uint32_t area)
{
    uint32_t people = 0;
    for (uint32_t i = 0; i < slots->user_count; ++i) {
        if ((slots->users[i].kind == (uint8_t)HV_RECORD_PERSON) && ((slots->users[i].slot / slots->area_slots) == area)) {
            people += 1u;
        }
    }
    return people;
}

/* Slots of an area that hold what belongs to nobody. */
static uint32_t dead_in(const hv_slots_t *slots, uint32_t area)
{
    const uint32_t people = people_in(slots, area);
    return (slots->taken[area] > people) ? (slots->taken[area] - people) : 0u;
}

/* Says in the journal how many of an area's slots may hold something. */
static hv_status_t say_taken(hv_slots_t *slots, uint32_t area, uint32_t taken)
{
    const hv_record_t record = {.kind = HV_RECORD_AREA, .place = (uint16_t)area, .number = taken};
    return hv_journal_append(&slots->journal, &record);
}

hv_status_t hv_areas_erase(const hv_slots_t *slots, uint32_t area)
{
    return hv_flash_erase(&slots->config->data, area * slots->area_blocks, slots->area_blocks);
}

/* Erases an area without people. A cut may leave anything in it: so all of it is said to be taken before. */
static hv_status_t clean(hv_slots_t *slots, uint32_t area)
{
    hv_status_t status = HV_OK;
    if (slots->taken[area] == 0u) {
        return HV_OK;
    }
    if (slots->taken[area] != slots->area_slots) {
        status = say_taken(slots, area, slots->area_slots);
    }
    if (status == HV_OK) {
        status = hv_areas_erase(slots, area);
    }
    return (status == HV_OK) ? say_taken(slots, area, 0) : status;
}

/* Copies a slot by way of RAM: some flash cannot be read while it is programmed. */
static hv_status_t copy_slot(const hv_slots_t *slots, uint32_t from, uint32_t to, uint32_t size_bytes)
{
    const hv_flash_t *const data = &slots->config->data;
    const uint8_t *const source = &data->base[hv_areas_offset(slots, from)];
    const uint32_t target = hv_areas_offset(slots, to);
    uint8_t bytes[HV_FLASH_WRITE_MOST];
    for (uint32_t at = 0; at < size_bytes; at += HV_FLASH_WRITE_MOST) {
        const uint32_t size = smaller(slots->slot_bytes - at, HV_FLASH_WRITE_MOST);
        for (uint32_t i = 0; i < size; ++i) {
            bytes[i] = source[at + i];
        }
        if ((data->program(data->context, target + at, bytes, size) != HV_OK) || !hv_flash_reads_back(data, target + at, bytes, size)) {
            return HV_ERROR_FLASH; /* and nobody has moved */
        }
    }
    return HV_OK;
}

/* Copies an area's people into the first slots of a clean one; damaged ones as they are. */
static hv_status_t copy_people(const hv_slots_t *slots, uint32_t from, uint32_t to)
{
    uint32_t target = to * slots->area_slots;
    for (uint32_t i = 0; i < slots->area_slots; ++i) {
        const uint32_t slot = (from * slots->area_slots) + i;
        const uint32_t person = person_in(slots, slot);
        if (person < slots->user_count) {
            hv_record_t record;
            const bool known = hv_journal_read(&slots->journal, slots->users[person].position, &record);
            const uint32_t size_bytes = known ? record.size_bytes : slots->slot_bytes;
            const hv_status_t status = copy_slot(slots, slot, target, size_bytes);
            if (status != HV_OK) {
                return status;
            }
            target += 1u;
        }
    }
    return HV_OK;
}

void hv_areas_moved(hv_slots_t *slots, uint32_t from, uint32_t to)
{
    uint32_t target = to * slots->area_slots;
    for (uint32_t i = 0; i < slots->area_slots; ++i) {
        const uint32_t person = person_in(slots, (from * slots->area_slots) + i);
        if (person < slots->user_count) {
            slots->users[person].slot = (uint16_t)target;
            target += 1u;
        }
    }
}

/* Moves an area's people to one that has none, all by one record, and erases the area. */
static hv_status_t gather(hv_slots_t *slots, uint32_t from, uint32_t to)
{
    hv_status_t status = clean(slots, to);
    if (status == HV_OK) {
        status = say_taken(slots, to, slots->area_slots);
    }
    if (status == HV_OK) {
        status = copy_people(slots, from, to);
    }
    if (status == HV_OK) {
        const hv_record_t move = {.kind = HV_RECORD_MOVE, .place = (uint16_t)from, .number = to, .size_bytes = people_in(slots, from)};
        status = hv_journal_append(&slots->journal, &move);
    }
    return (status == HV_OK) ? clean(slots, from) : status;
}

/* The first area without people behind `after`, round and round, and how many there are. */
static uint32_t find_empty(const hv_slots_t *slots, uint32_t after, uint32_t *count)
{
    uint32_t found = slots->area_count;
    *count = 0;
    for (uint32_t i = 1; i <= slots->area_count; ++i) {
        const uint32_t area = (after + i) % slots->area_count;
        if (people_in(slots, area) == 0u) {
            found = (found == slots->area_count) ? area : found;
            *count += 1u;
        }
    }
    return found;
}

/* An area that has erased slots behind taken ones, and whose use leaves another area without people. */
static uint32_t find_begun(const hv_slots_t *slots, uint32_t empty_count)
{
    for (uint32_t i = 0; i < slots->area_count; ++i) {
        const uint32_t area = (slots->cursor + i) % slots->area_count;
        const bool begun = (slots->taken[area] != 0u) && (slots->taken[area] < slots->area_slots);
        if (begun && ((empty_count >= 2u) || (people_in(slots, area) != 0u))) {
            return area;
        }
    }
    return slots->area_count;
}

/* The area with people that has most to give up; area_count if none has anything. */
static uint32_t find_dead(const hv_slots_t *slots)
{
    uint32_t found = slots->area_count;
    uint32_t most = 0;
    for (uint32_t i = 1; i <= slots->area_count; ++i) {
        const uint32_t area = (slots->cursor + i) % slots->area_count;
        const uint32_t dead = dead_in(slots, area);
        if ((people_in(slots, area) != 0u) && (dead > most)) {
            found = area;
            most = dead;
        }
    }
    return found;
}

/* Finds an area with an unused slot, or makes one; *area is area_count if that cannot be done. */
static hv_status_t make_room(hv_slots_t *slots, uint32_t *area)
{
    uint32_t empty_count;
    const uint32_t empty = find_empty(slots, slots->cursor, &empty_count);
    *area = find_begun(slots, empty_count);
    if ((*area < slots->area_count) || (empty_count == 0u)) {
        return HV_OK;
    }
    if ((empty_count >= 2u) || (slots->area_slots == 1u)) {
        *area = empty;
        return clean(slots, empty);
    }
    const uint32_t dead = find_dead(slots);
    if (dead == slots->area_count) {
        return HV_OK;
    }
    *area = empty;
    return gather(slots, dead, empty);
}

hv_status_t hv_areas_take_slot(hv_slots_t *slots, uint32_t *slot)
{
    uint32_t area;
    const hv_status_t status = make_room(slots, &area);
    if (status != HV_OK) {
        return status;
    }
    if (area == slots->area_count) {
        return HV_ERROR_SLOTS_FULL;
    }
    *slot = (area * slots->area_slots) + slots->taken[area];
    return say_taken(slots, area, slots->taken[area] + 1u);
}

hv_status_t hv_areas_scrub(hv_slots_t *slots)
{
    hv_status_t status = HV_OK;
    for (uint32_t area = 0; (area < slots->area_count) && (status == HV_OK); ++area) {
        if (people_in(slots, area) == 0u) {
            status = clean(slots, area);
        } else if (dead_in(slots, area) != 0u) {
            uint32_t empty_count;
            const uint32_t empty = find_empty(slots, area, &empty_count);
            status = (empty_count != 0u) ? gather(slots, area, empty) : HV_ERROR_SLOTS_FULL;
        } else {
            /* all of it is in use */
        }
    }
    return status;
}
