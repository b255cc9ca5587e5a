/* hv_board.h: what an application asks of the board beside its serial port. hv_board.c serves most; a folder of
 * firmware/boards with a board.c of its own replaces it. */
#ifndef HV_BOARD_H
#define HV_BOARD_H

#include <stdbool.h>
#include <stdint.h>

/* Once, before the serial port: clocks, counters. Every wait in it is bounded. */
void hv_board_begin(void);

/* Called in every turn of the main loop, and before and after every inference: feed a watchdog here.
 * The longest time between two calls is one inference, or the check of a signature with what flash takes, or the sleep. */
void hv_board_kick(void);

/* Whether the core may sleep until the next byte comes: not where a watchdog runs and no timer wakes the core. */
bool hv_board_may_sleep(void);

/* A counter of core cycles that wraps at 2^32; one that stands still says that the board has none. */
uint32_t hv_board_cycles(void);

#endif
