/* hv_store.c: see hv_store.h. */
#include "hv_store.h"

#include "hv_model.h"

#if HV_MODEL_PERSON_BYTES > 0u

#include <stddef.h>
#include <string.h>

#include "hv_storage.h"

/* A folder that was emitted with a key has it; without one, bundles are taken unsigned. */
#if !defined(__has_include)
#error "this compiler cannot say whether hv_public_key.h is there, and without it bundles would be taken unsigned"
#endif
#if __has_include("hv_public_key.h")
#include "hv_public_key.h"
#define PUBLIC_KEY hv_public_key
#else
#define PUBLIC_KEY NULL
#endif

_Static_assert(HV_JOURNAL_USER_BYTES == HV_BUNDLE_USER_BYTES, "one user id in the bundle and in the journal");

static hv_slots_t slots;
static hv_slots_config_t config;
static hv_status_t mounted; /* why there is nobody, if it is not HV_OK */
static uint32_t announced_bytes;
static uint32_t received_bytes;

/* Whether this device may take a bundle; whether it is older than the installed one is hv_slots.c's part. */
static hv_status_t admit(void *context, const uint8_t bundle[], uint32_t size_bytes, hv_slots_identity_t *identity)
{
    static const uint8_t abi[] = HV_MODEL_ABI_HASH;
    const hv_bundle_policy_t policy = {
        .abi = abi,
        .public_key = PUBLIC_KEY,
        .most_bytes = HV_STORAGE_BUNDLE_BYTES,
        .least_version = 0u,
    };
    const hv_model_person_t *weights = NULL;
    hv_bundle_t whole;
    (void)context;
    hv_status_t status = hv_bundle_admit(bundle, size_bytes, &policy, &whole);
    if (status == HV_OK) {
        status = hv_model_person_from_bundle(bundle, size_bytes, &weights);
    }
    if (status == HV_OK) {
        identity->version = hv_bundle_version(&whole);
        (void)memcpy(identity->user, hv_bundle_user(&whole), HV_BUNDLE_USER_BYTES);
    }
    return status;
}

void hv_store_begin(void)
{
    config.journal = hv_storage_journal();
    config.data = hv_storage_data();
    config.most_bytes = HV_STORAGE_BUNDLE_BYTES;
    config.admit = admit;
    config.context = NULL;
    hv_store_abort();
    mounted = hv_slots_mount(&slots, &config);
    if (mounted == HV_ERROR_SLOTS_NONE) {
        mounted = hv_slots_format(&slots, &config);
    }
}

/* Mounts again after an error of flash, which nobody but who was being written shall suffer from. */
static hv_status_t ready(void)
{
    if (!slots.mounted) {
        mounted = hv_slots_mount(&slots, &config);
    }
    return mounted;
}

uint32_t hv_store_people(void)
{
    return slots.mounted ? hv_slots_people(&slots) : 0u;
}

uint32_t hv_store_slots(void)
{
    return (mounted == HV_OK) ? hv_slots_most(&slots) : 0u;
}

uint32_t hv_store_slot_bytes(void)
{
    return HV_STORAGE_BUNDLE_BYTES;
}

hv_status_t hv_store_person(uint32_t index, hv_slots_person_t *person)
{
    uint32_t left = index;
    for (uint32_t i = 0u; i < hv_slots_count(&slots); i++) {
        if (!hv_slots_is_person(&slots, i)) {
            continue; /* was removed */
        }
        if (left == 0u) {
            return hv_slots_person(&slots, i, person);
        }
        left--;
    }
    return HV_ERROR_ARGUMENT;
}

hv_status_t hv_store_receive(uint32_t size_bytes)
{
    hv_store_abort();
    hv_status_t status = ready();
    if (status == HV_OK) {
        status = hv_slots_begin(&slots, size_bytes);
        (void)ready();
    }
    announced_bytes = (status == HV_OK) ? size_bytes : 0u;
    return status;
}

hv_status_t hv_store_write(const uint8_t bytes[], uint32_t size_bytes)
{
    if (size_bytes > (announced_bytes - received_bytes)) {
        return HV_ERROR_SLOTS_ORDER; /* and what came before is kept */
    }
    const hv_status_t status = hv_slots_write(&slots, bytes, size_bytes);
    received_bytes += (status == HV_OK) ? size_bytes : 0u;
    return status;
}

uint32_t hv_store_received(void)
{
    return received_bytes;
}

hv_status_t hv_store_commit(void)
{
    const bool whole = (announced_bytes > 0u) && (received_bytes == announced_bytes);
    if (!whole) {
        hv_store_abort();
        return HV_ERROR_BUNDLE_TRUNCATED;
    }
    announced_bytes = 0u;
    received_bytes = 0u;
    const hv_status_t status = hv_slots_commit(&slots);
    (void)ready();
    return status;
}

void hv_store_abort(void)
{
    hv_slots_abort(&slots);
    announced_bytes = 0u;
    received_bytes = 0u;
}

hv_status_t hv_store_remove(const uint8_t user[HV_BUNDLE_USER_BYTES])
{
    hv_store_abort();
    hv_status_t status = ready();
    if (status == HV_OK) {
        status = hv_slots_remove(&slots, user);
        (void)ready();
    }
    return status;
}

#endif
