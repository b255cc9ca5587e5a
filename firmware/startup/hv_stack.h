/* hv_stack.h: how deep the stack has been, seen from the paint the start-up code left on it. */
#ifndef HV_STACK_H
#define HV_STACK_H

#include <stdint.h>

/* The word the start-up code fills the unused stack with. */
#define HV_STACK_PAINT 0xC5A3C5A3u

/* Deepest use since reset, in bytes: from the top of the stack to the lowest word that lost its paint.
 * A frame that is reserved and never written to is not seen; host_tools/stack.py has the proved bound. */
uint32_t hv_stack_used_bytes(void);

#endif
