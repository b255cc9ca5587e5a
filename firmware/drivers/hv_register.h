/* hv_register.h: a 32-bit register of a device, by its address. */
#ifndef HV_REGISTER_H
#define HV_REGISTER_H

#include <stdint.h>

#define HV_REGISTER(address) (*(volatile uint32_t *)(uintptr_t)(address))

#endif
