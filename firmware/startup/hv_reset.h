/* hv_reset.h: where a core begins once it has a stack. */
#ifndef HV_RESET_H
#define HV_RESET_H

#include <stdint.h>

/* The ends of the stack, placed by sections.ld; only their addresses mean anything. */
extern uint32_t hv_stack_limit[];
extern uint32_t hv_stack_top[];

/* From reset to main and to the exit. */
_Noreturn void hv_reset(void);

#endif
