/* hv_uart_rp2350.c: UART0 of the RP2350, from the crystal, on the board's pins: HV_UART_TX_PIN and HV_UART_RX_PIN are
 * GPIO numbers. See hv_rp2.h.
 * Source: RP2350 Datasheet, section 2.2.4 (addresses), 7.5.3 (resets), 8.3 (ROSC: nominally 11 MHz). */
#include "hv_uart.h"

#include "hv_rp2.h"

_Static_assert(HV_UART_BASE == 0x40070000u, "this driver knows UART0");

static const hv_rp2_t chip = {
    .resets = 0x40020000u,
    .reset_bits = (1u << 6) | (1u << 9) | (1u << 26),
    .clocks = 0x40010000u,
    .crystal = 0x40048000u,
    .io = 0x40028000u,
    .pads = 0x40038000u,
    .ring_divisor = HV_RP2_DIVISOR(11000000u),
};

void hv_uart_begin(void)
{
    hv_rp2_begin(&chip);
}

bool hv_uart_get(uint8_t *byte)
{
    return hv_rp2_get(byte);
}

bool hv_uart_put(uint8_t byte)
{
    return hv_rp2_put(byte);
}
