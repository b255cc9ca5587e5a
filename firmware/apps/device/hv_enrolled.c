/* hv_enrolled.c: see hv_enrolled.h. */
#include "hv_enrolled.h"

#include <stddef.h>
#include <string.h>

#include "hv_model.h"
#include "hv_vectors.h"

#define AT_BYTES 4u
#if HV_MODEL_PERSON_BYTES > 0u
#define LAST_KIND ((uint32_t)HV_LINK_WHO)
#else
#define LAST_KIND ((uint32_t)HV_LINK_SELFTEST)
#endif

bool hv_enrolled_knows(uint32_t kind)
{
    return (kind >= (uint32_t)HV_LINK_PING) && (kind <= LAST_KIND);
}

#if HV_MODEL_PERSON_BYTES > 0u

#include "hv_board.h"
#include "hv_bundle.h"
#include "hv_store.h"

#define PERSON_BYTES 4u
#define ENTRY_BYTES 32u
#define TESTED_BYTES 28u
#define KNOWN_ANSWER_BYTES 16u /* seed, score, norm squared, accepted */

/* Everybody's weights, NULL of those whose bundle is damaged; they were all checked since anybody last changed. */
static const hv_model_person_t *everybody[HV_SLOTS_USERS];
static bool everybody_is_known;
static uint32_t next_checked;

void hv_enrolled_begin(void)
{
    hv_store_begin();
    everybody_is_known = false;
}

hv_status_t hv_enrolled_find(uint32_t number, const void **person)
{
    hv_slots_person_t stored;
    const hv_model_person_t *weights = NULL;
    hv_status_t status = hv_store_person(number, &stored);
    if (status == HV_OK) {
        status = hv_model_person_from_bundle(stored.bundle, stored.size_bytes, &weights);
    }
    if (status == HV_OK) {
        *person = weights;
    }
    return status;
}

static void check_person(uint32_t number)
{
    const void *weights = NULL;
    everybody[number] = (hv_enrolled_find(number, &weights) == HV_OK) ? weights : NULL;
    hv_board_kick(); /* a CRC of a bundle takes a while */
}

uint32_t hv_enrolled_everybody(const hv_model_person_t *const **people)
{
    const uint32_t stored = hv_store_people();
    const uint32_t count = (stored < HV_SLOTS_USERS) ? stored : HV_SLOTS_USERS;
    if (!everybody_is_known) {
        for (uint32_t i = 0u; i < count; i++) {
            check_person(i);
        }
        everybody_is_known = true;
    } else if (count > 0u) {
        next_checked = (next_checked + 1u) % count;
        check_person(next_checked);
    } else {
        /* nobody */
    }
    *people = everybody;
    return count;
}

void hv_enrolled_identify(uint8_t data[8])
{
    hv_link_put_u16(data, hv_store_people());
    hv_link_put_u16(&data[2], hv_store_slots());
    hv_link_put_u32(&data[4], hv_store_slot_bytes());
}

/* The known answer in a person's bundle, and the person's weights. */
static hv_status_t find_known(uint32_t number, const uint8_t **known, const hv_model_person_t **person)
{
    hv_slots_person_t stored;
    hv_bundle_t bundle;
    uint32_t size_bytes = 0u;
    hv_status_t status = hv_store_person(number, &stored);
    if (status == HV_OK) {
        status = hv_model_person_from_bundle(stored.bundle, stored.size_bytes, person);
    }
    if (status == HV_OK) {
        status = hv_bundle_open(stored.bundle, stored.size_bytes, &bundle);
    }
    if (status == HV_OK) {
        status = hv_bundle_find(&bundle, HV_TAG_ANSWER, known, &size_bytes);
    }
    return ((status == HV_OK) && (size_bytes != KNOWN_ANSWER_BYTES)) ? HV_ERROR_BUNDLE_FORMAT : status;
}

hv_status_t hv_enrolled_test(uint32_t number, uint8_t image[], uint8_t arena[], uint8_t data[], uint32_t *size_bytes)
{
    const uint8_t *known = NULL;
    const hv_model_person_t *person = NULL;
    hv_model_result_t result = {0, 0, 0};
    hv_status_t status = find_known(number, &known, &person);
    if (status == HV_OK) {
        hv_vector_image(hv_link_get_u32(known), image);
        status = hv_model_run(person, image, arena, &result);
    }
    if (status == HV_OK) {
        (void)memcpy(data, known, KNOWN_ANSWER_BYTES);
        hv_link_put_u32(&data[16], (uint32_t)result.score);
        hv_link_put_u32(&data[20], (uint32_t)result.norm_squared);
        hv_link_put_u32(&data[24], (uint32_t)result.accepted);
        *size_bytes = TESTED_BYTES;
    }
    return status;
}

bool hv_enrolled_is_well_formed(const hv_link_request_t *request)
{
    switch (request->kind) {
    case HV_LINK_BUNDLE_BEGIN:
    case HV_LINK_PEOPLE:
        return request->size_bytes == PERSON_BYTES;
    case HV_LINK_BUNDLE_DATA:
        return request->size_bytes > AT_BYTES;
    case HV_LINK_BUNDLE_COMMIT:
    case HV_LINK_BUNDLE_ABORT:
    case HV_LINK_WHO:
        return request->size_bytes == 0u;
    case HV_LINK_REMOVE:
        return request->size_bytes == HV_BUNDLE_USER_BYTES;
    default:
        return false;
    }
}

/* What a request can get wrong by itself has codes of the link; everything else is a refusal. */
static hv_link_code_t code_of(hv_status_t status)
{
    switch (status) {
    case HV_OK:
        return HV_LINK_DONE;
    case HV_ERROR_SLOTS_ORDER:
    case HV_ERROR_SLOTS_UNKNOWN:
        return HV_LINK_RANGE;
    case HV_ERROR_SLOTS_FULL:
        return HV_LINK_FULL;
    default:
        return HV_LINK_REFUSED;
    }
}

static void answer(hv_link_t *link, hv_status_t status)
{
    hv_link_answer(link, code_of(status), (uint32_t)status, 0u);
}

/* The bytes in order, without gaps. */
static void take_data(hv_link_t *link)
{
    const uint8_t *const payload = link->request.payload;
    if (hv_link_get_u32(payload) != hv_store_received()) {
        hv_link_answer(link, HV_LINK_ORDER, 0u, 0u);
        return;
    }
    answer(link, hv_store_write(&payload[AT_BYTES], link->request.size_bytes - AT_BYTES));
}

/* Of a person whose bundle is damaged the size is 0, and so is what else is not known any more. */
static void give_entry(hv_link_t *link)
{
    const uint32_t index = hv_link_get_u16(link->request.payload);
    uint8_t *const data = hv_link_data(link);
    hv_slots_person_t person;
    hv_bundle_t bundle;
    const hv_status_t status = hv_store_person(index, &person);
    if (status == HV_ERROR_ARGUMENT) {
        hv_link_answer(link, HV_LINK_RANGE, 0u, 0u);
        return;
    }
    const bool whole = (status == HV_OK) && (hv_bundle_open(person.bundle, person.size_bytes, &bundle) == HV_OK);
    hv_link_put_u16(data, hv_store_people());
    hv_link_put_u16(&data[2], index);
    (void)memcpy(&data[4], person.identity.user, HV_BUNDLE_USER_BYTES);
    hv_link_put_u32(&data[20], person.identity.version);
    hv_link_put_u32(&data[24], whole ? person.size_bytes : 0u);
    hv_link_put_u32(&data[28], whole ? (uint32_t)hv_bundle_threshold(&bundle) : 0u);
    hv_link_answer(link, HV_LINK_DONE, 0u, ENTRY_BYTES);
}

bool hv_enrolled_serve(hv_link_t *link)
{
    everybody_is_known = false; /* somebody may come, go, or be moved */
    switch (link->request.kind) {
    case HV_LINK_BUNDLE_BEGIN:
        answer(link, hv_store_receive(hv_link_get_u32(link->request.payload)));
        return false;
    case HV_LINK_BUNDLE_DATA:
        take_data(link);
        return false;
    case HV_LINK_BUNDLE_COMMIT:
        answer(link, hv_store_commit());
        return true;
    case HV_LINK_BUNDLE_ABORT:
        hv_store_abort();
        answer(link, HV_OK);
        return false;
    case HV_LINK_PEOPLE:
        give_entry(link);
        return false;
    case HV_LINK_REMOVE:
        answer(link, hv_store_remove(link->request.payload));
        return true;
    default:
        hv_link_answer(link, HV_LINK_UNKNOWN, 0u, 0u);
        return false;
    }
}

#else

void hv_enrolled_begin(void)
{
}

hv_status_t hv_enrolled_find(uint32_t number, const void **person)
{
    (void)person;
    return (number == 0u) ? HV_OK : HV_ERROR_ARGUMENT;
}

void hv_enrolled_identify(uint8_t data[8])
{
    (void)memset(data, 0, 8u);
}

hv_status_t hv_enrolled_test(uint32_t number, uint8_t image[], uint8_t arena[], uint8_t data[], uint32_t *size_bytes)
{
    (void)data;
    *size_bytes = 0u;
    if (number != 0u) {
        return HV_ERROR_ARGUMENT;
    }
    return hv_known_answer_test((void *)image, arena);
}

bool hv_enrolled_is_well_formed(const hv_link_request_t *request)
{
    (void)request;
    return false;
}

bool hv_enrolled_serve(hv_link_t *link)
{
    hv_link_answer(link, HV_LINK_UNKNOWN, 0u, 0u);
    return false;
}

#endif
