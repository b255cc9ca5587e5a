/* hv_stm32_flash.h: how the flash controllers of the STM32F4 and L4 are unlocked, waited for and locked: the same.
 * Whoever includes it says before: `controller`, with registers key, status and control; STATUS_ERRORS; ERASE_LIMIT_MS.
 * Source: ST RM0090, section 3.9; RM0432, section 3.7. */
#ifndef HV_STM32_FLASH_H
#define HV_STM32_FLASH_H

#include "hv_storage_blocks.h"

#define KEY_1 0x45670123u
#define KEY_2 0xCDEF89ABu
#define STATUS_BUSY (1u << 16)
#define CONTROL_LOCK (1u << 31)

static bool is_idle(uint32_t limit_ms)
{
    hv_storage_settle();
    for (uint32_t turn = 0u; turn < HV_STORAGE_TURNS(limit_ms); turn++) {
        if ((controller->status & STATUS_BUSY) == 0u) {
            return true;
        }
        hv_board_kick();
    }
    return false;
}

/* Whether an operation has ended, and without an error. */
static bool has_worked(uint32_t limit_ms)
{
    return is_idle(limit_ms) && ((controller->status & STATUS_ERRORS) == 0u);
}

/* The second key unlocks it; after any other order it stays locked until the next reset. */
static bool can_begin(uint32_t operation)
{
    if (!is_idle(ERASE_LIMIT_MS)) {
        return false;
    }
    if ((controller->control & CONTROL_LOCK) != 0u) {
        controller->key = KEY_1;
        controller->key = KEY_2;
    }
    if ((controller->control & CONTROL_LOCK) != 0u) {
        return false;
    }
    controller->status = STATUS_ERRORS; /* ones clear them */
    controller->control = operation;
    hv_storage_settle();
    return true;
}

/* While it is busy, the register cannot be written. */
static void end(void)
{
    if ((controller->status & STATUS_BUSY) == 0u) {
        controller->control = CONTROL_LOCK;
    }
}

#endif
