/* hv_uart_rp2.c: UART0 of Raspberry Pi's RP2040 and RP2350: a PL011, its clock from the 12 MHz crystal, on the board's
 * pins: HV_UART_TX_PIN and HV_UART_RX_PIN are GPIO numbers. The two chips differ in addresses and bits.
 *
 * The ring oscillator that runs after reset is too inexact for a serial port. The reference clock and, through it, the
 * system clock are switched to the crystal too: a PL011 wants a bus clock of at least three fifths of its own.
 * A crystal that does not start leaves everything on the ring oscillator, and the divisor is then its nominal one.
 * Source: RP2040 Datasheet, sections 2.2.4 (addresses), 2.14 (Resets), 2.15 (Clocks), 2.16 (XOSC), 2.17 (ROSC), 2.19
 * (GPIO), 4.2 (UART); RP2350 Datasheet, sections 2.2.4, 7.5 (Subsystem resets), 8.1 (Clocks), 8.2 (XOSC), 8.3 (ROSC),
 * 9 (GPIO), 12.1 (UART); Arm DDI0183, 3.3. */
#include "hv_uart.h"

#include "hv_register.h"

typedef struct {
    uint32_t resets;
    uint32_t reset_bits; /* of IO_BANK0, PADS_BANK0 and the UART */
    uint32_t clocks;
    uint32_t crystal;
    uint32_t io;
    uint32_t pads;
    uint32_t ring_divisor; /* as DIVISOR, of the nominal frequency */
} chip_t;

/* Of a clock for the baud rate: in 64ths of 16 samples a bit. */
#define DIVISOR(clock_hz) (((4u * (clock_hz)) + (HV_UART_BAUD / 2u)) / HV_UART_BAUD)

_Static_assert((DIVISOR(HV_UART_CLOCK_HZ) >= 64u) && (DIVISOR(HV_UART_CLOCK_HZ) <= 0x3FFFFFu),
               "16 bits and a fraction of six");

#define CLEAR 0x3000u /* behind a register: writing here clears the bits that are one */
#define RESET_DONE 0x08u

#define CRYSTAL_CONTROL 0x00u
#define CRYSTAL_STATUS 0x04u
#define CRYSTAL_STARTUP 0x0Cu
#define CRYSTAL_ENABLE ((0xFABu << 12) | 0xAA0u) /* 1 to 15 MHz */
#define CRYSTAL_DELAY 47u                        /* times 256 periods: a millisecond */
#define CRYSTAL_STABLE (1u << 31)

#define REFERENCE_CONTROL 0x30u
#define REFERENCE_SELECTED 0x38u
#define REFERENCE_CRYSTAL 2u
#define PERIPHERAL_CONTROL 0x48u
#define PERIPHERAL_ENABLE (1u << 11)
#define PERIPHERAL_SYSTEM (0u << 5)
#define PERIPHERAL_CRYSTAL (4u << 5)

#define FUNCTION_UART 2u
#define PAD_SENDS ((1u << 4) | (1u << 1))                           /* 4 mA; Schmitt trigger, as after reset */
#define PAD_RECEIVES ((1u << 6) | (1u << 4) | (1u << 3) | (1u << 1)) /* input on, pulled up */

/* Far longer than a crystal takes, which is a few milliseconds: at 11 MHz and five cycles a turn, 45 ms. */
#define MOST_TURNS 100000u

#define DATA HV_REGISTER(HV_UART_BASE + 0x00u)
#define FLAGS HV_REGISTER(HV_UART_BASE + 0x18u)
#define DIVISOR_WHOLE HV_REGISTER(HV_UART_BASE + 0x24u)
#define DIVISOR_FRACTION HV_REGISTER(HV_UART_BASE + 0x28u)
#define LINE HV_REGISTER(HV_UART_BASE + 0x2Cu)
#define CONTROL HV_REGISTER(HV_UART_BASE + 0x30u)
#define LEVELS HV_REGISTER(HV_UART_BASE + 0x34u)
#define INTERRUPTS HV_REGISTER(HV_UART_BASE + 0x38u)

#define RECEIVE_EMPTY (1u << 4)
#define TRANSMIT_FULL (1u << 5)
#define EIGHT_BITS_AND_FIFOS ((3u << 5) | (1u << 4))
#define ENABLE_BOTH_WAYS ((1u << 9) | (1u << 8) | (1u << 0))
/* Some bytes are there, or fewer and the line has been quiet for 32 bits. */
#define RECEIVED_OR_QUIET ((1u << 6) | (1u << 4))

#if HV_UART_BASE == 0x40034000u /* of the RP2040 */
static const chip_t chip = {
    .resets = 0x4000C000u,
    .reset_bits = (1u << 5) | (1u << 8) | (1u << 22),
    .clocks = 0x40008000u,
    .crystal = 0x40024000u,
    .io = 0x40014000u,
    .pads = 0x4001C000u,
    .ring_divisor = DIVISOR(6500000u),
};
#elif HV_UART_BASE == 0x40070000u /* of the RP2350 */
static const chip_t chip = {
    .resets = 0x40020000u,
    .reset_bits = (1u << 6) | (1u << 9) | (1u << 26),
    .clocks = 0x40010000u,
    .crystal = 0x40048000u,
    .io = 0x40028000u,
    .pads = 0x40038000u,
    .ring_divisor = DIVISOR(11000000u),
};
#else
#error "this driver knows UART0"
#endif

/* Waits until all of `bits` are set; false: they were not, in all that time. */
static bool comes(uint32_t address, uint32_t bits)
{
    for (uint32_t turn = 0u; turn < MOST_TURNS; turn++) {
        if ((HV_REGISTER(address) & bits) == bits) {
            return true;
        }
    }
    return false;
}

/* Returns the divisor for the clock that the UART now has. */
static uint32_t start_clock(void)
{
    HV_REGISTER(chip.crystal + CRYSTAL_STARTUP) = CRYSTAL_DELAY;
    HV_REGISTER(chip.crystal + CRYSTAL_CONTROL) = CRYSTAL_ENABLE;
    const bool runs = comes(chip.crystal + CRYSTAL_STATUS, CRYSTAL_STABLE);
    if (runs) {
        HV_REGISTER(chip.clocks + REFERENCE_CONTROL) = REFERENCE_CRYSTAL;
        (void)comes(chip.clocks + REFERENCE_SELECTED, 1u << REFERENCE_CRYSTAL);
    }
    /* Off while its source is chosen, which could glitch; these writes take longer than the three cycles. */
    const uint32_t source = runs ? PERIPHERAL_CRYSTAL : PERIPHERAL_SYSTEM;
    HV_REGISTER(chip.clocks + PERIPHERAL_CONTROL) = 0u;
    (void)HV_REGISTER(chip.clocks + PERIPHERAL_CONTROL);
    HV_REGISTER(chip.clocks + PERIPHERAL_CONTROL) = source;
    HV_REGISTER(chip.clocks + PERIPHERAL_CONTROL) = source | PERIPHERAL_ENABLE;
    return runs ? DIVISOR(HV_UART_CLOCK_HZ) : chip.ring_divisor;
}

/* The function comes before the pad, which on the RP2350 is cut off until its bit ISO is cleared. */
static void give_pin(uint32_t pin, uint32_t pad)
{
    HV_REGISTER(chip.io + 0x04u + (8u * pin)) = FUNCTION_UART;
    HV_REGISTER(chip.pads + 0x04u + (4u * pin)) = pad;
}

/* The clock comes before the reset ends: a UART without a clock does not leave it. */
void hv_uart_begin(void)
{
    const uint32_t divisor = start_clock();
    HV_REGISTER(chip.resets + CLEAR) = chip.reset_bits;
    (void)comes(chip.resets + RESET_DONE, chip.reset_bits);
    give_pin(HV_UART_TX_PIN, PAD_SENDS);
    give_pin(HV_UART_RX_PIN, PAD_RECEIVES);
    CONTROL = 0u;
    DIVISOR_WHOLE = divisor / 64u;
    DIVISOR_FRACTION = divisor % 64u;
    LINE = EIGHT_BITS_AND_FIFOS; /* also takes over the divisor */
    LEVELS = 0u;                        /* an interrupt from an eighth of the FIFO on */
    INTERRUPTS = RECEIVED_OR_QUIET;
    CONTROL = ENABLE_BOTH_WAYS;
}

bool hv_uart_get(uint8_t *byte)
{
    if ((FLAGS & RECEIVE_EMPTY) != 0u) {
        return false;
    }
    *byte = (uint8_t)(DATA & 0xFFu);
    return true;
}

bool hv_uart_put(uint8_t byte)
{
    if ((FLAGS & TRANSMIT_FULL) != 0u) {
        return false;
    }
    DATA = byte;
    return true;
}
