/* hv_store_ram.c: people in RAM, until the next reset. */
#include "hv_store.h"

#if HV_MODEL_PERSON_BYTES > 0u

#include <stdbool.h>
#include <string.h>

#include "hv_bundle.h"

#if defined(__has_include)
#if __has_include("hv_public_key.h")
#include "hv_public_key.h"
#define PUBLIC_KEY hv_public_key
#endif
#endif
#if !defined(PUBLIC_KEY)
#define PUBLIC_KEY NULL /* the kernel was emitted without a key: unsigned bundles are taken */
#endif

#if !defined(HV_STORE_PEOPLE)
#define HV_STORE_PEOPLE 4u
#endif

/* Header, records and signature of a bundle, and room for what later formats add. */
#define BUNDLE_EXTRA_BYTES 512u
#define SLOT_BYTES ((HV_MODEL_PERSON_BYTES + BUNDLE_EXTRA_BYTES + (HV_BUNDLE_ALIGNMENT - 1u)) & ~(HV_BUNDLE_ALIGNMENT - 1u))
#define SLOTS (HV_STORE_PEOPLE + 1u) /* one is always free for the next bundle */

typedef struct {
    _Alignas(HV_BUNDLE_ALIGNMENT) uint8_t bytes[SLOT_BYTES];
} slot_t;

static slot_t slots[SLOTS];

/* slot of each person, then the free ones; people and the slot after them are never the same */
static uint32_t order[SLOTS];
static uint32_t sizes_bytes[SLOTS]; /* by slot */
static uint32_t people;

static uint32_t announced_bytes; /* 0: no bundle is being received */
static uint32_t received_bytes;

static uint8_t *staging(void)
{
    return slots[order[people]].bytes;
}

void hv_store_begin(void)
{
    for (uint32_t i = 0u; i < SLOTS; i++) {
        order[i] = i;
    }
    people = 0u;
    hv_store_abort();
}

uint32_t hv_store_people(void)
{
    return people;
}

uint32_t hv_store_slots(void)
{
    return HV_STORE_PEOPLE;
}

uint32_t hv_store_slot_bytes(void)
{
    return SLOT_BYTES;
}

hv_status_t hv_store_person(uint32_t index, hv_store_person_t *person)
{
    if (index >= people) {
        return HV_ERROR_ARGUMENT;
    }
    person->bytes = slots[order[index]].bytes;
    person->size_bytes = sizes_bytes[order[index]];
    return HV_OK;
}

hv_status_t hv_store_receive(uint32_t size_bytes)
{
    hv_store_abort();
    if ((size_bytes == 0u) || (size_bytes > SLOT_BYTES)) {
        return HV_ERROR_ARGUMENT;
    }
    announced_bytes = size_bytes;
    return HV_OK;
}

hv_status_t hv_store_write(const uint8_t bytes[], uint32_t size_bytes)
{
    if (size_bytes > (announced_bytes - received_bytes)) {
        return HV_ERROR_ARGUMENT;
    }
    (void)memcpy(&staging()[received_bytes], bytes, size_bytes);
    received_bytes += size_bytes;
    return HV_OK;
}

uint32_t hv_store_received(void)
{
    return received_bytes;
}

/* The bundle was checked when it was taken, and lies still: what is read of its header is right. */
static hv_bundle_t opened(const hv_store_person_t *person)
{
    const hv_bundle_t bundle = {.bytes = person->bytes, .size_bytes = person->size_bytes};
    return bundle;
}

const uint8_t *hv_store_user(const hv_store_person_t *person)
{
    const hv_bundle_t bundle = opened(person);
    return hv_bundle_user(&bundle);
}

uint32_t hv_store_version(const hv_store_person_t *person)
{
    const hv_bundle_t bundle = opened(person);
    return hv_bundle_version(&bundle);
}

int32_t hv_store_threshold(const hv_store_person_t *person)
{
    const hv_bundle_t bundle = opened(person);
    return hv_bundle_threshold(&bundle);
}

/* The place of the person with that id; people if nobody has it. */
static uint32_t place_of(const uint8_t user[HV_STORE_USER_BYTES])
{
    uint32_t place = 0u;
    hv_store_person_t person;
    while ((hv_store_person(place, &person) == HV_OK) && (memcmp(hv_store_user(&person), user, HV_STORE_USER_BYTES) != 0)) {
        place++;
    }
    return place;
}

/* Whether this device may take the bundle: whole, for this kernel, signed if the kernel was emitted with a key. */
static hv_status_t admit(const hv_store_person_t *candidate)
{
    static const uint8_t abi[] = HV_MODEL_ABI_HASH;
    const hv_bundle_policy_t policy = {
        .abi = abi,
        .public_key = PUBLIC_KEY,
        .most_bytes = SLOT_BYTES,
        .least_version = 0u, /* hv_store_commit() compares with the same person's */
    };
    const hv_model_person_t *weights = NULL;
    hv_bundle_t bundle;
    const hv_status_t status = hv_bundle_admit(candidate->bytes, candidate->size_bytes, &policy, &bundle);
    return (status == HV_OK) ? hv_model_person_from_bundle(candidate->bytes, candidate->size_bytes, &weights) : status;
}

hv_status_t hv_store_commit(void)
{
    const bool whole = (announced_bytes > 0u) && (received_bytes == announced_bytes);
    const hv_store_person_t candidate = {staging(), received_bytes};
    hv_store_abort();
    if (!whole) {
        return HV_ERROR_BUNDLE_TRUNCATED;
    }
    const hv_status_t status = admit(&candidate); /* then its header can be trusted */
    if (status != HV_OK) {
        return status;
    }
    const uint32_t place = place_of(hv_store_user(&candidate));
    if (place == HV_STORE_PEOPLE) {
        return HV_ERROR_ARGUMENT; /* somebody new, and no room */
    }
    hv_store_person_t installed;
    if ((hv_store_person(place, &installed) == HV_OK) && (hv_store_version(&candidate) < hv_store_version(&installed))) {
        return HV_ERROR_BUNDLE_OLD;
    }
    const uint32_t fresh = order[people];
    sizes_bytes[fresh] = candidate.size_bytes;
    order[people] = order[place]; /* the old bundle's slot is the next free one */
    order[place] = fresh;
    people += (place == people) ? 1u : 0u;
    return HV_OK;
}

void hv_store_abort(void)
{
    announced_bytes = 0u;
    received_bytes = 0u;
}

hv_status_t hv_store_remove(const uint8_t user[HV_STORE_USER_BYTES])
{
    const uint32_t place = place_of(user);
    if (place == people) {
        return HV_ERROR_ARGUMENT;
    }
    hv_store_abort(); /* the free slot becomes another one */
    const uint32_t freed = order[place];
    (void)memset(slots[freed].bytes, 0, SLOT_BYTES); /* biometric data */
    people--;
    for (uint32_t i = place; i < people; i++) {
        order[i] = order[i + 1u];
    }
    order[people] = freed;
    return HV_OK;
}

#endif
