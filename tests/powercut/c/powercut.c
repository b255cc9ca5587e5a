/* powercut.c: cuts the power at every flash operation of a device's life, and again at every one of its recovery.
 *
 * powercut GEOMETRY PATTERNS DEPTH FLIPS SEED: how many kinds of torn operations to try at each cut (rotating through all),
 * how many cuts may follow one another (the third is sampled), and whether every bit is flipped. Prints counts. */
#define _GNU_SOURCE
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAULTS_SHOWN 3u

static const geometry_t GEOMETRIES[] = {
    {"f405", 2048, 2, 1024, 2, 4, 200},          /* STM32F405: large sectors, several slots in each */
    {"f405-bytes", 2048, 2, 512, 4, 1, 160},     /* the same, byte by byte */
    {"nrf52840", 512, 10, 512, 6, 4, 300},        /* 4 KB pages, one slot in each */
    {"rp2040", 2048, 2, 1024, 3, 4, 480},        /* 4 KB sectors, words in padded pages */
    {"stm32l4", 256, 20, 256, 10, 8, 300},       /* 2 KB pages with ECC, a slot of two pages */
    {"stm32h7", 3072, 2, 1024, 3, 32, 250},      /* 128 KB sectors, 32 bytes at once, with ECC */
    {"two-slots", 1024, 4, 512, 2, 4, 300},      /* the least: one person and an update */
};

/* A life. Versions rise, except where they are to be refused. */
static const step_t LIFE[] = {
    {INSTALL, 0, 1},
    {INSTALL, 1, 1},
    {INSTALL, 0, 2},
    {INSTALL, 0, 1}, /* older */
    {BROKEN, 1, 2},
    {INSTALL, 1, 2},
    {INSTALL, 2, 5},
    {DROPPED, 0, 3},
    {INSTALL, 0, 3},
    {REMOVE, 1, 0},
    {INSTALL, 1, 2}, /* removed with this version: replayed */
    {INSTALL, 1, 3},
    {INSTALL, 2, 6},
    {INSTALL, 2, 7},
    {INSTALL, 0, 4},
    {REMOVE, 0, 0},
    {REMOVE, 0, 0}, /* nobody */
    {INSTALL, 1, 4},
    {INSTALL, 1, 4}, /* once more, as after a lost answer */
    {INSTALL, 0, 5},
    {INSTALL, 0, 6},
    {REMOVE, 2, 0},
    {INSTALL, 0, 7},
    {INSTALL, 1, 5},
};
#define STEPS (sizeof LIFE / sizeof LIFE[0])

typedef struct {
    const geometry_t *geometry;
    uint32_t patterns;
    uint32_t depth;
    uint32_t most_people;
    uint32_t step;
    truth_t before;
    truth_t after;
    uint64_t operations;
    uint64_t cuts[4]; /* of each depth */
    uint64_t boots;
    uint64_t failures;
} trial_t;

static world_t world; /* one device; large, so not on the stack */

static void fail(trial_t *trial, const char *what, const char *where)
{
    trial->failures += 1u;
    if (trial->failures <= FAULTS_SHOWN) {
        printf("FAILED %s, step %u, %s: %s\n", trial->geometry->name, (unsigned)trial->step, where, what);
    }
}

static void check_flash_use(trial_t *trial, const char *where)
{
    if (world.nor.fault != NULL) {
        fail(trial, world.nor.fault, where);
        world.nor.fault = NULL;
    }
}

/* Boots and mounts; false if the power was cut meanwhile. */
static bool mount(trial_t *trial, uint32_t cut_at, uint32_t pattern, hv_status_t *status)
{
    trial->boots += 1u;
    nor_boot(&world.nor, cut_at, pattern);
    if (setjmp(world.nor.cut) != 0) {
        return false;
    }
    *status = hv_slots_mount(&world.slots, &world.config);
    return true;
}

/* Carries out a step; false if the power was cut meanwhile. */
static bool step_uncut(const step_t *step)
{
    if (setjmp(world.nor.cut) != 0) {
        return false;
    }
    (void)world_do(&world, step);
    return true;
}

/* After a recovery: the old or the new, for good, nothing left of who was removed, and the next update works. */
static void check_recovered(trial_t *trial)
{
    truth_t truth;
    hv_status_t status;
    const char *const differs = world_differs(&world, &trial->after);
    const bool is_new = differs == NULL;
    if (!is_new && (world_differs(&world, &trial->before) != NULL)) {
        fail(trial, differs, "after a cut");
        return;
    }
    truth = is_new ? trial->after : trial->before;
    const step_t *const step = &LIFE[trial->step];
    if (is_new && (step->order == REMOVE) && (trial->before.version[step->user] != 0u) && world_holds(&world, step->user, trial->before.version[step->user])) {
        fail(trial, "weights of a removed person are left", "after a cut");
    }
    const bool unstable = nor_is_unstable(&world.nor);
    if (!mount(trial, NOR_NEVER, 0, &status) || (status != HV_OK)) {
        fail(trial, "does not boot again", "after a cut");
        return;
    }
    if ((world.nor.operations != 0u) && !unstable) {
        fail(trial, "a second boot still repairs", "after a cut");
    }
    if (world_differs(&world, &truth) != NULL) {
        fail(trial, "a second boot finds something else", "after a cut");
        return;
    }
    const uint32_t other = (step->user + 1u) % 2u;
    const step_t next[] = {*step, {INSTALL, other, truth.least[other] + 1u}, {INSTALL, other, truth.least[other]}};
    for (uint32_t i = 0; i < 3u; ++i) {
        const hv_status_t expected = truth_after(&truth, &next[i], trial->most_people);
        if (world_do(&world, &next[i]) != expected) {
            fail(trial, "the next order is not answered as it must be", "after a cut");
            return;
        }
    }
    const char *const later = world_differs(&world, &truth);
    if (later != NULL) {
        fail(trial, later, "after the next update");
    }
}

/* From a torn state on: recover, and cut every operation of recovering in turn. */
static void recover(trial_t *trial, uint32_t depth)
{
    nor_image_t *const torn = malloc(sizeof *torn);
    const uint64_t random = world.nor.random;
    if (torn == NULL) {
        exit(2);
    }
    *torn = world.nor.image;
    hv_status_t status;
    if (!mount(trial, NOR_NEVER, 0, &status) || (status != HV_OK)) {
        fail(trial, "does not boot", "after a cut");
    } else {
        check_recovered(trial);
    }
    check_flash_use(trial, "recovering");
    bool done = depth >= trial->depth;
    for (uint32_t at = 0; !done; ++at) {
        for (uint32_t i = 0; (i < trial->patterns) && !done; ++i) {
            world.nor.image = *torn;
            world.nor.random = random; /* the unstable bits read as they did, so that the operations are the same */
            done = mount(trial, at, (at + i + depth) % NOR_PATTERNS, &status);
            if (!done) {
                trial->cuts[depth] += 1u;
                world.nor.random += (uint64_t)at * 977u;
                if ((depth < 2u) || ((nor_random(&world.nor) % 8u) == 0u)) {
                    recover(trial, depth + 1u);
                }
            }
        }
    }
    free(torn);
}

static void run_step(trial_t *trial, const char *where)
{
    const hv_status_t expected = truth_after(&trial->after, &LIFE[trial->step], trial->most_people);
    nor_boot(&world.nor, NOR_NEVER, 0);
    if (world_do(&world, &LIFE[trial->step]) != expected) {
        fail(trial, "is not answered as it must be", where);
    }
    const char *const differs = world_differs(&world, &trial->after);
    if (differs != NULL) {
        fail(trial, differs, where);
    }
    check_flash_use(trial, where);
}

/* Carries out a step whole, then cut at each of its operations. */
static void cut_step(trial_t *trial)
{
    static nor_image_t begin;
    static nor_image_t end;
    static hv_slots_t slots_begin;
    static hv_slots_t slots_end;
    begin = world.nor.image;
    slots_begin = world.slots;
    trial->after = trial->before;
    run_step(trial, "without a cut");
    const uint32_t operations = world.nor.operations;
    trial->operations += operations;
    end = world.nor.image;
    slots_end = world.slots;
    for (uint32_t at = 0; at < operations; ++at) {
        for (uint32_t i = 0; i < trial->patterns; ++i) {
            world.nor.image = begin;
            world.slots = slots_begin;
            nor_boot(&world.nor, at, (at + i + trial->step) % NOR_PATTERNS);
            trial->cuts[0] += 1u;
            if (step_uncut(&LIFE[trial->step])) {
                fail(trial, "was not cut", "cutting");
            } else {
                recover(trial, 1);
            }
        }
    }
    world.nor.image = end;
    world.slots = slots_end;
    trial->before = trial->after;
}

/* Every bit that can flip, one at a time: at most the person whose slot it is in is damaged. */
static void flip_bits(trial_t *trial)
{
    static nor_image_t whole;
    const uint32_t journal_bytes = world.journal.blocks * world.journal.block_bytes;
    const uint32_t bytes = journal_bytes + (world.data.blocks * world.data.block_bytes);
    whole = world.nor.image;
    uint32_t damaged_bits = 0;
    for (uint32_t bit = 0; bit < (bytes * 8u); ++bit) {
        hv_status_t status;
        world.nor.image = whole;
        world.nor.image.bytes[bit / 8u] ^= (uint8_t)(1u << (bit % 8u));
        const uint32_t damaged = (mount(trial, NOR_NEVER, 0, &status) && (status == HV_OK)) ? world_damaged(&world, &trial->after) : UINT32_MAX;
        if ((damaged > 1u) || ((damaged == 1u) && ((bit / 8u) < journal_bytes))) {
            fail(trial, "more than one person suffers, or one is wrong", "a flipped bit");
        }
        damaged_bits += (damaged == 1u) ? 1u : 0u;
    }
    world.nor.image = whole;
    printf("%s flips %u damaged %u\n", trial->geometry->name, (unsigned)(bytes * 8u), (unsigned)damaged_bits);
}

static bool format_uncut(void)
{
    if (setjmp(world.nor.cut) != 0) {
        return false;
    }
    (void)hv_slots_format(&world.slots, &world.config);
    return true;
}

/* The first start: formatting is cut as well, and done again. */
static void cut_format(trial_t *trial)
{
    static nor_image_t blank;
    blank = world.nor.image;
    bool done = false;
    for (uint32_t at = 0; !done; ++at) {
        for (uint32_t i = 0; (i < trial->patterns) && !done; ++i) {
            hv_status_t status = HV_OK;
            world.nor.image = blank;
            nor_boot(&world.nor, at, i);
            done = format_uncut();
            trial->cuts[0] += done ? 0u : 1u;
            if (!done && mount(trial, NOR_NEVER, 0, &status) && (status == HV_ERROR_SLOTS_NONE)) {
                status = hv_slots_format(&world.slots, &world.config);
            }
            if ((status != HV_OK) || (world_differs(&world, &trial->before) != NULL)) {
                fail(trial, "cannot be formatted", "after a cut");
            }
        }
    }
    check_flash_use(trial, "formatting");
}

int main(int count, char **arguments)
{
    static trial_t trial;
    if (count != 6) {
        return 2;
    }
    for (uint32_t i = 0; i < (sizeof GEOMETRIES / sizeof GEOMETRIES[0]); ++i) {
        if (strcmp(GEOMETRIES[i].name, arguments[1]) == 0) {
            trial.geometry = &GEOMETRIES[i];
        }
    }
    if (trial.geometry == NULL) {
        return 2;
    }
    trial.patterns = (uint32_t)strtoul(arguments[2], NULL, 10);
    trial.depth = (uint32_t)strtoul(arguments[3], NULL, 10);
    world_make(&world, trial.geometry, (uint32_t)strtoul(arguments[5], NULL, 10));
    hv_status_t status;
    if (!mount(&trial, NOR_NEVER, 0, &status) || (status != HV_ERROR_SLOTS_NONE)) {
        fail(&trial, "blank flash is not called new", "first boot");
    }
    cut_format(&trial);
    trial.most_people = hv_slots_most(&world.slots);
    for (trial.step = 0; (trial.step < STEPS) && (trial.failures == 0u); ++trial.step) {
        cut_step(&trial);
    }
    if ((trial.failures == 0u) && (arguments[4][0] == '1')) {
        flip_bits(&trial);
    }
    printf("%s people %u steps %u operations %llu cuts %llu nested %llu %llu boots %llu failures %llu\n", trial.geometry->name, (unsigned)trial.most_people, (unsigned)trial.step, (unsigned long long)trial.operations, (unsigned long long)trial.cuts[0], (unsigned long long)trial.cuts[1], (unsigned long long)trial.cuts[2], (unsigned long long)trial.boots, (unsigned long long)trial.failures);
    return (trial.failures == 0u) ? 0 : 1;
}
