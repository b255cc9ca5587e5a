/* hv_startup.c: from reset to main on any Cortex-M (M0 to M55), without a C library.
 * Sources: Armv7-M and Armv8-M Architecture Reference Manuals, "The vector table" and "CPACR". */
#include <stdbool.h>
#include <stdint.h>

#include "hv_exit.h"
#include "hv_semihosting.h"
#include "hv_stack.h"

/* Placed by sections.ld; only their addresses mean anything. */
extern uint32_t hv_stack_limit[];
extern uint32_t hv_stack_top[];
extern const uint32_t hv_data_in_flash[];
extern uint32_t hv_data_start[];
extern uint32_t hv_data_end[];
extern uint32_t hv_bss_start[];
extern uint32_t hv_bss_end[];

/* Words below the stack pointer that painting leaves alone: its own frame may still grow. */
#define PAINT_MARGIN_WORDS 16u

#define EXCEPTIONS 16u /* the architecture's own; no interrupt of a device is ever enabled */

int main(void);
_Noreturn void hv_reset(void);

/* Any exception ends the program with its number, so that a fault never looks like a hang. */
static _Noreturn void fault(void)
{
    uint32_t exception_number;
    __asm__ volatile("mrs %0, ipsr"
                     : "=r"(exception_number));
    hv_exit((uint32_t)HV_EXIT_FAULT + exception_number);
}

typedef void (*handler_t)(void);

/* What the core reads at reset and at every exception. */
typedef struct {
    uint32_t *initial_stack;
    handler_t handlers[EXCEPTIONS - 1u]; /* handlers[n - 1] serves exception n */
} vector_table_t;

_Static_assert(sizeof(vector_table_t) == EXCEPTIONS * sizeof(uint32_t), "the core expects 16 words");

__attribute__((section(".vectors"), used)) static const vector_table_t vector_table = {
    .initial_stack = hv_stack_top,
    .handlers = {
        hv_reset, /* 1 Reset */
        fault, /* 2 NMI */
        fault, /* 3 HardFault */
        fault, /* 4 MemManage */
        fault, /* 5 BusFault */
        fault, /* 6 UsageFault */
        fault, /* 7 SecureFault (Armv8-M), else reserved */
        fault, /* 8 reserved */
        fault, /* 9 reserved */
        fault, /* 10 reserved */
        fault, /* 11 SVCall */
        fault, /* 12 DebugMonitor, else reserved */
        fault, /* 13 reserved */
        fault, /* 14 PendSV */
        fault, /* 15 SysTick */
    },
};

static void enable_coprocessors(void)
{
    /* Inference uses no floating point, but the compilers keep integers in its registers, and Helium's are
     * the same ones. */
#if defined(__ARM_FP) || defined(__ARM_FEATURE_MVE)
    volatile uint32_t *const cpacr = (volatile uint32_t *)0xE000ED88u;
    *cpacr |= 0xFu << 20; /* full access to coprocessors 10 and 11 */
    __asm__ volatile("dsb\n\tisb" ::
                         : "memory");
#endif
}

/* By address: to the language, two symbols of the linker script are two unrelated objects. */
static bool is_below(const volatile uint32_t *word, const uint32_t *end)
{
    return (uintptr_t)word < (uintptr_t)end;
}

static void copy_data(void)
{
    const uint32_t *source = hv_data_in_flash;
    for (uint32_t *word = hv_data_start; is_below(word, hv_data_end); word++) {
        *word = *source;
        source++;
    }
}

static void clear_bss(void)
{
    for (uint32_t *word = hv_bss_start; is_below(word, hv_bss_end); word++) {
        *word = 0u;
    }
}

static void paint_stack(void)
{
    const uint32_t *stack_pointer;
    __asm__ volatile("mov %0, sp"
                     : "=r"(stack_pointer));
    const uint32_t *const end = stack_pointer - PAINT_MARGIN_WORDS;
    /* volatile: the compiler must neither drop these stores nor turn them into a call */
    for (volatile uint32_t *word = hv_stack_limit; is_below(word, end); word++) {
        *word = HV_STACK_PAINT;
    }
}

uint32_t hv_stack_used_bytes(void)
{
    const volatile uint32_t *word = hv_stack_limit;
    while (is_below(word, hv_stack_top) && (*word == HV_STACK_PAINT)) {
        word++;
    }
    return (uint32_t)((uintptr_t)hv_stack_top - (uintptr_t)word);
}

_Noreturn void hv_reset(void)
{
    enable_coprocessors();
    copy_data();
    clear_bss();
    paint_stack();
    hv_exit((uint32_t)main());
}
