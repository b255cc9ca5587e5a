/* hv_uart.h: the serial port of a board, polled. One hv_uart_<kind>.c for each kind of hardware; a board.toml says
 * which one, at which address.
 *
 * The build defines HV_UART_BASE, HV_UART_CLOCK_HZ and HV_UART_BAUD, and HV_UART_IRQ where what arrives shall wake
 * the core (hv_sleep.h). Eight bits, no parity, one stop bit. */
#ifndef HV_UART_H
#define HV_UART_H

#include <stdbool.h>
#include <stdint.h>

/* Before anything else; what came before is lost. */
void hv_uart_begin(void);

/* Takes a byte that has arrived; false: there is none. */
bool hv_uart_get(uint8_t *byte);

/* Sends a byte; false: there is no room for it now. */
bool hv_uart_put(uint8_t byte);

#endif
