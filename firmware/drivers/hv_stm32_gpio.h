/* hv_stm32_gpio.h: pins of the STM32s whose ports have MODER and AFR (all but the F1). A pin's number is 16 times its
 * port's, A being 0, and its own: PD8 is 56.
 * Source: ST RM0090, section 8.4; RM0432 and RM0433, "GPIO registers": the same. */
#ifndef HV_STM32_GPIO_H
#define HV_STM32_GPIO_H

#include <stdint.h>

#include "hv_register.h"

#define HV_STM32_PORT(pin) ((pin) / 16u)

#define HV_STM32_PORT_BYTES 0x400u
#define HV_STM32_MODE_ALTERNATE 2u
#define HV_STM32_PULL_UP 1u

/* Replaces `width` bits of a register. */
static inline void hv_stm32_set_bits(uint32_t address, uint32_t at, uint32_t width, uint32_t value)
{
    const uint32_t mask = ((1u << width) - 1u) << at;
    HV_REGISTER(address) = (HV_REGISTER(address) & ~mask) | (value << at);
}

/* Gives a pin to a peripheral, pulled up: a line that nobody drives rests. The port's clock is on.
 * The function comes before the mode, so that the pin is never another peripheral's. */
static inline void hv_stm32_give_pin(uint32_t gpio_base, uint32_t pin, uint32_t function)
{
    const uint32_t port = gpio_base + (HV_STM32_PORT_BYTES * HV_STM32_PORT(pin));
    const uint32_t at = pin % 16u;
    hv_stm32_set_bits(port + 0x20u + (4u * (at / 8u)), 4u * (at % 8u), 4u, function); /* AFRL, AFRH */
    hv_stm32_set_bits(port + 0x0Cu, 2u * at, 2u, HV_STM32_PULL_UP);                    /* PUPDR */
    hv_stm32_set_bits(port + 0x00u, 2u * at, 2u, HV_STM32_MODE_ALTERNATE);             /* MODER */
}

#endif
