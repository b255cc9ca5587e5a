/* hv_core.h: what the start-up code needs of a Cortex-M core and C cannot say. Each family of cores has a
 * file of this name with the same functions. */
#ifndef HV_CORE_H
#define HV_CORE_H

#include <stdint.h>

/* The first thing after reset. */
static inline void hv_core_prepare(void)
{
    /* Inference uses no floating point, but the compilers keep integers in its registers, and Helium's are
     * the same ones. Source: Armv7-M and Armv8-M Architecture Reference Manuals, "CPACR". */
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u;
    *cpacr |= 0xFu << 20; /* full access to coprocessors 10 and 11 */
    __asm__ volatile("dsb\n\tisb" ::
                         : "memory");
#endif
}

static inline const uint32_t *hv_core_stack_pointer(void)
{
    const uint32_t *stack_pointer;
    __asm__ volatile("mov %0, sp"
                     : "=r"(stack_pointer));
    return stack_pointer;
}

/* Semihosting: the debugger sees the breakpoint, reads r0 and r1, and puts its answer into r0. */
static inline int32_t hv_core_call_host(uint32_t operation, const uint32_t arguments[])
{
    register uint32_t r0 __asm__("r0") = operation;
    register const uint32_t *r1 __asm__("r1") = arguments;
    __asm__ volatile("bkpt 0xAB"
                     : "+r"(r0)
                     : "r"(r1)
                     : "memory");
    return (int32_t)r0;
}

#endif
