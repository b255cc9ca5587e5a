/* hv_count: a QEMU plugin that counts the instructions of each layer and watches where stores go.
 *
 * Arguments, all addresses in hexadecimal with 0x:
 *   out=FILE        where the JSON report goes
 *   layer=ADDRESS   the function of a layer; repeated, in the order of the layers
 *   main=ADDRESS    stores are watched from here on (the start-up code paints the whole stack before)
 *   stack=LOW-HIGH  report the lowest store into this range; watching stores makes QEMU slower
 *   allow=LOW-HIGH  while a layer runs, stores anywhere else are reported; repeated
 *
 * A layer begins when its function's first block runs and ends when the instruction after its call runs,
 * so whatever it calls counts as its own. Counts are exact and the same in every run.
 *
 * Source: QEMU 7.2 docs/devel/tcg-plugins.rst and include/qemu/qemu-plugin.h (plugin API version 1). Debian
 * ships no such header, so the part of it that is used here is declared again. */
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info;

enum { QEMU_PLUGIN_CB_NO_REGS = 0,
       QEMU_PLUGIN_MEM_RW = 3 };

typedef void (*tb_translated_t)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*tb_executed_t)(unsigned int vcpu, void *user);
typedef void (*memory_accessed_t)(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *user);
typedef void (*at_exit_t)(qemu_plugin_id_t id, void *user);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, tb_translated_t callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, tb_executed_t callback, int flags, void *user);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, memory_accessed_t callback, int flags, int rw, void *user);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, at_exit_t callback, void *user);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);

#define EXPORTED __attribute__((visibility("default")))
extern EXPORTED int qemu_plugin_version;
EXPORTED int qemu_plugin_version = 1;
EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

#define LAYERS_MAX 256
#define RANGES_MAX 16
#define STRAYS_SHOWN 16
#define NO_LAYER (-1)

typedef struct {
    uint64_t low; /* first byte */
    uint64_t high; /* first byte after */
} range_t;

/* A straight run of instructions as QEMU translated it; never freed, QEMU may keep it until the end. */
typedef struct {
    uint64_t start;
    uint64_t end;
    uint64_t instructions;
    int layer; /* the layer whose function starts here, or NO_LAYER */
    bool is_main;
} block_t;

typedef struct {
    uint64_t function;
    uint64_t calls;
    uint64_t instructions; /* all calls together */
    uint64_t least; /* of one call */
    uint64_t most;
} layer_t;

typedef struct {
    uint64_t instruction;
    uint64_t address;
} stray_t;

/* What the arguments ask for. */
static struct {
    FILE *out;
    uint64_t main_function;
    bool has_stack;
    range_t stack;
    range_t allowed[RANGES_MAX];
    int allowed_count;
} asked;

/* What was seen so far. */
static layer_t layers[LAYERS_MAX];
static int layers_count;
static uint64_t total_instructions;
static bool main_reached;
static uint64_t lowest_stack_store = UINT64_MAX;
static uint64_t strays_count;
static stray_t strays[STRAYS_SHOWN];

/* The call under way. */
static struct {
    int layer;
    uint64_t return_address;
    uint64_t instructions;
} call = {.layer = NO_LAYER, .return_address = 0u, .instructions = 0u};

static const block_t *previous_block;

static void end_call(void)
{
    layer_t *const layer = &layers[call.layer];
    if ((layer->calls == 0u) || (call.instructions < layer->least)) {
        layer->least = call.instructions;
    }
    if (call.instructions > layer->most) {
        layer->most = call.instructions;
    }
    layer->calls++;
    layer->instructions += call.instructions;
    call.layer = NO_LAYER;
}

static void begin_call(int layer)
{
    call.layer = layer;
    call.return_address = (previous_block != NULL) ? previous_block->end : 0u;
    call.instructions = 0u;
}

static void on_block(unsigned int vcpu, void *user)
{
    const block_t *const block = user;
    (void)vcpu;
    if ((call.layer != NO_LAYER) && (block->start == call.return_address)) {
        end_call();
    }
    /* a loop may jump back to its function's first instruction: that is no new call */
    if ((block->layer != NO_LAYER) && (block->layer != call.layer)) {
        if (call.layer != NO_LAYER) {
            end_call();
        }
        begin_call(block->layer);
    }
    main_reached = main_reached || block->is_main;
    total_instructions += block->instructions;
    call.instructions += block->instructions;
    previous_block = block;
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

/* QEMU 7.2 reports loads, too, when only stores are asked for. */
static void on_access(unsigned int vcpu, qemu_plugin_meminfo_t info, uint64_t address, void *user)
{
    const uint64_t size = UINT64_C(1) << qemu_plugin_mem_size_shift(info);
    (void)vcpu;
    if (!main_reached || !qemu_plugin_mem_is_store(info)) {
        return;
    }
    if (is_inside(asked.stack, address, size) && (address < lowest_stack_store)) {
        lowest_stack_store = address;
    }
    if ((call.layer != NO_LAYER) && (asked.allowed_count > 0) && !is_allowed(address, size)) {
        if (strays_count < STRAYS_SHOWN) {
            strays[strays_count].instruction = (uint64_t)(uintptr_t)user;
            strays[strays_count].address = address;
        }
        strays_count++;
    }
}

static int layer_at(uint64_t address)
{
    for (int i = 0; i < layers_count; i++) {
        if (layers[i].function == address) {
            return i;
        }
    }
    return NO_LAYER;
}

static void on_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t count = qemu_plugin_tb_n_insns(tb);
    block_t *const block = calloc(1u, sizeof(*block));
    (void)id;
    if (block == NULL) {
        (void)fprintf(stderr, "hv_count: out of memory\n");
        exit(EXIT_FAILURE);
    }
    block->start = qemu_plugin_tb_vaddr(tb);
    block->end = block->start;
    block->instructions = count;
    block->layer = layer_at(block->start);
    block->is_main = (block->start == asked.main_function);
    for (size_t i = 0u; i < count; i++) {
        struct qemu_plugin_insn *const insn = qemu_plugin_tb_get_insn(tb, i);
        block->end += qemu_plugin_insn_size(insn);
        if (asked.has_stack || (asked.allowed_count > 0)) {
            void *const address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);
            qemu_plugin_register_vcpu_mem_cb(insn, on_access, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW, address);
        }
    }
    qemu_plugin_register_vcpu_tb_exec_cb(tb, on_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

static void report_layers(FILE *out)
{
    (void)fprintf(out, "  \"layers\": [");
    for (int i = 0; i < layers_count; i++) {
        (void)fprintf(out, "%s\n    {\"calls\": %" PRIu64 ", \"instructions\": %" PRIu64 ", \"least\": %" PRIu64 ", \"most\": %" PRIu64 "}", (i > 0) ? "," : "", layers[i].calls, layers[i].instructions, layers[i].least, layers[i].most);
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
    if (call.layer != NO_LAYER) {
        end_call();
    }
    (void)fprintf(asked.out, "{\n");
    report_layers(asked.out);
    report_strays(asked.out);
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
        return (layers_count < LAYERS_MAX) && parse_address(value, &layers[layers_count++].function);
    }
    if ((value = value_of(argument, "main")) != NULL) {
        return parse_address(value, &asked.main_function);
    }
    if ((value = value_of(argument, "stack")) != NULL) {
        asked.has_stack = true;
        return parse_range(value, &asked.stack);
    }
    if ((value = value_of(argument, "allow")) != NULL) {
        return (asked.allowed_count < RANGES_MAX) && parse_range(value, &asked.allowed[asked.allowed_count++]);
    }
    return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv)
{
    (void)info;
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
