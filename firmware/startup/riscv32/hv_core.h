/* hv_core.h: what the start-up code needs of a 32-bit RISC-V core and C cannot say. Each family of cores has
 * a file of this name with the same functions. */
#ifndef HV_CORE_H
#define HV_CORE_H

#include <stdint.h>

/* The first thing after reset; hv_core.c has done it before there was a stack. */
static inline void hv_core_prepare(void)
{
}

static inline const uint32_t *hv_core_stack_pointer(void)
{
    const uint32_t *stack_pointer;
    __asm__ volatile("mv %0, sp"
                     : "=r"(stack_pointer));
    return stack_pointer;
}

/* Semihosting: the debugger knows the breakpoint by the two shifts around it, which do nothing; it reads a0
 * and a1, and puts its answer into a0. All three have 32 bits and lie in one page.
 * Source: RISC-V Semihosting, version 0.4, section 3.1. */
static inline int32_t hv_core_call_host(uint32_t operation, const uint32_t arguments[])
{
    register uint32_t a0 __asm__("a0") = operation;
    register const uint32_t *a1 __asm__("a1") = arguments;
    __asm__ volatile(".balign 16\n\t"
                     ".option push\n\t"
                     ".option norvc\n\t"
                     "slli x0, x0, 0x1f\n\t"
                     "ebreak\n\t"
                     "srai x0, x0, 7\n\t"
                     ".option pop"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return (int32_t)a0;
}

#endif
