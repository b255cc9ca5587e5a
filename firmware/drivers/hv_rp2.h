/* hv_rp2.h: the serial port of Raspberry Pi's RP2040 and RP2350: a PL011, its clock from the 12 MHz crystal, its pins.
 * The two chips differ in addresses and bits, which hv_uart_rp2040.c and hv_uart_rp2350.c name.
 *
 * The ring oscillator that runs after reset is too inexact for a serial port. The reference clock and, through it, the
 * system clock are switched to the crystal too: a PL011 wants a bus clock of at least three fifths of its own.
 * A crystal that does not start leaves everything on the ring oscillator, and the divisor is then its nominal one.
 * Source: RP2040 Datasheet, sections 2.14 (Resets), 2.15 (Clocks), 2.16 (XOSC), 2.19 (GPIO), 4.2 (UART); RP2350
 * Datasheet, sections 7.5 (Subsystem resets), 8.1 (Clocks), 8.2 (XOSC), 9 (GPIO), 12.1 (UART); Arm DDI0183, 3.3. */
#ifndef HV_RP2_H
#define HV_RP2_H

#include <stdbool.h>
#include <stdint.h>

#include "hv_register.h"

typedef struct {
    uint32_t resets;
    uint32_t reset_bits; /* of IO_BANK0, PADS_BANK0 and the UART */
    uint32_t clocks;
    uint32_t crystal;
    uint32_t io;
    uint32_t pads;
    uint32_t ring_divisor; /* as HV_RP2_DIVISOR, of the nominal frequency */
} hv_rp2_t;

/* Of a clock for the baud rate: in 64ths of 16 samples a bit. */
#define HV_RP2_DIVISOR(clock_hz) (((4u * (clock_hz)) + (HV_UART_BAUD / 2u)) / HV_UART_BAUD)

_Static_assert((HV_RP2_DIVISOR(HV_UART_CLOCK_HZ) >= 64u) && (HV_RP2_DIVISOR(HV_UART_CLOCK_HZ) <= 0x3FFFFFu),
               "16 bits and a fraction of six");

#define HV_RP2_CLEAR 0x3000u /* behind a register: writing here clears the bits that are one */
#define HV_RP2_RESET_DONE 0x08u

#define HV_RP2_CRYSTAL_CONTROL 0x00u
#define HV_RP2_CRYSTAL_STATUS 0x04u
#define HV_RP2_CRYSTAL_STARTUP 0x0Cu
#define HV_RP2_CRYSTAL_ENABLE ((0xFABu << 12) | 0xAA0u) /* 1 to 15 MHz */
#define HV_RP2_CRYSTAL_DELAY 47u                        /* times 256 periods: a millisecond */
#define HV_RP2_CRYSTAL_STABLE (1u << 31)

#define HV_RP2_REFERENCE_CONTROL 0x30u
#define HV_RP2_REFERENCE_SELECTED 0x38u
#define HV_RP2_REFERENCE_CRYSTAL 2u
#define HV_RP2_PERIPHERAL_CONTROL 0x48u
#define HV_RP2_PERIPHERAL_ENABLE (1u << 11)
#define HV_RP2_PERIPHERAL_SYSTEM (0u << 5)
#define HV_RP2_PERIPHERAL_CRYSTAL (4u << 5)

#define HV_RP2_FUNCTION_UART 2u
#define HV_RP2_PAD_SENDS ((1u << 4) | (1u << 1))                           /* 4 mA; Schmitt trigger, as after reset */
#define HV_RP2_PAD_RECEIVES ((1u << 6) | (1u << 4) | (1u << 3) | (1u << 1)) /* input on, pulled up */

/* Far longer than a crystal takes, which is a few milliseconds: at 11 MHz and five cycles a turn, 45 ms. */
#define HV_RP2_MOST_TURNS 100000u

#define HV_RP2_DATA HV_REGISTER(HV_UART_BASE + 0x00u)
#define HV_RP2_FLAGS HV_REGISTER(HV_UART_BASE + 0x18u)
#define HV_RP2_DIVISOR_WHOLE HV_REGISTER(HV_UART_BASE + 0x24u)
#define HV_RP2_DIVISOR_FRACTION HV_REGISTER(HV_UART_BASE + 0x28u)
#define HV_RP2_LINE HV_REGISTER(HV_UART_BASE + 0x2Cu)
#define HV_RP2_CONTROL HV_REGISTER(HV_UART_BASE + 0x30u)
#define HV_RP2_LEVELS HV_REGISTER(HV_UART_BASE + 0x34u)
#define HV_RP2_INTERRUPTS HV_REGISTER(HV_UART_BASE + 0x38u)

#define HV_RP2_RECEIVE_EMPTY (1u << 4)
#define HV_RP2_TRANSMIT_FULL (1u << 5)
#define HV_RP2_EIGHT_BITS_AND_FIFOS ((3u << 5) | (1u << 4))
#define HV_RP2_ENABLE_BOTH_WAYS ((1u << 9) | (1u << 8) | (1u << 0))
/* Some bytes are there, or fewer and the line has been quiet for 32 bits. */
#define HV_RP2_RECEIVED_OR_QUIET ((1u << 6) | (1u << 4))

/* Waits until all of `bits` are set; false: they were not, in all that time. */
static inline bool hv_rp2_comes(uint32_t address, uint32_t bits)
{
    for (uint32_t turn = 0u; turn < HV_RP2_MOST_TURNS; turn++) {
        if ((HV_REGISTER(address) & bits) == bits) {
            return true;
        }
    }
    return false;
}

/* Returns the divisor for the clock that the UART now has. */
static inline uint32_t hv_rp2_clock(const hv_rp2_t *chip)
{
    HV_REGISTER(chip->crystal + HV_RP2_CRYSTAL_STARTUP) = HV_RP2_CRYSTAL_DELAY;
    HV_REGISTER(chip->crystal + HV_RP2_CRYSTAL_CONTROL) = HV_RP2_CRYSTAL_ENABLE;
    const bool runs = hv_rp2_comes(chip->crystal + HV_RP2_CRYSTAL_STATUS, HV_RP2_CRYSTAL_STABLE);
    if (runs) {
        HV_REGISTER(chip->clocks + HV_RP2_REFERENCE_CONTROL) = HV_RP2_REFERENCE_CRYSTAL;
        (void)hv_rp2_comes(chip->clocks + HV_RP2_REFERENCE_SELECTED, 1u << HV_RP2_REFERENCE_CRYSTAL);
    }
    /* Off while its source is chosen, which could glitch; these writes take longer than the three cycles. */
    const uint32_t source = runs ? HV_RP2_PERIPHERAL_CRYSTAL : HV_RP2_PERIPHERAL_SYSTEM;
    HV_REGISTER(chip->clocks + HV_RP2_PERIPHERAL_CONTROL) = 0u;
    (void)HV_REGISTER(chip->clocks + HV_RP2_PERIPHERAL_CONTROL);
    HV_REGISTER(chip->clocks + HV_RP2_PERIPHERAL_CONTROL) = source;
    HV_REGISTER(chip->clocks + HV_RP2_PERIPHERAL_CONTROL) = source | HV_RP2_PERIPHERAL_ENABLE;
    return runs ? HV_RP2_DIVISOR(HV_UART_CLOCK_HZ) : chip->ring_divisor;
}

/* The function comes before the pad, which on the RP2350 is cut off until its bit ISO is cleared. */
static inline void hv_rp2_give_pin(const hv_rp2_t *chip, uint32_t pin, uint32_t pad)
{
    HV_REGISTER(chip->io + 0x04u + (8u * pin)) = HV_RP2_FUNCTION_UART;
    HV_REGISTER(chip->pads + 0x04u + (4u * pin)) = pad;
}

/* The clock comes before the reset ends: a UART without a clock does not leave it. */
static inline void hv_rp2_begin(const hv_rp2_t *chip)
{
    const uint32_t divisor = hv_rp2_clock(chip);
    HV_REGISTER(chip->resets + HV_RP2_CLEAR) = chip->reset_bits;
    (void)hv_rp2_comes(chip->resets + HV_RP2_RESET_DONE, chip->reset_bits);
    hv_rp2_give_pin(chip, HV_UART_TX_PIN, HV_RP2_PAD_SENDS);
    hv_rp2_give_pin(chip, HV_UART_RX_PIN, HV_RP2_PAD_RECEIVES);
    HV_RP2_CONTROL = 0u;
    HV_RP2_DIVISOR_WHOLE = divisor / 64u;
    HV_RP2_DIVISOR_FRACTION = divisor % 64u;
    HV_RP2_LINE = HV_RP2_EIGHT_BITS_AND_FIFOS; /* also takes over the divisor */
    HV_RP2_LEVELS = 0u;                        /* an interrupt from an eighth of the FIFO on */
    HV_RP2_INTERRUPTS = HV_RP2_RECEIVED_OR_QUIET;
    HV_RP2_CONTROL = HV_RP2_ENABLE_BOTH_WAYS;
}

static inline bool hv_rp2_get(uint8_t *byte)
{
    if ((HV_RP2_FLAGS & HV_RP2_RECEIVE_EMPTY) != 0u) {
        return false;
    }
    *byte = (uint8_t)(HV_RP2_DATA & 0xFFu);
    return true;
}

static inline bool hv_rp2_put(uint8_t byte)
{
    if ((HV_RP2_FLAGS & HV_RP2_TRANSMIT_FULL) != 0u) {
        return false;
    }
    HV_RP2_DATA = byte;
    return true;
}

#endif
