/* hv_count: a QEMU plugin that counts the instructions of each layer and watches where stores go.
 *
 * Arguments, all addresses in hexadecimal with 0x:
 *   out=FILE        where the JSON report goes
 *   layer=ADDRESS   the function of a layer; repeated, in the order of the layers
 *   main=ADDRESS    stores are watched from here on (the start-up code paints the whole stack before)
 *   stack=LOW-HIGH  report the lowest store into this range; watching memory makes QEMU slower
 *   allow=LOW-HIGH  while a layer runs, stores anywhere else are reported; repeated
 *   run=ADDRESS     the function of a whole inference: report each block that runs inside (hv_profile.h)
 *   flash=LOW-HIGH  report how often a whole inference loads from this range
 *
 * Which instructions count as whose: hv_calls.h. Counts are exact and the same in every run. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hv_calls.h"
#include "hv_profile.h"
#include "qemu_plugin.h"

EXPORTED int qemu_plugin_version = 1;

#define RANGES_MAX 16
#define STRAYS_SHOWN 16

typedef struct {
    uint64_t low; /* first byte */
    uint64_t high; /* first byte after */
} range_t;

typedef struct {
    uint64_t instruction;
    uint64_t address;
} stray_t;

/* What the arguments ask for; a range that was not asked for is empty. */
static struct {
    FILE *out;
    uint64_t main_function;
    uint64_t run_function;
    bool profiles;
    bool watches_memory;
    range_t stack;
    range_t flash;
    range_t allowed[RANGES_MAX];
    int allowed_count;
} asked;

static bool is_riscv; /* else Thumb */

/* What was seen so far. */
static uint64_t total_instructions;
static bool main_reached;
static uint64_t lowest_stack_store = UINT64_MAX;
static uint64_t strays_count;
static stray_t strays[STRAYS_SHOWN];

static void on_block(unsigned int vcpu, void *user)
{
    hv_block_t *const block = user;
    (void)vcpu;
    hv_calls_arrive(block);
    main_reached = main_reached || block->is_main;
    total_instructions += block->instructions;
    if (asked.profiles) {
        hv_profile_count(block);
    }
    hv_calls_leave(block);
}

static bool is_inside(range_t range, uint64_t address, uint64_t size)
{
    return (address >= range.low) && ((address + size) <= range.high);
}

static bool is_allowed(uint64_t address, uint64_t size)
{
    for (int i = 0; i < asked.allowed_count; i++) {
        if (is_inside(asked.allowed[i], address, size)) {
            return true;
        }
    }
    return false;
}

static void on_store(uint64_t instruction, uint64_t address, uint64_t size)
{
    if (is_inside(asked.stack, address, size)) {
        hv_profile_stack_store(address);
        if (address < lowest_stack_store) {
            lowest_stack_store = address;
        }
    }
    if ((hv_calls_layer() != HV_NO_LAYER) && (asked.allowed_count > 0) && !is_allowed(address, size)) {
        if (strays_count < STRAYS_SHOWN) {
            strays[strays_count] = (stray_t){.instruction = instruction, .address = address};
        }
        strays_count++;
    }
}

/* QEMU 7.2 reports loads, too, when only stores are asked for. */
static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *user)
{
    const uint64_t size = UINT64_C(1) << qemu_plugin_mem_size_shift(info);
    (void)vcpu;
    if (!main_reached) {
        return;
    }
    if (qemu_plugin_mem_is_store(info)) {
        on_store((uint64_t)(uintptr_t)user, address, size);
    } else if (is_inside(asked.flash, address, size)) {
        hv_profile_flash_load();
    }
}

static uint32_t halfword(const struct qemu_plugin_insn *insn, size_t index)
{
    const uint8_t *const bytes = qemu_plugin_insn_data(insn);
    return bytes[2u * index] | ((uint32_t)bytes[(2u * index) + 1u] << 8);
}

/* By its first halfword (Armv7-M Architecture Reference Manual, A5.1; The RISC-V Instruction Set Manual, volume
 * I, 1.5): QEMU 7.2 says 4 bytes, too, of a 16-bit instruction at the end of a page when the next one would
 * cross it. */
static uint64_t size_of(const struct qemu_plugin_insn *insn)
{
    const uint32_t first = halfword(insn, 0u);
    const bool is_long = is_riscv ? ((first & 3u) == 3u) : ((first >> 11) >= 0x1Du);
    return is_long ? 4u : 2u;
}

/* BL, or BLX with a register (Armv7-M Architecture Reference Manual, A7.7.18 and A7.7.19). */
static bool is_thumb_call(const struct qemu_plugin_insn *insn)
{
    const uint32_t first = halfword(insn, 0u);
    if (size_of(insn) == 2u) {
        return (first & 0xFF87u) == 0x4780u;
    }
    return ((first & 0xF800u) == 0xF000u) && ((halfword(insn, 1u) & 0xD000u) == 0xD000u);
}

/* JAL or JALR that keeps the return address in ra, or C.JAL, C.JALR (The RISC-V Instruction Set Manual, volume
 * I, 2.5.1 and 16.4). C.EBREAK is C.JALR without a register. */
static bool is_riscv_call(const struct qemu_plugin_insn *insn)
{
    const uint32_t first = halfword(insn, 0u);
    if (size_of(insn) == 2u) {
        return ((first & 0xE003u) == 0x2001u) || (((first & 0xF07Fu) == 0x9002u) && ((first & 0x0F80u) != 0u));
    }
    return ((first & 0x0F80u) == 0x0080u) && (((first & 0x7Fu) == 0x6Fu) || ((first & 0x7Fu) == 0x67u));
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t count = qemu_plugin_tb_n_insns(tb);
    hv_block_t *const block = calloc(1u, sizeof(*block));
    (void)id;
    if (block == NULL) {
        (void)fprintf(stderr, "hv_count: out of memory\n");
        exit(EXIT_FAILURE);
    }
    block->start = qemu_plugin_tb_vaddr(tb);
    block->end = block->start;
    block->instructions = count;
    block->layer = hv_layer_at(block->start);
    block->is_main = (block->start == asked.main_function);
    block->is_run = asked.profiles && (block->start == asked.run_function);
    for (size_t i = 0u; i < count; i++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, i);
        block->end += size_of(insn);
        block->ends_with_call = is_riscv ? is_riscv_call(insn) : is_thumb_call(insn);
        if (asked.watches_memory) {
            void *const address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);
            qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, address);
        }
    }
    hv_profile_add(block);
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void report_layers(FILE *out)
{
    (void)fprintf(out, "  \"layers\": [");
    for (int i = 0; i < hv_layers_count; i++) {
        const hv_layer_t *const layer = &hv_layers[i];
        (void)fprintf(out, "%s\n    {\"calls\": %" PRIu64 ", \"instructions\": %" PRIu64 ", \"least\": %" PRIu64 ", \"most\": %" PRIu64 "}", (i > 0) ? "," : "", layer->calls, layer->instructions, layer->least, layer->most);
    }
    (void)fprintf(out, "\n  ],\n");
}

static void report_strays(FILE *out)
{
    (void)fprintf(out, "  \"stray_stores\": %" PRIu64 ",\n  \"strays\": [", strays_count);
    for (uint64_t i = 0u; (i < strays_count) && (i < STRAYS_SHOWN); i++) {
        (void)fprintf(out, "%s\n    {\"instruction\": %" PRIu64 ", \"address\": %" PRIu64 "}", (i > 0u) ? "," : "", strays[i].instruction, strays[i].address);
    }
    (void)fprintf(out, "\n  ],\n");
}

static void on_exit_of_qemu(qemu_plugin_id_t id, void *user)
{
    (void)id;
    (void)user;
    hv_calls_end();
    (void)fprintf(asked.out, "{\n");
    report_layers(asked.out);
    report_strays(asked.out);
    if (asked.profiles) {
        hv_profile_report(asked.out);
    }
    if (lowest_stack_store != UINT64_MAX) {
        (void)fprintf(asked.out, "  \"lowest_stack_store\": %" PRIu64 ",\n", lowest_stack_store);
    }
    (void)fprintf(asked.out, "  \"total_instructions\": %" PRIu64 "\n}\n", total_instructions);
    (void)fclose(asked.out);
}

/* "0x10" */
static bool parse_address(const char *text, uint64_t *address)
{
    char *end;
    *address = strtoull(text, &end, 16);
    return (end != text) && (*end == '\0');
}

/* "0x10-0x20" */
static bool parse_range(const char *text, range_t *range)
{
    char *end;
    range->low = strtoull(text, &end, 16);
    return (end != text) && (*end == '-') && parse_address(&end[1], &range->high);
}

/* The text after "name=", or NULL when the argument has another name. */
static const char *value_of(const char *argument, const char *name)
{
    const size_t length = strlen(name);
    const bool matches = (strncmp(argument, name, length) == 0) && (argument[length] == '=');
    return matches ? &argument[length + 1u] : NULL;
}

static bool parse_argument(const char *argument)
{
    const char *value;
    if ((value = value_of(argument, "out")) != NULL) {
        asked.out = fopen(value, "w");
        return asked.out != NULL;
    }
    if ((value = value_of(argument, "layer")) != NULL) {
        return (hv_layers_count < HV_LAYERS_MAX) && parse_address(value, &hv_layers[hv_layers_count++].function);
    }
    if ((value = value_of(argument, "main")) != NULL) {
        return parse_address(value, &asked.main_function);
    }
    if ((value = value_of(argument, "run")) != NULL) {
        asked.profiles = true;
        return parse_address(value, &asked.run_function);
    }
    asked.watches_memory = true;
    if ((value = value_of(argument, "stack")) != NULL) {
        return parse_range(value, &asked.stack);
    }
    if ((value = value_of(argument, "flash")) != NULL) {
        return parse_range(value, &asked.flash);
    }
    if ((value = value_of(argument, "allow")) != NULL) {
        return (asked.allowed_count < RANGES_MAX) && parse_range(value, &asked.allowed[asked.allowed_count++]);
    }
    return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    is_riscv = strcmp(info->target_name, "riscv32") == 0;
    for (int i = 0; i < argc; i++) {
        if (!parse_argument(argv[i])) {
            (void)fprintf(stderr, "hv_count: cannot use argument %s\n", argv[i]);
            return -1;
        }
    }
    if (asked.out == NULL) {
        (void)fprintf(stderr, "hv_count: out=FILE is missing\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_atexit_cb(id, on_exit_of_qemu, NULL);
    return 0;
}
