/* world.c: see world.h. */
#define _GNU_SOURCE /* memmem */
#include "world.h"

#include "hv_crc.h"

#include <string.h>

#define HEADER_BYTES 16u
#define BUNDLE_MOST 1024u

/* Sizes differ, so that a mix of two versions cannot have the size of either. */
static uint32_t bundle_size(const world_t *world, uint32_t user, uint32_t version)
{
    return world->config.most_bytes - ((((version * 7u) + (user * 3u)) % 5u) * 13u);
}

static void make_user(uint32_t user, uint8_t id[HV_JOURNAL_USER_BYTES])
{
    memset(id, 0x50, HV_JOURNAL_USER_BYTES);
    id[15] = (uint8_t)user;
}

/* User, version and CRC, then numbers that nobody else has. */
static uint32_t make_bundle(const world_t *world, uint32_t user, uint32_t version, uint8_t bytes[BUNDLE_MOST])
{
    const uint32_t size = bundle_size(world, user, version);
    uint32_t state = (user * 7919u) + (version * 104729u) + 1u;
    for (uint32_t i = HEADER_BYTES; i < size; ++i) {
        state = (state * 1664525u) + 1013904223u;
        bytes[i] = (uint8_t)(state >> 24);
    }
    const uint32_t crc = hv_crc32(0, &bytes[HEADER_BYTES], size - HEADER_BYTES);
    const uint32_t header[4] = {user, version, size, crc};
    memcpy(bytes, header, HEADER_BYTES);
    return size;
}

static hv_status_t judge(void *context, const uint8_t bundle[], uint32_t size_bytes, hv_slots_identity_t *identity)
{
    uint32_t header[4];
    (void)context;
    memcpy(header, bundle, HEADER_BYTES);
    const bool good = (((uintptr_t)bundle % 16u) == 0u) && (header[2] == size_bytes) && (hv_crc32(0, &bundle[HEADER_BYTES], size_bytes - HEADER_BYTES) == header[3]);
    make_user(header[0], identity->user);
    identity->version = header[1];
    return good ? HV_OK : REFUSED;
}

void world_make(world_t *world, const geometry_t *geometry, uint32_t seed)
{
    memset(world, 0, sizeof *world);
    memset(world->nor.image.bytes, (int)HV_FLASH_ERASED, NOR_BYTES);
    world->nor.random = seed;
    world->nor.cut_at = NOR_NEVER;
    const nor_region_t journal = {&world->nor, 0, geometry->journal_block_bytes, geometry->write_bytes, geometry->journal_blocks, true};
    const nor_region_t data = {&world->nor, geometry->journal_block_bytes * geometry->journal_blocks, geometry->data_block_bytes, geometry->write_bytes, geometry->data_blocks, false};
    world->journal = journal;
    world->data = data;
    world->config.journal = nor_driver(&world->journal);
    world->config.data = nor_driver(&world->data);
    world->config.most_bytes = geometry->most_bytes;
    world->config.admit = judge;
}

/* An update in pieces of odd sizes, as a link brings them. */
static hv_status_t update(world_t *world, const step_t *step)
{
    uint8_t bytes[BUNDLE_MOST];
    const uint32_t size = make_bundle(world, step->user, step->version, bytes);
    if (step->order == BROKEN) {
        bytes[size / 2u] ^= 0x10u;
    }
    hv_status_t status = hv_slots_begin(&world->slots, size);
    const uint32_t wanted = (step->order == DROPPED) ? (size / 2u) : size;
    for (uint32_t at = 0; (status == HV_OK) && (at < wanted);) {
        const uint32_t piece = ((wanted - at) < 77u) ? (wanted - at) : 77u;
        status = hv_slots_write(&world->slots, &bytes[at], piece);
        at += piece;
    }
    if (step->order == DROPPED) {
        hv_slots_abort(&world->slots);
        return status;
    }
    return (status == HV_OK) ? hv_slots_commit(&world->slots) : status;
}

hv_status_t world_do(world_t *world, const step_t *step)
{
    uint8_t id[HV_JOURNAL_USER_BYTES];
    make_user(step->user, id);
    return (step->order == REMOVE) ? hv_slots_remove(&world->slots, id) : update(world, step);
}

static uint32_t present(const truth_t *truth)
{
    uint32_t count = 0;
    for (uint32_t user = 0; user < WORLD_USERS; ++user) {
        count += (truth->version[user] != 0u) ? 1u : 0u;
    }
    return count;
}

hv_status_t truth_after(truth_t *truth, const step_t *step, uint32_t most_people)
{
    const uint32_t user = step->user;
    if (step->order == DROPPED) {
        return HV_OK;
    }
    if (step->order == BROKEN) {
        return REFUSED;
    }
    if (step->order == REMOVE) {
        if (truth->version[user] == 0u) {
            return HV_ERROR_SLOTS_UNKNOWN;
        }
        truth->least[user] = truth->version[user] + 1u;
        truth->version[user] = 0;
        return HV_OK;
    }
    if (step->version < truth->least[user]) {
        return HV_ERROR_BUNDLE_OLD;
    }
    if ((truth->version[user] == 0u) && (present(truth) >= most_people)) {
        return HV_ERROR_SLOTS_FULL;
    }
    truth->version[user] = step->version;
    truth->least[user] = step->version;
    truth->known[user] = 1u;
    return HV_OK;
}

/* Whether a person is who the truth says, byte by byte. */
static bool is_exact(const world_t *world, const hv_slots_person_t *person, uint32_t user, uint32_t version)
{
    uint8_t bytes[BUNDLE_MOST];
    const uint32_t size = make_bundle(world, user, version, bytes);
    return (person->identity.version == version) && (person->size_bytes == size) && (((uintptr_t)person->bundle % 16u) == 0u) && (memcmp(person->bundle, bytes, size) == 0);
}

const char *world_differs(const world_t *world, const truth_t *truth)
{
    uint32_t seen[WORLD_USERS] = {0};
    if (world->slots.journal.lost) {
        return "the journal says that entries are lost";
    }
    for (uint32_t i = 0; i < hv_slots_count(&world->slots); ++i) {
        hv_slots_person_t person;
        const hv_status_t status = hv_slots_person(&world->slots, i, &person);
        if (status == HV_ERROR_SLOTS_UNKNOWN) {
            continue;
        }
        if (status != HV_OK) {
            return "somebody is damaged";
        }
        const uint32_t user = person.identity.user[15];
        if ((user >= WORLD_USERS) || (truth->version[user] == 0u)) {
            return "somebody is there who must not be";
        }
        if (!is_exact(world, &person, user, truth->version[user])) {
            return "somebody has not the bytes of the right version";
        }
        seen[user] += 1u;
    }
    for (uint32_t user = 0; user < WORLD_USERS; ++user) {
        uint8_t id[HV_JOURNAL_USER_BYTES];
        uint32_t least;
        make_user(user, id);
        if (seen[user] != ((truth->version[user] != 0u) ? 1u : 0u)) {
            return "somebody is missing, or there twice";
        }
        if ((hv_slots_least_version(&world->slots, id, &least) != HV_OK) || (least != truth->least[user])) {
            return "an older version would be taken";
        }
    }
    return NULL;
}

bool world_holds(const world_t *world, uint32_t user, uint32_t version)
{
    uint8_t bytes[BUNDLE_MOST];
    const uint32_t piece = 24u; /* no 24 bytes of two people are alike */
    const uint32_t size = make_bundle(world, user, version, bytes);
    for (uint32_t from = HEADER_BYTES; (from + piece) <= size; from += piece) {
        if (memmem(world->nor.image.bytes, NOR_BYTES, &bytes[from], piece) != NULL) {
            return true;
        }
    }
    return false;
}

uint32_t world_damaged(const world_t *world, const truth_t *truth)
{
    uint32_t damaged = 0;
    uint32_t exact = 0;
    for (uint32_t i = 0; i < hv_slots_count(&world->slots); ++i) {
        hv_slots_person_t person;
        const hv_status_t status = hv_slots_person(&world->slots, i, &person);
        const uint32_t user = person.identity.user[15] % WORLD_USERS;
        if (status == HV_ERROR_SLOTS_DAMAGED) {
            damaged += 1u;
        } else if (status == HV_OK) {
            if (!is_exact(world, &person, user, truth->version[user])) {
                return UINT32_MAX;
            }
            exact += 1u;
        } else {
            /* removed */
        }
    }
    return ((damaged + exact) == present(truth)) ? damaged : UINT32_MAX;
}
