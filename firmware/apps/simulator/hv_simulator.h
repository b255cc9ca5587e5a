/* hv_simulator.h: the emitted kernel as a library of the host, for host_tools/simulator.py. */
#ifndef HV_SIMULATOR_H
#define HV_SIMULATOR_H

#include <stdint.h>

#include "hv_model.h"

/* Kept out of the way of everything else the library may export. */
#define HV_SIMULATOR_API __attribute__((visibility("default")))

/* The kernel's ABI hash, 64 hexadecimal characters. */
HV_SIMULATOR_API const char *hv_simulator_abi(void);

/* Size of one person's weights (0 if nothing is a person's), and the weights this library was built with. */
HV_SIMULATOR_API uint32_t hv_simulator_person_bytes(void);
HV_SIMULATOR_API const void *hv_simulator_person(void);

/* results: the hv_model_result_t of each image, without gaps. Stops at the first answer that is not HV_OK and returns it.
 * images are aligned to HV_MODEL_IMAGE_ALIGNMENT.
 * arena: HV_MODEL_ARENA_BYTES, aligned to HV_MODEL_ARENA_ALIGNMENT; the caller owns it, so that
 * threads with arenas of their own may call at the same time. */
HV_SIMULATOR_API int32_t hv_simulator_run(const void *person, const uint8_t images[], uint32_t count,
                                          uint8_t arena[HV_MODEL_ARENA_BYTES], uint8_t results[]);

/* tensors: every layer's tensor of image 0, then of image 1, ..., without gaps. */
HV_SIMULATOR_API int32_t hv_simulator_trace(const void *person, const uint8_t images[], uint32_t count,
                                            uint8_t arena[HV_MODEL_ARENA_BYTES], uint8_t tensors[]);

#endif
