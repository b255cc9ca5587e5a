/* hv_uart_nrf51.c: the UART of the nRF51, which the nRF52 still has. Its pins are the board's: HV_UART_TX_PIN and
 * HV_UART_RX_PIN, 0 to 31 of port 0, and from 32 on of port 1, which some nRF52 have: P1.08 is 40.
 * Source: nRF51 Series Reference Manual 3.0, sections 12 (CLOCK), 15 (GPIO) and 29 (UART); nRF52833 Product
 * Specification, "GPIO" (P1 at 0x5000_0300), "UART" (PSEL: five bits of pin, then one of port). */
#include "hv_uart.h"

#include "hv_register.h"

#define UART(offset) HV_REGISTER(HV_UART_BASE + (offset))
#define START_RECEIVE UART(0x000u)
#define START_TRANSMIT UART(0x008u)
#define RECEIVED UART(0x108u)
#define TRANSMITTED UART(0x11Cu)
#define ENABLE_INTERRUPTS UART(0x304u)
#define ENABLE UART(0x500u)
#define SELECT_TX UART(0x50Cu)
#define SELECT_RX UART(0x514u)
#define RECEIVE_DATA UART(0x518u)
#define TRANSMIT_DATA UART(0x51Cu)
#define BAUD_RATE UART(0x524u)

/* Without a wait: the chip itself goes over from its RC oscillator, which may be several per cent off, when the crystal runs. */
#define START_CRYSTAL HV_REGISTER(0x40000000u)

#define GPIO_PORT(pin) (0x50000000u + (0x300u * ((pin) / 32u)))
#define GPIO_SET(pin) HV_REGISTER(GPIO_PORT(pin) + 0x508u)
#define GPIO_CONFIGURE(pin) HV_REGISTER(GPIO_PORT(pin) + 0x700u + (4u * ((pin) % 32u)))
#define PIN_IS_OUTPUT 3u /* without the input buffer */
#define PIN_IS_INPUT 0u

#define ENABLED 4u
#define INTERRUPT_RECEIVED (1u << 2)
#define BAUD_115200 0x01D7E000u

_Static_assert(HV_UART_BAUD == 115200u, "the only rate this driver knows the setting of");
_Static_assert((HV_UART_TX_PIN < 64u) && (HV_UART_RX_PIN < 64u), "two ports");

static bool is_sending; /* a byte is on its way, and TRANSMITTED will tell */

void hv_uart_begin(void)
{
    START_CRYSTAL = 1u;
    GPIO_SET(HV_UART_TX_PIN) = 1u << (HV_UART_TX_PIN % 32u); /* the line rests high */
    GPIO_CONFIGURE(HV_UART_TX_PIN) = PIN_IS_OUTPUT;
    GPIO_CONFIGURE(HV_UART_RX_PIN) = PIN_IS_INPUT;
    SELECT_TX = HV_UART_TX_PIN; /* the number's sixth bit is the port's, where there are two */
    SELECT_RX = HV_UART_RX_PIN;
    BAUD_RATE = BAUD_115200;
    ENABLE = ENABLED;
    ENABLE_INTERRUPTS = INTERRUPT_RECEIVED;
    START_TRANSMIT = 1u;
    START_RECEIVE = 1u;
    is_sending = false;
}

bool hv_uart_get(uint8_t *byte)
{
    if (RECEIVED == 0u) {
        return false;
    }
    RECEIVED = 0u; /* before the byte is read: the next one may follow at once */
    *byte = (uint8_t)(RECEIVE_DATA & 0xFFu);
    return true;
}

bool hv_uart_put(uint8_t byte)
{
    if (is_sending && (TRANSMITTED == 0u)) {
        return false;
    }
    TRANSMITTED = 0u;
    TRANSMIT_DATA = byte;
    is_sending = true;
    return true;
}
