/* hv_uart_rp2040.c: UART0 of the RP2040, from the crystal, on the board's pins: HV_UART_TX_PIN and HV_UART_RX_PIN are
 * GPIO numbers. See hv_rp2.h.
 * Source: RP2040 Datasheet, section 2.2.4 (addresses), 2.14.3 (resets), 2.17 (ROSC: nominally 6.5 MHz). */
#include "hv_uart.h"

#include "hv_rp2.h"

_Static_assert(HV_UART_BASE == 0x40034000u, "this driver knows UART0");

static const hv_rp2_t chip = {
    .resets = 0x4000C000u,
    .reset_bits = (1u << 5) | (1u << 8) | (1u << 22),
    .clocks = 0x40008000u,
    .crystal = 0x40024000u,
    .io = 0x40014000u,
    .pads = 0x4001C000u,
    .ring_divisor = HV_RP2_DIVISOR(6500000u),
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
