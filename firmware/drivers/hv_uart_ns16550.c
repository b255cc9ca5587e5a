/* hv_uart_ns16550.c: the 16550 and its many descendants, registers one byte apart.
 * Source: National Semiconductor, PC16550D, section 8. */
#include "hv_uart.h"

#define REGISTER(offset) (*(volatile uint8_t *)(HV_UART_BASE + (offset)))
#define DATA REGISTER(0u)           /* with DIVISOR_ACCESS: the divisor's low byte */
#define INTERRUPTS REGISTER(1u)     /* with DIVISOR_ACCESS: its high byte */
#define FIFO_CONTROL REGISTER(2u)
#define LINE_CONTROL REGISTER(3u)
#define LINE_STATUS REGISTER(5u)

#define FIFO_ON_AND_EMPTY 0x07u
#define INTERRUPT_RECEIVED 0x01u
#define EIGHT_BITS 0x03u
#define DIVISOR_ACCESS 0x80u
#define STATUS_RECEIVED 0x01u
#define STATUS_CAN_TRANSMIT 0x20u

#define DIVISOR (HV_UART_CLOCK_HZ / (16u * HV_UART_BAUD))

_Static_assert((DIVISOR >= 1u) && (DIVISOR <= 0xFFFFu), "the divisor has 16 bits");

void hv_uart_begin(void)
{
    INTERRUPTS = 0u;
    LINE_CONTROL = DIVISOR_ACCESS | EIGHT_BITS;
    DATA = (uint8_t)(DIVISOR & 0xFFu);
    INTERRUPTS = (uint8_t)(DIVISOR >> 8);
    LINE_CONTROL = EIGHT_BITS;
    FIFO_CONTROL = FIFO_ON_AND_EMPTY;
    INTERRUPTS = INTERRUPT_RECEIVED;
}

bool hv_uart_get(uint8_t *byte)
{
    if ((LINE_STATUS & STATUS_RECEIVED) == 0u) {
        return false;
    }
    *byte = DATA;
    return true;
}

bool hv_uart_put(uint8_t byte)
{
    if ((LINE_STATUS & STATUS_CAN_TRANSMIT) == 0u) {
        return false;
    }
    DATA = byte;
    return true;
}
