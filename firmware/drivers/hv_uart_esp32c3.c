/* hv_uart_esp32c3.c: UART0 of the ESP32-C3, on the pins that it has without the GPIO matrix: GPIO21 sends, GPIO20
 * receives. Its clock is the 40 MHz crystal, whatever clock the core has.
 * Source: ESP32-C3 Technical Reference Manual, "UART Controller", "IO MUX and GPIO Matrix", "System Registers". */
#include "hv_uart.h"

#include "hv_register.h"

#define CLOCKS HV_REGISTER(0x600C0010u) /* SYSTEM_PERIP_CLK_EN0 */
#define RESETS HV_REGISTER(0x600C0018u) /* SYSTEM_PERIP_RST_EN0 */
#define UART0 (1u << 2)
#define UART_MEMORY (1u << 24) /* the FIFOs of all UARTs */

#define PIN_RECEIVES HV_REGISTER(0x60009054u) /* IO_MUX_GPIO20; function 0 is U0RXD */
#define PIN_SENDS HV_REGISTER(0x60009058u)    /* IO_MUX_GPIO21; function 0 is U0TXD */
#define INPUT_PULLED_UP ((1u << 9) | (1u << 8))
#define DRIVE (2u << 10) /* as after reset */

/* Read and written as whole words: anything else would take a byte out of the FIFO. */
#define DATA HV_REGISTER(HV_UART_BASE + 0x00u)
#define INTERRUPTS HV_REGISTER(HV_UART_BASE + 0x0Cu)
#define RATE HV_REGISTER(HV_UART_BASE + 0x14u)
#define STATUS HV_REGISTER(HV_UART_BASE + 0x1Cu)
#define FORMAT HV_REGISTER(HV_UART_BASE + 0x20u)
#define CLOCK HV_REGISTER(HV_UART_BASE + 0x78u)
#define UPDATE HV_REGISTER(HV_UART_BASE + 0x80u)

#define EIGHT_BITS ((1u << 28) | (1u << 4) | (3u << 2)) /* with one stop bit, and power for the FIFOs */
#define EMPTY_FIFOS ((1u << 18) | (1u << 17))
/* The crystal, not divided, to both sides. */
#define CRYSTAL ((1u << 25) | (1u << 24) | (1u << 22) | (3u << 20))
#define CORE_RESET (1u << 23)
#define TAKE_OVER (1u << 31)

#define RECEIVED(status) ((status) & 0x3FFu)
#define UNSENT(status) (((status) >> 16) & 0x3FFu)
#define FIFO_BYTES 128u

/* In sixteenths: 12 bits and a fraction of four. */
#define DIVISOR (((16u * HV_UART_CLOCK_HZ) + (HV_UART_BAUD / 2u)) / HV_UART_BAUD)

_Static_assert((DIVISOR >= 16u) && (DIVISOR <= 0xFFFFu), "12 bits and a fraction of four");
_Static_assert(HV_UART_CLOCK_HZ <= 0x0FFFFFFFu, "sixteen times the clock has 32 bits");
_Static_assert(HV_UART_BASE == 0x60000000u, "this driver knows UART0");

/* The core of the UART is held in reset while the rest of it is, or it sends garbage (ESP-IDF, hal/esp32c3, uart_ll.h).
 * What the ROM printed and is still in the FIFO is lost. */
void hv_uart_begin(void)
{
    CLOCKS |= UART0 | UART_MEMORY;
    RESETS &= ~(UART0 | UART_MEMORY);
    CLOCK = CRYSTAL | CORE_RESET;
    RESETS |= UART0;
    RESETS &= ~UART0;
    CLOCK = CRYSTAL;
    PIN_SENDS = DRIVE;
    PIN_RECEIVES = DRIVE | INPUT_PULLED_UP;
    INTERRUPTS = 0u;
    RATE = (DIVISOR / 16u) | ((DIVISOR % 16u) << 20);
    FORMAT = EIGHT_BITS | EMPTY_FIFOS;
    FORMAT = EIGHT_BITS;
    UPDATE |= TAKE_OVER; /* clears itself */
}

bool hv_uart_get(uint8_t *byte)
{
    if (RECEIVED(STATUS) == 0u) {
        return false;
    }
    *byte = (uint8_t)(DATA & 0xFFu);
    return true;
}

bool hv_uart_put(uint8_t byte)
{
    if (UNSENT(STATUS) >= FIFO_BYTES) {
        return false;
    }
    DATA = byte;
    return true;
}
