/* hv_device.c: one function for each kind of request; each ends with hv_link_answer(). */
#include "hv_device.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "hv_board.h"
#include "hv_enrolled.h"
#include "hv_model.h"
#include "hv_stack.h"
#include "hv_steps.h"

#if !defined(HV_BOARD_NAME)
#define HV_BOARD_NAME "unnamed"
#endif
#if !defined(HV_MODEL_IMAGE_HEIGHT)
#define HV_MODEL_IMAGE_HEIGHT 0u /* a network's inputs are bytes to us */
#define HV_MODEL_IMAGE_WIDTH 0u
#define HV_MODEL_IMAGE_CHANNELS 0u
#endif

#define AT_BYTES 4u
#define SPAN_BYTES 8u
#define RUN_BYTES 4u
#define RAN_BYTES 8u
#define STEP_BYTES 8u
#define PIECE_BYTES 12u
#define TENSOR_BYTES 12u
#define IDENTITY_BYTES 116u
#define ABI_BYTES 32u
#define NAME_BYTES 24u

static _Alignas(HV_MODEL_ARENA_ALIGNMENT) __attribute__((section(".arena"))) uint8_t arena[HV_MODEL_ARENA_BYTES];
/* Outside the arena: every person can be asked about it, and every tensor, after it was sent once. */
static _Alignas(HV_MODEL_ARENA_ALIGNMENT) uint8_t image[HV_MODEL_IMAGE_BYTES];
static uint32_t image_received; /* HV_MODEL_IMAGE_BYTES: whole */

static hv_model_result_t result;
static bool has_result;
static bool arena_is_run; /* it is as a whole run on the image left it */

static hv_steps_t steps;
static hv_piece_t piece;
static uint32_t step_number;
static uint32_t step_person;
static bool has_piece;

void hv_device_begin(void)
{
    image_received = 0u;
    has_result = false;
    has_piece = false;
    arena_is_run = false;
    hv_enrolled_begin();
}

static void fail(hv_link_t *link, hv_link_code_t code)
{
    hv_link_answer(link, code, 0u, 0u);
}

/* Answers with size_bytes of data when the kernel said HV_OK. */
static void answer_status(hv_link_t *link, hv_status_t status, uint32_t size_bytes)
{
    if (status == HV_OK) {
        hv_link_answer(link, HV_LINK_DONE, 0u, size_bytes);
    } else {
        hv_link_answer(link, HV_LINK_REFUSED, (uint32_t)status, 0u);
    }
}

/* Nobody has that number, or the person cannot be used. */
static void refuse_person(hv_link_t *link, hv_status_t status)
{
    hv_link_answer(link, (status == HV_ERROR_ARGUMENT) ? HV_LINK_RANGE : HV_LINK_REFUSED, (uint32_t)status, 0u);
}

/* Answers with bytes from..from + length - 1 of what there is. */
static void answer_bytes(hv_link_t *link, const uint8_t bytes[], uint32_t size_bytes, uint32_t from, uint32_t length)
{
    if ((length > HV_LINK_DATA_BYTES) || (from > size_bytes) || (length > (size_bytes - from))) {
        fail(link, HV_LINK_RANGE);
        return;
    }
    (void)memcpy(hv_link_data(link), &bytes[from], length);
    hv_link_answer(link, HV_LINK_DONE, 0u, length);
}

static void ping(hv_link_t *link)
{
    uint8_t *const data = hv_link_data(link);
    (void)memcpy(data, link->request.payload, 4u);
    hv_link_put_u32(&data[4], HV_LINK_PAYLOAD_BYTES);
    hv_link_put_u32(&data[8], link->refused);
    hv_link_answer(link, HV_LINK_DONE, 0u, 12u);
}

static void put_name(uint8_t field[NAME_BYTES], const char *name)
{
    const size_t length = strlen(name);
    (void)memset(field, 0, NAME_BYTES);
    (void)memcpy(field, name, (length < NAME_BYTES) ? length : NAME_BYTES);
}

static uint8_t nibble(char digit)
{
    return (uint8_t)((digit <= '9') ? (digit - '0') : ((digit - 'a') + 10));
}

static void identify(hv_link_t *link)
{
    static const char abi[] = HV_MODEL_ABI; /* 64 lower-case hexadecimal digits */
    uint8_t *const data = hv_link_data(link);
    for (uint32_t i = 0u; i < ABI_BYTES; i++) {
        data[i] = (uint8_t)((nibble(abi[2u * i]) << 4) | nibble(abi[(2u * i) + 1u]));
    }
    put_name(&data[32], HV_BOARD_NAME);
    put_name(&data[56], HV_MODEL_NAME);
    hv_link_put_u32(&data[80], HV_MODEL_IMAGE_BYTES);
    hv_link_put_u16(&data[84], HV_MODEL_IMAGE_HEIGHT);
    hv_link_put_u16(&data[86], HV_MODEL_IMAGE_WIDTH);
    hv_link_put_u16(&data[88], HV_MODEL_IMAGE_CHANNELS);
    hv_link_put_u16(&data[90], HV_MODEL_LAYERS);
    hv_link_put_u32(&data[92], (uint32_t)sizeof(hv_model_result_t));
    hv_link_put_u32(&data[96], HV_MODEL_TRACE_BYTES);
    hv_link_put_u32(&data[100], HV_MODEL_PERSON_BYTES);
    hv_enrolled_identify(&data[104]);
    hv_link_put_u32(&data[112], hv_stack_used_bytes());
    hv_link_answer(link, HV_LINK_DONE, 0u, IDENTITY_BYTES);
}

/* Bytes of the image, in order: at offset 0 a new one begins, and what came already may come again. */
static void take_image(hv_link_t *link)
{
    const hv_link_request_t *const request = &link->request;
    const uint32_t offset = hv_link_get_u32(request->payload);
    const uint32_t size_bytes = request->size_bytes - AT_BYTES;
    if ((offset > HV_MODEL_IMAGE_BYTES) || (size_bytes > (HV_MODEL_IMAGE_BYTES - offset))) {
        fail(link, HV_LINK_RANGE);
        return;
    }
    if (offset > image_received) {
        fail(link, HV_LINK_ORDER);
        return;
    }
    (void)memcpy(&image[offset], &request->payload[AT_BYTES], size_bytes);
    image_received = offset + size_bytes;
    has_result = false;
    has_piece = false;
    arena_is_run = false;
    hv_link_answer(link, HV_LINK_DONE, 0u, 0u);
}

/* A whole run, or after one on the same image the person's own layers alone: those that are shared have not changed. */
static hv_status_t run_person(const void *person)
{
#if HV_MODEL_PERSON_BYTES > 0u
    if (arena_is_run) {
        return hv_model_run_again(person, image, arena, &result);
    }
#endif
    return hv_model_run(person, image, arena, &result);
}

static void run(hv_link_t *link)
{
    const void *person = NULL;
    if (image_received != HV_MODEL_IMAGE_BYTES) {
        fail(link, HV_LINK_ORDER);
        return;
    }
    const hv_status_t found = hv_enrolled_find(hv_link_get_u16(link->request.payload), &person);
    if (found != HV_OK) {
        refuse_person(link, found);
        return;
    }
    has_piece = false; /* the arena is used anew */
    hv_board_kick();
    const uint32_t begun = hv_board_cycles();
    const hv_status_t status = run_person(person);
    const uint32_t cycles = hv_board_cycles() - begun;
    hv_board_kick();
    has_result = status == HV_OK;
    arena_is_run = has_result;
    uint8_t *const data = hv_link_data(link);
    const uint32_t room = HV_LINK_DATA_BYTES - RAN_BYTES;
    const uint32_t shown = (sizeof(result) < room) ? (uint32_t)sizeof(result) : room;
    hv_link_put_u32(data, cycles);
    hv_link_put_u32(&data[4], (uint32_t)sizeof(result));
    (void)memcpy(&data[RAN_BYTES], &result, shown);
    answer_status(link, status, RAN_BYTES + shown);
}

#if HV_MODEL_PERSON_BYTES > 0u
/* Whose image it is, of everybody: hv_people.h. */
static void who(hv_link_t *link)
{
    if (image_received != HV_MODEL_IMAGE_BYTES) {
        fail(link, HV_LINK_ORDER);
        return;
    }
    const hv_model_person_t *const *people = NULL;
    const uint32_t count = hv_enrolled_everybody(&people);
    hv_people_best_t best;
    has_piece = false; /* the arena is used anew */
    hv_board_kick();
    const uint32_t begun = hv_board_cycles();
    const hv_status_t status = hv_model_who(people, count, image, arena, &best);
    const uint32_t cycles = hv_board_cycles() - begun;
    hv_board_kick();
    has_result = false;
    arena_is_run = false;
    for (uint32_t i = 0u; i < count; i++) {
        arena_is_run = arena_is_run || ((status == HV_OK) && (people[i] != NULL));
    }
    uint8_t *const data = hv_link_data(link);
    hv_link_put_u16(data, (best.person == HV_PEOPLE_NOBODY) ? HV_LINK_NOBODY : best.person);
    hv_link_put_u16(&data[2], count);
    hv_link_put_u32(&data[4], cycles);
    (void)memcpy(&data[RAN_BYTES], &best.result, sizeof(best.result));
    answer_status(link, status, RAN_BYTES + (uint32_t)sizeof(best.result));
}
#endif

static void give_result(hv_link_t *link)
{
    const uint8_t *const span = link->request.payload;
    if (!has_result) {
        fail(link, HV_LINK_ORDER);
        return;
    }
    answer_bytes(link, (const uint8_t *)&result, (uint32_t)sizeof(result), hv_link_get_u32(span), hv_link_get_u32(&span[4]));
}

static void answer_piece(hv_link_t *link)
{
    uint8_t *const data = hv_link_data(link);
    hv_link_put_u32(data, piece.layer);
    hv_link_put_u32(&data[4], piece.offset_bytes);
    hv_link_put_u32(&data[8], piece.size_bytes);
    hv_link_answer(link, HV_LINK_DONE, 0u, PIECE_BYTES);
}

/* The step after the last one, the last one once more, or the first. */
static void step(hv_link_t *link)
{
    const uint32_t number = hv_link_get_u32(link->request.payload);
    const uint32_t whose = hv_link_get_u16(&link->request.payload[4]);
    const void *person = NULL;
    hv_status_t status = HV_OK;
    const bool again = has_piece && (number == step_number) && (whose == step_person);
    const bool next = has_piece && (number == (step_number + 1u)) && (whose == step_person);
    if (again) {
        answer_piece(link);
        return;
    }
    if ((image_received != HV_MODEL_IMAGE_BYTES) || ((number != 0u) && !next)) {
        fail(link, HV_LINK_ORDER);
        return;
    }
    status = hv_enrolled_find(whose, &person);
    if (status != HV_OK) {
        refuse_person(link, status);
        return;
    }
    steps.person = person; /* an update may have moved the person's bundle since the last step */
    arena_is_run = false;
    if (number == 0u) {
        status = hv_steps_begin(&steps, person, image, arena);
    }
    hv_board_kick();
    if (status == HV_OK) {
        status = hv_steps_next(&steps, &piece);
    }
    hv_board_kick();
    has_piece = status == HV_OK;
    step_number = number;
    step_person = whose;
    if (has_piece) {
        answer_piece(link);
    } else {
        answer_status(link, status, 0u);
    }
}

static void give_tensor(hv_link_t *link)
{
    const uint8_t *const span = link->request.payload;
    if (!has_piece || (hv_link_get_u32(span) != step_number)) {
        fail(link, HV_LINK_ORDER);
        return;
    }
    answer_bytes(link, piece.bytes, piece.size_bytes, hv_link_get_u32(&span[4]), hv_link_get_u32(&span[8]));
}

static void selftest(hv_link_t *link)
{
    uint32_t data_bytes = 0u;
    image_received = 0u; /* the test's own image takes its place */
    arena_is_run = false;
    has_result = false;
    has_piece = false;
    hv_board_kick();
    const hv_status_t status = hv_enrolled_test(hv_link_get_u16(link->request.payload), image, arena, hv_link_data(link), &data_bytes);
    hv_board_kick();
    if (status == HV_ERROR_ARGUMENT) {
        fail(link, HV_LINK_RANGE);
    } else {
        answer_status(link, status, data_bytes);
    }
}

/* Whether the payload has the size of its kind, or for bytes behind an offset at least that. */
static bool is_well_formed(const hv_link_request_t *request)
{
    switch (request->kind) {
    case HV_LINK_IDENTIFY:
        return request->size_bytes == 0u;
    case HV_LINK_PING:
    case HV_LINK_RUN:
    case HV_LINK_SELFTEST:
        return request->size_bytes == RUN_BYTES;
    case HV_LINK_IMAGE:
        return request->size_bytes > AT_BYTES;
    case HV_LINK_RESULT:
        return request->size_bytes == SPAN_BYTES;
    case HV_LINK_STEP:
        return request->size_bytes == STEP_BYTES;
    case HV_LINK_TENSOR:
        return request->size_bytes == TENSOR_BYTES;
    default:
        return hv_enrolled_is_well_formed(request);
    }
}

void hv_device_serve(hv_link_t *link)
{
    if (!is_well_formed(&link->request)) {
        fail(link, hv_enrolled_knows(link->request.kind) ? HV_LINK_MALFORMED : HV_LINK_UNKNOWN);
        return;
    }
    switch (link->request.kind) {
    case HV_LINK_PING:
        ping(link);
        break;
    case HV_LINK_IDENTIFY:
        identify(link);
        break;
    case HV_LINK_IMAGE:
        take_image(link);
        break;
    case HV_LINK_RUN:
        run(link);
        break;
    case HV_LINK_RESULT:
        give_result(link);
        break;
    case HV_LINK_STEP:
        step(link);
        break;
    case HV_LINK_TENSOR:
        give_tensor(link);
        break;
    case HV_LINK_SELFTEST:
        selftest(link);
        break;
#if HV_MODEL_PERSON_BYTES > 0u
    case HV_LINK_WHO:
        who(link);
        break;
#endif
    default:
        hv_board_kick(); /* checking a signature takes about as long as an inference */
        if (hv_enrolled_serve(link)) {
            has_piece = false; /* its person may be another one now */
        }
        hv_board_kick();
        break;
    }
}
