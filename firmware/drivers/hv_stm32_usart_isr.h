/* hv_stm32_usart_isr.h: the USART and LPUART of the newer STM32s, which receive and send in registers of their own:
 * L4 and H7. The divisor is the includer's: an LPUART counts it in another way.
 * Source: ST RM0433, "USART registers"; RM0432, "USART registers" and "LPUART registers". Without their FIFOs. */
#ifndef HV_STM32_USART_ISR_H
#define HV_STM32_USART_ISR_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_register.h"

#define HV_USART_CONTROL_1 HV_REGISTER(HV_UART_BASE + 0x00u)
#define HV_USART_BAUD_RATE HV_REGISTER(HV_UART_BASE + 0x0Cu)
#define HV_USART_STATUS HV_REGISTER(HV_UART_BASE + 0x1Cu)
#define HV_USART_CLEAR HV_REGISTER(HV_UART_BASE + 0x20u)
#define HV_USART_RECEIVE_DATA HV_REGISTER(HV_UART_BASE + 0x24u)
#define HV_USART_TRANSMIT_DATA HV_REGISTER(HV_UART_BASE + 0x28u)

#define HV_USART_OVERRUN (1u << 3)
#define HV_USART_RECEIVED (1u << 5)
#define HV_USART_CAN_TRANSMIT (1u << 7)
#define HV_USART_ENABLE (1u << 0)
#define HV_USART_TRANSMIT (1u << 3)
#define HV_USART_RECEIVE (1u << 2)
#define HV_USART_RECEIVE_INTERRUPT (1u << 5)

/* Its clock is on, and its pins are its own. The divisor can be written only while it is off. */
static inline void hv_usart_begin(uint32_t divisor)
{
    HV_USART_CONTROL_1 = 0u;
    HV_USART_BAUD_RATE = divisor;
    HV_USART_CONTROL_1 = HV_USART_ENABLE | HV_USART_TRANSMIT | HV_USART_RECEIVE | HV_USART_RECEIVE_INTERRUPT;
}

/* An overrun is cleared, or its interrupt would keep the core awake; the frame's CRC tells of the lost byte. */
static inline bool hv_usart_get(uint8_t *byte)
{
    const uint32_t status = HV_USART_STATUS;
    if ((status & HV_USART_OVERRUN) != 0u) {
        HV_USART_CLEAR = HV_USART_OVERRUN;
    }
    if ((status & HV_USART_RECEIVED) == 0u) {
        return false;
    }
    *byte = (uint8_t)(HV_USART_RECEIVE_DATA & 0xFFu);
    return true;
}

static inline bool hv_usart_put(uint8_t byte)
{
    if ((HV_USART_STATUS & HV_USART_CAN_TRANSMIT) == 0u) {
        return false;
    }
    HV_USART_TRANSMIT_DATA = byte;
    return true;
}

#endif
