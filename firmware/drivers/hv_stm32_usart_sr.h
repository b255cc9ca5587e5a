/* hv_stm32_usart_sr.h: the USART of the older STM32s, with one status and one data register: F1 and F4.
 * Source: ST RM0090, section 30.6; RM0041, "USART registers": the same. */
#ifndef HV_STM32_USART_SR_H
#define HV_STM32_USART_SR_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_register.h"

#define HV_USART_STATUS HV_REGISTER(HV_UART_BASE + 0x00u)
#define HV_USART_DATA HV_REGISTER(HV_UART_BASE + 0x04u)
#define HV_USART_BAUD_RATE HV_REGISTER(HV_UART_BASE + 0x08u)
#define HV_USART_CONTROL_1 HV_REGISTER(HV_UART_BASE + 0x0Cu)

#define HV_USART_RECEIVED (1u << 5)
#define HV_USART_CAN_TRANSMIT (1u << 7)
#define HV_USART_ENABLE (1u << 13)
#define HV_USART_TRANSMIT (1u << 3)
#define HV_USART_RECEIVE (1u << 2)
#define HV_USART_RECEIVE_INTERRUPT (1u << 5)

/* In sixteenths of 16 samples a bit: just the quotient. */
#define HV_USART_DIVISOR ((HV_UART_CLOCK_HZ + (HV_UART_BAUD / 2u)) / HV_UART_BAUD)

_Static_assert((HV_USART_DIVISOR >= 16u) && (HV_USART_DIVISOR <= 0xFFFFu), "12 bits and a fraction of four");

/* Its clock is on, and its pins are its own. */
static inline void hv_usart_begin(void)
{
    HV_USART_BAUD_RATE = HV_USART_DIVISOR;
    HV_USART_CONTROL_1 = HV_USART_ENABLE | HV_USART_TRANSMIT | HV_USART_RECEIVE | HV_USART_RECEIVE_INTERRUPT;
}

/* Reading the status, then the data also clears what an overrun left. */
static inline bool hv_usart_get(uint8_t *byte)
{
    if ((HV_USART_STATUS & HV_USART_RECEIVED) == 0u) {
        return false;
    }
    *byte = (uint8_t)(HV_USART_DATA & 0xFFu);
    return true;
}

static inline bool hv_usart_put(uint8_t byte)
{
    if ((HV_USART_STATUS & HV_USART_CAN_TRANSMIT) == 0u) {
        return false;
    }
    HV_USART_DATA = byte;
    return true;
}

#endif
