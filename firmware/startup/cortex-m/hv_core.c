/* hv_core.c: the vector table of any Cortex-M (M0 to M55).
 * Source: Armv7-M and Armv8-M Architecture Reference Manuals, "The vector table". */
#include "hv_core.h"

#include <stdint.h>

#include "hv_exit.h"
#include "hv_reset.h"
#include "hv_semihosting.h"
#if defined(HV_STORAGE_EXCEPTION)
#include "hv_storage_forgives.h"
#endif

#define EXCEPTIONS 16u /* the architecture's own; no interrupt of a device is ever enabled */

/* Any exception ends the program with its number, so that a fault never looks like a hang; but one that flash raises
 * where power was lost. */
static void fault(void)
{
    uint32_t exception_number;
    __asm__ volatile("mrs %0, ipsr"
                     : "=r"(exception_number));
#if defined(HV_STORAGE_EXCEPTION)
    if ((exception_number == HV_STORAGE_EXCEPTION) && hv_storage_forgives()) {
        return;
    }
#endif
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
