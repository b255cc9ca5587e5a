/* hv_board.c: a board that runs at the clock it has after reset and has no watchdog running.
 * Cycle counter: Armv7-M Architecture Reference Manual, "The Data Watchpoint and Trace unit". */
#include "hv_board.h"

#if defined(__ARM_ARCH) && (__ARM_ARCH >= 7)
#define HAS_CYCLE_COUNTER 1
#define DEMCR (*(volatile uint32_t *)0xE000EDFCu)
#define DWT_CONTROL (*(volatile uint32_t *)0xE0001000u)
#define DWT_CYCLES (*(volatile uint32_t *)0xE0001004u)
#define DEMCR_TRACE (1u << 24)
#define DWT_COUNT_CYCLES 1u
#else
#define HAS_CYCLE_COUNTER 0
#endif

void hv_board_begin(void)
{
#if HAS_CYCLE_COUNTER
    DEMCR |= DEMCR_TRACE;
    DWT_CONTROL |= DWT_COUNT_CYCLES;
#endif
}

void hv_board_kick(void)
{
}

bool hv_board_may_sleep(void)
{
    return true;
}

uint32_t hv_board_cycles(void)
{
#if HAS_CYCLE_COUNTER
    return DWT_CYCLES;
#else
    return 0u;
#endif
}
