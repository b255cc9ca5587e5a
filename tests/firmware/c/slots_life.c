/* slots_life.c: people of a board, by the board's own flash driver; the judge takes everybody. */
#include "hv_slots.h"
#include "hv_storage.h"

#define BUNDLE_BYTES 600u

hv_status_t life_mount(void);
hv_status_t life_install(uint32_t who, uint32_t version);
uint32_t life_version(uint32_t who);

static hv_slots_t slots;
static hv_slots_config_t config;
static uint8_t bundle[BUNDLE_BYTES];

static hv_status_t admit(void *context, const uint8_t bytes[], uint32_t size_bytes, hv_slots_identity_t *identity)
{
    (void)context;
    (void)size_bytes;
    for (uint32_t i = 0u; i < HV_JOURNAL_USER_BYTES; i++) {
        identity->user[i] = bytes[i];
    }
    identity->version = bytes[HV_JOURNAL_USER_BYTES];
    return HV_OK;
}

static void fill(uint32_t who, uint32_t version)
{
    for (uint32_t i = 0u; i < BUNDLE_BYTES; i++) {
        bundle[i] = (uint8_t)((i <= HV_JOURNAL_USER_BYTES) ? who : (who + (version * i)));
    }
    bundle[HV_JOURNAL_USER_BYTES] = (uint8_t)version;
}

hv_status_t life_mount(void)
{
    config.journal = hv_storage_journal();
    config.data = hv_storage_data();
    config.most_bytes = BUNDLE_BYTES;
    config.admit = admit;
    const hv_status_t status = hv_slots_mount(&slots, &config);
    return (status == HV_ERROR_SLOTS_NONE) ? hv_slots_format(&slots, &config) : status;
}

hv_status_t life_install(uint32_t who, uint32_t version)
{
    fill(who, version);
    hv_status_t status = hv_slots_begin(&slots, BUNDLE_BYTES);
    if (status == HV_OK) {
        status = hv_slots_write(&slots, bundle, BUNDLE_BYTES);
    }
    return (status == HV_OK) ? hv_slots_commit(&slots) : status;
}

/* A person's version; 0 if there is no such person, 1000 if the bytes are not that version's. */
uint32_t life_version(uint32_t who)
{
    for (uint32_t i = 0u; i < hv_slots_count(&slots); i++) {
        hv_slots_person_t person;
        const hv_status_t status = hv_slots_person(&slots, i, &person);
        if (person.identity.user[0] == who) {
            bool same = (status == HV_OK) && (person.size_bytes == BUNDLE_BYTES);
            fill(who, person.identity.version);
            for (uint32_t k = 0u; (k < BUNDLE_BYTES) && same; k++) {
                same = person.bundle[k] == bundle[k];
            }
            return same ? person.identity.version : 1000u;
        }
    }
    return 0u;
}
