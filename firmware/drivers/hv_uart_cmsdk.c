/* hv_uart_cmsdk.c: the APB UART of Arm's Cortex-M System Design Kit, in the MPS2 and MPS3 boards.
 * Source: Arm DDI0479, section 4.3. */
#include "hv_uart.h"

typedef struct {
    uint32_t data;
    uint32_t state;
    uint32_t control;
    uint32_t interrupts;
    uint32_t baud_divider; /* at least 16 */
} hv_uart_registers_t;

#define STATE_TRANSMIT_FULL 1u
#define STATE_RECEIVE_FULL 2u
#define CONTROL_TRANSMIT 1u
#define CONTROL_RECEIVE 2u
#define CONTROL_RECEIVE_INTERRUPT 8u
#define INTERRUPT_RECEIVE 2u

_Static_assert((HV_UART_CLOCK_HZ / HV_UART_BAUD) >= 16u, "the divider's least value");

static volatile hv_uart_registers_t *const uart = (volatile hv_uart_registers_t *)HV_UART_BASE;

void hv_uart_begin(void)
{
    uart->baud_divider = HV_UART_CLOCK_HZ / HV_UART_BAUD;
    uart->control = CONTROL_TRANSMIT | CONTROL_RECEIVE | CONTROL_RECEIVE_INTERRUPT;
}

bool hv_uart_get(uint8_t *byte)
{
    if ((uart->state & STATE_RECEIVE_FULL) == 0u) {
        return false;
    }
    uart->interrupts = INTERRUPT_RECEIVE; /* clears it, before the next byte can come */
    *byte = (uint8_t)(uart->data & 0xFFu);
    return true;
}

bool hv_uart_put(uint8_t byte)
{
    if ((uart->state & STATE_TRANSMIT_FULL) != 0u) {
        return false;
    }
    uart->data = byte;
    return true;
}
