/* hv_core.c: the first instructions of a 32-bit RISC-V core in machine mode, and its traps.
 * Source: The RISC-V Instruction Set Manual, volume II, "Machine-Level ISA". */
#include "hv_core.h"

#include "hv_exit.h"
#include "hv_reset.h"
#include "hv_semihosting.h"

/* For the compiler, the control registers are an extension of their own; every core with traps has them. */
#define WITH_CONTROL_REGISTERS ".option push\n\t.option arch, +zicsr\n\t"
#define WITHOUT ".option pop\n\t"

void hv_entry(void);
_Noreturn void hv_trapped(uint32_t cause);

/* Any trap ends the program with its cause, on a stack of its own making: the old one may be used up.
 * mtvec wants a multiple of 4, and of 256 where a core knows vectors only, as the ESP32-C3's does: traps then come
 * here all the same, as the first vector. No interrupt is ever enabled. */
__attribute__((naked, aligned(256), used)) static void trap(void)
{
    __asm__ volatile("la sp, hv_stack_top\n\t" WITH_CONTROL_REGISTERS
                     "csrr a0, mcause\n\t" WITHOUT
                     "j hv_trapped");
}

/* Where the core begins: first in flash, or behind what a boot ROM looks for.
 * What lies from the constants to the stack becomes read-only, where the core can protect memory (PMP): an overflow then
 * traps, although the next memory begins there. A core that cannot traps right here, and goes on at 1. */
__attribute__((naked, section(".vectors"), used)) void hv_entry(void)
{
    __asm__ volatile("la sp, hv_stack_top\n\t" WITH_CONTROL_REGISTERS
                     "la t0, 1f\n\t"
                     "csrw mtvec, t0\n\t"
                     "la t0, hv_constants\n\t" /* devices may lie below */
                     "srli t0, t0, 2\n\t"
                     "csrw pmpaddr0, t0\n\t"
                     "la t0, hv_stack_limit\n\t"
                     "srli t0, t0, 2\n\t"
                     "csrw pmpaddr1, t0\n\t"
                     "li t0, 0x8D00\n\t" /* locked, from pmpaddr0 to pmpaddr1, execute and read */
                     "csrw pmpcfg0, t0\n\t"
                     ".balign 4\n\t"
                     "1:\n\t"
                     "la t0, %0\n\t"
                     "csrw mtvec, t0\n\t" WITHOUT
                     "j hv_reset"
                     :
                     : "i"(trap));
}

_Noreturn void hv_trapped(uint32_t cause)
{
    hv_exit((uint32_t)HV_EXIT_TRAP + cause);
}
