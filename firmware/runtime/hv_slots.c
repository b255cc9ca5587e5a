/* hv_slots.c: see hv_slots.h. */
#include "hv_slots.h"

#include "hv_areas.h"
#include "hv_crc.h"
#include "hv_slots_state.h"

#include <stddef.h>

static hv_status_t prepare(hv_slots_t *slots, const hv_slots_config_t *config)
{
    if ((slots == NULL) || (config == NULL) || (config->admit == NULL) || (config->most_bytes == 0u)) {
        return HV_ERROR_ARGUMENT;
    }
    slots->config = config;
    slots->mounted = false;
    slots->open = false;
    slots->foreign = false;
    slots->cursor = 0;
    const bool usable = hv_flash_is_usable(&config->journal) && hv_flash_is_usable(&config->data);
    if (!usable || (config->journal.blocks < 2u) || (hv_journal_positions(&config->journal) > UINT16_MAX)) {
        return HV_ERROR_ARGUMENT;
    }
    if (!hv_areas_divide(slots) || (hv_slots_users_most(slots) == 0u)) {
        return HV_ERROR_ARGUMENT;
    }
    slots->journal.flash = &config->journal;
    slots->journal.owner = slots;
    slots->journal.apply = hv_slots_apply;
    slots->journal.snapshot = hv_slots_snapshot;
    const uint32_t layout[4] = {slots->slot_bytes, slots->area_slots, slots->area_blocks, slots->area_count};
    slots->journal.layout = hv_crc32(0, (const uint8_t *)layout, sizeof layout);
    return HV_OK;
}

/* Adds a record about a user. */
static hv_status_t append_user(hv_slots_t *slots, const hv_record_t *known, hv_record_kind_t kind)
{
    hv_record_t record = *known;
    record.kind = kind;
    return hv_journal_append(&slots->journal, &record);
}

/* Erases what people who are being removed have left, and says that it is done. */
static hv_status_t finish_removing(hv_slots_t *slots)
{
    hv_status_t status = HV_OK;
    bool scrubbed = false;
    for (uint32_t i = 0; (i < slots->user_count) && (status == HV_OK); ++i) {
        if (slots->users[i].kind != (uint8_t)HV_RECORD_FLOOR) {
            continue;
        }
        status = scrubbed ? HV_OK : hv_areas_scrub(slots);
        scrubbed = true;
        if (status == HV_ERROR_SLOTS_FULL) {
            return HV_OK; /* no empty area, as when the journal has lost an entry: they stay as being removed */
        }
        hv_record_t record;
        if ((status == HV_OK) && hv_journal_read(&slots->journal, slots->users[i].position, &record)) {
            status = append_user(slots, &record, HV_RECORD_GONE);
        }
    }
    return status;
}

/* After anything but HV_OK from flash, what RAM knows may not be what flash says: only mounting helps. */
static hv_status_t keep(hv_slots_t *slots, hv_status_t status)
{
    if ((status == HV_ERROR_FLASH) || (status == HV_ERROR_SLOTS_DAMAGED)) {
        slots->mounted = false;
        slots->open = false;
    }
    return status;
}

hv_status_t hv_slots_mount(hv_slots_t *slots, const hv_slots_config_t *config)
{
    hv_status_t status = prepare(slots, config);
    if (status == HV_OK) {
        status = hv_journal_open(&slots->journal);
    }
    if ((status == HV_OK) && slots->foreign) {
        status = HV_ERROR_SLOTS_LAYOUT;
    }
    if (status == HV_OK) {
        status = finish_removing(slots);
    }
    if (status == HV_OK) {
        slots->mounted = true;
    }
    return status;
}

hv_status_t hv_slots_format(hv_slots_t *slots, const hv_slots_config_t *config)
{
    hv_status_t status = prepare(slots, config);
    if (status == HV_OK) {
        status = hv_journal_wipe(&slots->journal);
    }
    if (status == HV_OK) {
        hv_slots_reset(slots);
    }
    for (uint32_t area = 0; (status == HV_OK) && (area < slots->area_count); ++area) {
        status = hv_areas_erase(slots, area);
        slots->taken[area] = 0;
    }
    if (status == HV_OK) {
        status = hv_journal_create(&slots->journal);
    }
    if (status == HV_OK) {
        slots->mounted = true;
    }
    return status;
}

hv_status_t hv_slots_begin(hv_slots_t *slots, uint32_t size_bytes)
{
    if (!slots->mounted) {
        return HV_ERROR_FLASH;
    }
    slots->open = false;
    if ((size_bytes == 0u) || (size_bytes > slots->config->most_bytes)) {
        return HV_ERROR_BUNDLE_SIZE;
    }
    const hv_status_t status = keep(slots, hv_areas_take_slot(slots, &slots->open_slot));
    if (status == HV_OK) {
        slots->open = true;
        slots->open_bytes = size_bytes;
        slots->written = 0;
        slots->crc = 0;
        slots->staged_bytes = 0;
    }
    return status;
}

/* Programs what is staged, padded; a unit at a time. */
static hv_status_t flush(hv_slots_t *slots)
{
    const hv_flash_t *const data = &slots->config->data;
    const uint32_t at = hv_areas_offset(slots, slots->open_slot) + (slots->written - slots->staged_bytes);
    for (uint32_t i = slots->staged_bytes; i < HV_FLASH_WRITE_MOST; ++i) {
        slots->staged[i] = HV_FLASH_ERASED;
    }
    const uint32_t size_bytes = hv_flash_whole(slots->staged_bytes, data->write_bytes);
    slots->staged_bytes = 0;
    return (data->program(data->context, at, slots->staged, size_bytes) == HV_OK) ? HV_OK : HV_ERROR_FLASH;
}

hv_status_t hv_slots_write(hv_slots_t *slots, const uint8_t bytes[], uint32_t size_bytes)
{
    if (!slots->open || (size_bytes > (slots->open_bytes - slots->written))) {
        slots->open = false;
        return HV_ERROR_SLOTS_ORDER;
    }
    slots->crc = hv_crc32(slots->crc, bytes, size_bytes);
    hv_status_t status = HV_OK;
    for (uint32_t i = 0; (i < size_bytes) && (status == HV_OK); ++i) {
        slots->staged[slots->staged_bytes] = bytes[i];
        slots->staged_bytes += 1u;
        slots->written += 1u;
        if (slots->staged_bytes == HV_FLASH_WRITE_MOST) {
            status = flush(slots);
        }
    }
    slots->open = (status == HV_OK);
    return status;
}

/* Whether a version may take the place of what is known of its user, and there is room for one more person. */
static hv_status_t may_enter(const hv_slots_t *slots, const hv_slots_identity_t *identity)
{
    hv_record_t known;
    bool damaged;
    const uint32_t number = hv_slots_find(slots, identity->user, &known, &damaged);
    const bool is_new = number == slots->user_count;
    const bool present = !is_new && (slots->users[number].kind == (uint8_t)HV_RECORD_PERSON);
    uint32_t least;
    const hv_status_t status = hv_slots_least_version(slots, identity->user, &least);
    if (status != HV_OK) {
        return status;
    }
    if (identity->version < least) {
        return HV_ERROR_BUNDLE_OLD;
    }
    if (is_new && (slots->user_count >= hv_slots_users_most(slots))) {
        return HV_ERROR_SLOTS_USERS;
    }
    return (!present && (hv_slots_people(slots) >= hv_slots_most(slots))) ? HV_ERROR_SLOTS_FULL : HV_OK;
}

hv_status_t hv_slots_commit(hv_slots_t *slots)
{
    if (!slots->open || (slots->written != slots->open_bytes)) {
        slots->open = false;
        return HV_ERROR_SLOTS_ORDER;
    }
    slots->open = false;
    if ((slots->staged_bytes != 0u) && (flush(slots) != HV_OK)) {
        return HV_ERROR_FLASH;
    }
    const uint8_t *const bundle = &slots->config->data.base[hv_areas_offset(slots, slots->open_slot)];
    if (hv_crc32(0, bundle, slots->written) != slots->crc) {
        return HV_ERROR_FLASH;
    }
    hv_slots_identity_t identity;
    hv_status_t status = slots->config->admit(slots->config->context, bundle, slots->written, &identity);
    if (status == HV_OK) {
        status = may_enter(slots, &identity);
    }
    if (status == HV_OK) {
        hv_record_t record = {.kind = HV_RECORD_PERSON, .place = (uint16_t)slots->open_slot, .number = identity.version, .size_bytes = slots->written, .crc = slots->crc};
        for (uint32_t i = 0; i < HV_JOURNAL_USER_BYTES; ++i) {
            record.user[i] = identity.user[i];
        }
        status = keep(slots, hv_journal_append(&slots->journal, &record));
    }
    return status;
}

void hv_slots_abort(hv_slots_t *slots)
{
    slots->open = false;
}

hv_status_t hv_slots_remove(hv_slots_t *slots, const uint8_t user[HV_JOURNAL_USER_BYTES])
{
    hv_record_t known;
    bool damaged;
    if (!slots->mounted) {
        return HV_ERROR_FLASH;
    }
    slots->open = false;
    const uint32_t number = hv_slots_find(slots, user, &known, &damaged);
    if ((number == slots->user_count) || (slots->users[number].kind != (uint8_t)HV_RECORD_PERSON)) {
        return HV_ERROR_SLOTS_UNKNOWN;
    }
    hv_status_t status = append_user(slots, &known, HV_RECORD_FLOOR);
    if (status == HV_OK) {
        status = finish_removing(slots);
    }
    return keep(slots, status);
}

uint32_t hv_slots_most(const hv_slots_t *slots)
{
    const uint32_t users = hv_slots_users_most(slots);
    const uint32_t room = hv_areas_most(slots);
    return (room < users) ? room : users;
}

uint32_t hv_slots_count(const hv_slots_t *slots)
{
    return slots->mounted ? slots->user_count : 0u;
}

bool hv_slots_is_person(const hv_slots_t *slots, uint32_t number)
{
    return slots->users[number].kind == (uint8_t)HV_RECORD_PERSON;
}

hv_status_t hv_slots_person(const hv_slots_t *slots, uint32_t number, hv_slots_person_t *person)
{
    if (!slots->mounted || (number >= slots->user_count)) {
        return HV_ERROR_ARGUMENT;
    }
    if (!hv_slots_is_person(slots, number)) {
        return HV_ERROR_SLOTS_UNKNOWN;
    }
    hv_record_t record = {.kind = HV_RECORD_PERSON};
    const bool known = hv_journal_read(&slots->journal, slots->users[number].position, &record);
    person->bundle = &slots->config->data.base[hv_areas_offset(slots, slots->users[number].slot)];
    person->size_bytes = record.size_bytes;
    person->identity.version = record.number;
    for (uint32_t i = 0; i < HV_JOURNAL_USER_BYTES; ++i) {
        person->identity.user[i] = record.user[i];
    }
    const bool whole = known && (hv_crc32(0, person->bundle, person->size_bytes) == record.crc);
    return whole ? HV_OK : HV_ERROR_SLOTS_DAMAGED;
}

hv_status_t hv_slots_least_version(const hv_slots_t *slots, const uint8_t user[HV_JOURNAL_USER_BYTES], uint32_t *version)
{
    hv_record_t known;
    bool damaged;
    const uint32_t number = hv_slots_find(slots, user, &known, &damaged);
    if (number == slots->user_count) {
        *version = 0;
        return damaged ? HV_ERROR_SLOTS_DAMAGED : HV_OK;
    }
    const bool present = slots->users[number].kind == (uint8_t)HV_RECORD_PERSON;
    *version = (present || (known.number == UINT32_MAX)) ? known.number : (known.number + 1u);
    return HV_OK;
}
