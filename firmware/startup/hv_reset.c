/* hv_reset.c: from reset to main, without a C library. What differs between cores is in hv_core.h. */
#include "hv_reset.h"

#include <stdbool.h>
#include <stdint.h>

#include "hv_core.h"
#include "hv_semihosting.h"
#include "hv_stack.h"

/* Placed by sections.ld; only their addresses mean anything. */
extern const uint32_t hv_data_in_flash[];
extern uint32_t hv_data_start[];
extern uint32_t hv_data_end[];
extern uint32_t hv_bss_start[];
extern uint32_t hv_bss_end[];

/* Words below the stack pointer that painting leaves alone: its own frame may still grow. */
#define PAINT_MARGIN_WORDS 16u

int main(void);

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
    const uint32_t *const end = hv_core_stack_pointer() - PAINT_MARGIN_WORDS;
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
    hv_core_prepare();
    copy_data();
    clear_bss();
    paint_stack();
    hv_exit((uint32_t)main());
}
