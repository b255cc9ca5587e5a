/* hv_arena.h: typed views of the caller's arena.
 *
 * The arena is bytes; the memory plan gives every tensor an offset that is a multiple of 16, so
 * each view is aligned. Deviation: the casts below break MISRA C:2012 rule 11.3 on purpose; a
 * byte of the arena is never read through another type than it was last written through, except
 * through character types. */
#ifndef HV_ARENA_H
#define HV_ARENA_H

#include "hv_types.h"

static inline int8_t *hv_at_int8(uint8_t arena[], uint32_t offset_bytes)
{
    return (int8_t *)&arena[offset_bytes];
}

static inline int16_t *hv_at_int16(uint8_t arena[], uint32_t offset_bytes)
{
    return (int16_t *)(void *)&arena[offset_bytes];
}

static inline uint32_t *hv_at_uint32(uint8_t arena[], uint32_t offset_bytes)
{
    return (uint32_t *)(void *)&arena[offset_bytes];
}

static inline int32_t *hv_at_int32(uint8_t arena[], uint32_t offset_bytes)
{
    return (int32_t *)(void *)&arena[offset_bytes];
}

static inline hv_result_t *hv_at_result(uint8_t arena[], uint32_t offset_bytes)
{
    return (hv_result_t *)(void *)&arena[offset_bytes];
}

#endif
