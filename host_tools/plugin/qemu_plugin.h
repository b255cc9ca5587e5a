/* qemu_plugin.h: the part of QEMU's plugin interface that is used here, declared again: Debian ships no such
 * header.
 *
 * Source: QEMU 7.2 docs/devel/tcg-plugins.rst and include/qemu/qemu-plugin.h (plugin API version 1). */
#ifndef QEMU_PLUGIN_H
#define QEMU_PLUGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;

/* The beginning of it. */
struct qemu_info {
    const char *target_name; /* "arm", "riscv32" */
};

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
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
unsigned int qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t info);
bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t info);

#define EXPORTED __attribute__((visibility("default")))
extern EXPORTED int qemu_plugin_version;

EXPORTED int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info, int argc, char **argv);

#endif
