/* hv_slots_state.c: see hv_slots_state.h. */
#include "hv_slots_state.h"

#include "hv_areas.h"

static bool same_user(const uint8_t a[HV_JOURNAL_USER_BYTES], const uint8_t b[HV_JOURNAL_USER_BYTES])
{
    uint32_t different = 0;
    for (uint32_t i = 0; i < HV_JOURNAL_USER_BYTES; ++i) {
        different |= (uint32_t)a[i] ^ (uint32_t)b[i];
    }
    return different == 0u;
}

uint32_t hv_slots_find(const hv_slots_t *slots, const uint8_t user[HV_JOURNAL_USER_BYTES], hv_record_t *record, bool *damaged)
{
    *damaged = false;
    for (uint32_t i = 0; i < slots->user_count; ++i) {
        if (!hv_journal_read(&slots->journal, slots->users[i].position, record)) {
            *damaged = true;
        } else if (same_user(record->user, user)) {
            return i;
        } else {
            /* somebody else */
        }
    }
    return slots->user_count;
}

uint32_t hv_slots_people(const hv_slots_t *slots)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < slots->user_count; ++i) {
        count += (slots->users[i].kind == (uint8_t)HV_RECORD_PERSON) ? 1u : 0u;
    }
    return count;
}

uint32_t hv_slots_users_most(const hv_slots_t *slots)
{
    const uint32_t entries = hv_journal_snapshot_most(&slots->config->journal);
    const uint32_t room = (entries > slots->area_count) ? (entries - slots->area_count) : 0u;
    return (room < HV_SLOTS_USERS) ? room : HV_SLOTS_USERS;
}

static void apply_user(hv_slots_t *slots, const hv_record_t *record, uint32_t position)
{
    hv_record_t known;
    bool damaged;
    const uint32_t number = hv_slots_find(slots, record->user, &known, &damaged);
    if (number >= HV_SLOTS_USERS) {
        slots->journal.lost = true; /* only records that no commit has written */
        return;
    }
    slots->user_count = (number == slots->user_count) ? (number + 1u) : slots->user_count;
    const uint32_t area = record->place / slots->area_slots;
    const uint32_t least = (record->place % slots->area_slots) + 1u;
    if ((record->kind == HV_RECORD_PERSON) && (slots->taken[area] < least)) {
        slots->taken[area] = (uint8_t)least; /* only if the entry that said so is lost */
    }
    slots->users[number].position = (uint16_t)position;
    slots->users[number].slot = record->place;
    slots->users[number].kind = (uint8_t)record->kind;
}

void hv_slots_reset(hv_slots_t *slots)
{
    slots->user_count = 0;
    for (uint32_t area = 0; area < HV_SLOTS_AREAS; ++area) {
        slots->taken[area] = (uint8_t)slots->area_slots; /* until a record says otherwise */
    }
}

/* Whether the places that a record names exist. */
static bool is_within(const hv_slots_t *slots, const hv_record_t *record)
{
    switch (record->kind) {
    case HV_RECORD_PERSON:
        return record->place < (slots->area_count * slots->area_slots);
    case HV_RECORD_AREA:
        return (record->place < slots->area_count) && (record->number <= slots->area_slots);
    case HV_RECORD_MOVE:
        return (record->place < slots->area_count) && (record->number < slots->area_count) && (record->size_bytes <= slots->area_slots);
    case HV_RECORD_SEAL:
        return record->number == slots->journal.layout;
    default:
        return true;
    }
}

void hv_slots_apply(void *owner, const hv_record_t *record, uint32_t position)
{
    hv_slots_t *const slots = owner;
    if (!is_within(slots, record)) {
        slots->foreign = true;
        return;
    }
    switch (record->kind) {
    case HV_RECORD_RESET:
        hv_slots_reset(slots);
        break;
    case HV_RECORD_PERSON:
    case HV_RECORD_FLOOR:
    case HV_RECORD_GONE:
        apply_user(slots, record, position);
        break;
    case HV_RECORD_AREA:
        slots->taken[record->place] = (uint8_t)record->number;
        slots->cursor = record->place;
        break;
    case HV_RECORD_MOVE:
        hv_areas_moved(slots, record->place, record->number);
        slots->taken[record->number] = (uint8_t)record->size_bytes;
        break;
    case HV_RECORD_SEAL:
    default:
        break;
    }
}

hv_status_t hv_slots_snapshot(void *owner, hv_journal_t *fresh)
{
    const hv_slots_t *const slots = owner;
    hv_status_t status = slots->foreign ? HV_ERROR_SLOTS_LAYOUT : HV_OK;
    for (uint32_t i = 0; (i < slots->user_count) && (status == HV_OK); ++i) {
        hv_record_t record;
        status = hv_journal_read(&slots->journal, slots->users[i].position, &record) ? HV_OK : HV_ERROR_SLOTS_DAMAGED;
        record.place = slots->users[i].slot; /* it may have moved */
        if (status == HV_OK) {
            status = hv_journal_put(fresh, &record);
        }
    }
    for (uint32_t i = 1; (i <= slots->area_count) && (status == HV_OK); ++i) {
        const uint32_t area = (slots->cursor + i) % slots->area_count; /* so that the cursor is last */
        const hv_record_t record = {.kind = HV_RECORD_AREA, .place = (uint16_t)area, .number = slots->taken[area]};
        status = hv_journal_put(fresh, &record);
    }
    return status;
}
