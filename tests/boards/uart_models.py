"""What the manuals say of each board's serial port, in numbers of their own: nothing is taken from
board.toml or from a driver. Each driver is held against this."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.boards.registers import Registers

Words = dict[int, int]
ONES = 0xFFFF_FFFF


@dataclass(frozen=True, kw_only=True)
class Gate:
    """`size_bytes` from `start` on may be touched only while (word at `address`) & mask == value:
    their clock runs, and their reset has ended."""

    start: int
    address: int
    mask: int
    value: int
    size_bytes: int = 0x400


@dataclass(frozen=True, kw_only=True)
class Model:
    """A serial port.

    Attributes:
        gates: what has to be opened before what.
        after: (address, mask, value) of registers once it has begun: pins, enables.
        baud: the rate that its registers now ask for.
        data_out, data_in: where a byte goes, and comes from.
        can_send, cannot_send, has_byte, has_none: (address, value) that say so.
        fresh: registers as they are after reset.
    """

    gates: tuple[Gate, ...] = ()
    after: tuple[tuple[int, int, int], ...]
    baud: Callable[[Words], float]
    data_out: int
    data_in: int
    can_send: tuple[int, int]
    cannot_send: tuple[int, int]
    has_byte: tuple[int, int]
    has_none: tuple[int, int]
    fresh: Callable[[], Registers] = field(default=Registers)


def on(start: int, address: int, bit: int) -> Gate:
    return Gate(start=start, address=address, mask=1 << bit, value=1 << bit)


def released(start: int, address: int, bit: int) -> Gate:
    return Gate(start=start, address=address, mask=1 << bit, value=0)


def cmsdk(base: int, clock_hz: int) -> Model:
    """Arm DDI0479, table 4-4: DATA, STATE, CTRL, INTSTATUS, BAUDDIV."""
    return Model(
        after=((base + 8, 0b1011, 0b1011),),
        baud=lambda words: clock_hz / words[base + 0x10],
        data_out=base,
        data_in=base,
        can_send=(base + 4, 0),
        cannot_send=(base + 4, 1),
        has_byte=(base + 4, 2),
        has_none=(base + 4, 0),
    )


def nrf(*after: tuple[int, int, int]) -> Model:
    """nRF52833 Product Specification, "UART": BAUDRATE is the rate by 2^32 / 16 MHz."""
    base = 0x4000_2000
    return Model(
        after=(
            (0x4000_0000, 1, 1),  # TASKS_HFCLKSTART
            (base + 0x000, 1, 1),  # TASKS_STARTRX
            (base + 0x008, 1, 1),  # TASKS_STARTTX
            (base + 0x304, 4, 4),  # INTENSET: RXDRDY
            (base + 0x500, 15, 4),  # ENABLE
            *after,
        ),
        baud=lambda words: words[base + 0x524] * 16e6 / 2**32,
        data_out=base + 0x51C,
        data_in=base + 0x518,
        can_send=(base + 0x11C, 1),
        cannot_send=(base + 0x11C, 0),
        has_byte=(base + 0x108, 1),
        has_none=(base + 0x108, 0),
    )


def usart_sr(
    base: int, clock_hz: int, gates: tuple[Gate, ...], *after: tuple[int, int, int]
) -> Model:
    """RM0090, 30.6: SR, DR, BRR, CR1; 30.3.4: the rate is the clock by 16 times USARTDIV, and BRR
    has USARTDIV in sixteenths."""
    return Model(
        gates=gates,
        after=((base + 12, ONES, (1 << 13) | (1 << 5) | (1 << 3) | (1 << 2)), *after),
        baud=lambda words: clock_hz / words[base + 8],
        data_out=base + 4,
        data_in=base + 4,
        can_send=(base, 1 << 7),
        cannot_send=(base, 0),
        has_byte=(base, 1 << 5),
        has_none=(base, 0),
    )


def usart_isr(
    base: int, counted_hz: int, gates: tuple[Gate, ...], port: int, *after: tuple[int, int, int]
) -> Model:
    """RM0433, "USART registers": CR1 0, BRR 0x0C, ISR 0x1C, RDR 0x24, TDR 0x28. Ports are analogue
    after reset, except the debugger's."""
    return Model(
        gates=gates,
        after=((base, ONES, (1 << 5) | (1 << 3) | (1 << 2) | 1), *after),
        baud=lambda words: counted_hz / words[base + 0x0C],
        data_out=base + 0x28,
        data_in=base + 0x24,
        can_send=(base + 0x1C, 1 << 7),
        cannot_send=(base + 0x1C, 0),
        has_byte=(base + 0x1C, 1 << 5),
        has_none=(base + 0x1C, 0),
        fresh=lambda: Registers(words={port: ONES}),
    )


def ns16550(base: int, clock_hz: int) -> Model:
    """PC16550D, section 8: RBR and THR, IER, FCR, LCR, MCR, LSR; with LCR's bit 7, DLL and DLM."""

    def latch(offset: int) -> Callable[[Words, int], None]:
        def store(words: Words, value: int) -> None:
            behind = 0x100 if words.get(base + 3, 0) & 0x80 else 0
            words[base + behind + offset] = value

        return store

    return Model(
        after=((base + 3, 0xFF, 3), (base + 1, 0xFF, 1), (base + 2, 1, 1)),
        baud=lambda words: clock_hz / 16 / (words[base + 0x100] | words[base + 0x101] << 8),
        data_out=base,
        data_in=base,
        can_send=(base + 5, 0x20),
        cannot_send=(base + 5, 0),
        has_byte=(base + 5, 1),
        has_none=(base + 5, 0),
        fresh=lambda: Registers(stores={base: latch(0), base + 1: latch(1)}),
    )


@dataclass(frozen=True, kw_only=True)
class Rp2:
    """Addresses of an RP2040 or RP2350, and bits of RESETS."""

    resets: int
    io_bit: int
    pads_bit: int
    uart_bit: int
    clocks: int
    xosc: int
    io: int
    pads: int
    uart: int

    def fresh(self, *, crystal: bool = True) -> Registers:
        """Everything is in reset; a crystal that works is stable when it is asked for."""

        def clear(words: Words, value: int) -> None:
            words[self.resets] &= ~value

        def status(words: Words) -> int:
            enabled = words.get(self.xosc, 0) >> 12 == 0xFAB
            return 1 << 31 if crystal and enabled else 0

        return Registers(
            words={self.resets: ONES, self.pads + 4: 0x116, self.pads + 8: 0x116},
            loads={
                self.resets + 8: lambda words: ~words[self.resets] & ONES,
                self.xosc + 4: status,
                self.clocks + 0x38: lambda words: 1 << (words.get(self.clocks + 0x30, 0) & 3),
            },
            stores={self.resets + 0x3000: clear},
        )

    def model(self) -> Model:
        """RP2040 Datasheet, 4.2.7.1: the rate is clk_peri by 16 times the divisor."""
        uart = self.uart
        return Model(
            gates=(
                released(self.io, self.resets, self.io_bit),
                released(self.pads, self.resets, self.pads_bit),
                released(uart, self.resets, self.uart_bit),
                on(uart, self.clocks + 0x48, 11),  # CLK_PERI_CTRL, ENABLE
            ),
            after=(
                (self.clocks + 0x30, 3, 2),  # CLK_REF_CTRL: the crystal
                (self.clocks + 0x48, 0b111 << 5, 4 << 5),  # CLK_PERI_CTRL: the crystal
                (self.io + 0x04, 0x1F, 2),  # GPIO0_CTRL: UART0
                (self.io + 0x0C, 0x1F, 2),  # GPIO1_CTRL: UART0
                (self.pads + 4, (1 << 8) | (1 << 7), 0),  # GPIO0: neither isolated nor disabled
                (self.pads + 8, (1 << 8) | (1 << 7) | (1 << 6), 1 << 6),  # GPIO1: likewise; input
                (uart + 0x2C, ONES, 0x70),  # UARTLCR_H: 8 bits, FIFOs
                (uart + 0x30, ONES, 0x301),  # UARTCR
                (uart + 0x38, ONES, 0x50),  # UARTIMSC: RX and RT
            ),
            baud=self.baud(12e6),
            data_out=uart,
            data_in=uart,
            can_send=(uart + 0x18, 0x10),
            cannot_send=(uart + 0x18, 0x30),
            has_byte=(uart + 0x18, 0),
            has_none=(uart + 0x18, 0x10),
            fresh=self.fresh,
        )

    def baud(self, clock_hz: float) -> Callable[[Words], float]:
        uart = self.uart
        return lambda w: clock_hz / 16 / (w[uart + 0x24] + w[uart + 0x28] / 64)


RP2040 = Rp2(
    resets=0x4000_C000,
    io_bit=5,
    pads_bit=8,
    uart_bit=22,
    clocks=0x4000_8000,
    xosc=0x4002_4000,
    io=0x4001_4000,
    pads=0x4001_C000,
    uart=0x4003_4000,
)
RP2350 = Rp2(
    resets=0x4002_0000,
    io_bit=6,
    pads_bit=9,
    uart_bit=26,
    clocks=0x4001_0000,
    xosc=0x4004_8000,
    io=0x4002_8000,
    pads=0x4003_8000,
    uart=0x4007_0000,
)


def esp32c3() -> Model:
    """ESP32-C3 Technical Reference Manual, "UART Controller": the rate is that of the crystal by
    CLKDIV's 12 bits and, from bit 20 on, sixteenths. A FIFO has 128 bytes."""
    base, clocks, resets, pins = 0x6000_0000, 0x600C_0010, 0x600C_0018, 0x6000_9000

    def baud(words: Words) -> float:
        divisor = words[base + 0x14]
        return 40e6 / ((divisor & 0xFFF) + (divisor >> 20 & 0xF) / 16)

    return Model(
        gates=(
            on(base, clocks, 2),
            on(base, clocks, 24),
            released(base, resets, 2),
            released(base, resets, 24),
        ),
        after=(
            (pins + 4 + 4 * 20, (7 << 12) | (1 << 9), 1 << 9),  # GPIO20: U0RXD, an input
            (pins + 4 + 4 * 21, 7 << 12, 0),  # GPIO21: U0TXD
            (base + 0x0C, ONES, 0),  # INT_ENA
            (
                base + 0x20,
                ONES,
                0x1000_001C,
            ),  # CONF0: 8 bits, 1 stop bit, FIFOs on and not in reset
            (base + 0x78, ONES, 0x0370_0000),  # CLK_CONF: the crystal by 1, nothing in reset
            (base + 0x80, 1 << 31, 1 << 31),  # ID: REG_UPDATE
        ),
        baud=baud,
        data_out=base,
        data_in=base,
        can_send=(base + 0x1C, 127 << 16),
        cannot_send=(base + 0x1C, 128 << 16),
        has_byte=(base + 0x1C, 1),
        has_none=(base + 0x1C, 0),
        fresh=lambda: Registers(words={resets: (1 << 24) | (1 << 2)}),
    )


F4_USART1 = on(0x4001_1000, 0x4002_3844, 4)  # RCC_APB2ENR
F4_USART2 = on(0x4000_4400, 0x4002_3840, 17)  # RCC_APB1ENR
F4_USART3 = on(0x4000_4800, 0x4002_3840, 18)
F4_GPIOA = on(0x4002_0000, 0x4002_3830, 0)  # RCC_AHB1ENR
F4_GPIOB = on(0x4002_0400, 0x4002_3830, 1)

MODELS: Mapping[str, Model] = {
    **{f"mps2-an{n}": cmsdk(0x4000_4000, 25_000_000) for n in (382, 383, 385, 386, 500)},
    **{f"mps2-an{n}": cmsdk(0x5020_0000, 20_000_000) for n in (505, 519)},
    "qemu-virt32": ns16550(0x1000_0000, 3_686_400),
    # PIN_CNF: 3 sends, 0 receives; PSEL.TXD, PSEL.RXD
    "microbit": nrf(
        (0x5000_0760, ONES, 3),
        (0x5000_0764, ONES, 0),
        (0x4000_250C, ONES, 24),
        (0x4000_2514, ONES, 25),
    ),
    "nrf52840-dk": nrf(
        (0x5000_0718, ONES, 3),
        (0x5000_0720, ONES, 0),
        (0x4000_250C, ONES, 6),
        (0x4000_2514, ONES, 8),
    ),
    "microbit-v2": nrf(
        (0x5000_0718, ONES, 3),  # P0.06
        (0x5000_0A20, ONES, 0),  # P1.08
        (0x4000_250C, ONES, 6),
        (0x4000_2514, ONES, 0x28),
    ),
    # MODER: 2 is another function; AFRL, AFRH: AF7
    "netduinoplus2": usart_sr(
        0x4001_1000,
        16_000_000,
        (F4_USART1, F4_GPIOA),
        (0x4002_0000, 0xF << 18, 0xA << 18),
        (0x4002_0024, 0xFF << 4, 0x77 << 4),
    ),
    "stm32f4-discovery": usart_sr(
        0x4000_4400,
        16_000_000,
        (F4_USART2, F4_GPIOA),
        (0x4002_0000, 0xF << 4, 0xA << 4),
        (0x4002_0020, 0xFF << 8, 0x77 << 8),
    ),
    "feather-f405": usart_sr(
        0x4000_4800,
        16_000_000,
        (F4_USART3, F4_GPIOB),
        (0x4002_0400, 0xF << 20, 0xA << 20),
        (0x4002_0424, 0xFF << 8, 0x77 << 8),
    ),
    # GPIOA_CRH: pin 9 alternate push-pull at 2 MHz, pin 10 input with a pull; RCC_APB2ENR
    "stm32vldiscovery": usart_sr(
        0x4001_3800,
        8_000_000,
        (on(0x4001_3800, 0x4002_1018, 14), on(0x4001_0800, 0x4002_1018, 2)),
        (0x4001_0804, 0xFF << 4, 0x8A << 4),
        (0x4001_0810, 1 << 10, 1 << 10),
    ),
    # GPIOG's pins 7 and 8 with AF8; PWR_CR2's IOSV
    "nucleo-l4r5zi": usart_isr(
        0x4000_8000,
        256 * 4_000_000,
        (
            on(0x4000_8000, 0x4002_105C, 0),  # RCC_APB1ENR2
            on(0x4000_7000, 0x4002_1058, 28),  # RCC_APB1ENR1
            on(0x4800_1800, 0x4002_104C, 6),  # RCC_AHB2ENR
            on(0x4800_1800, 0x4000_7004, 9),
        ),
        0x4800_1800,
        (0x4800_1800, 0xF << 14, 0xA << 14),
        (0x4800_1820, 0xF << 28, 8 << 28),
        (0x4800_1824, 0xF, 8),
    ),
    # GPIOD's pins 8 and 9 with AF7
    "nucleo-h743zi": usart_isr(
        0x4000_4800,
        64_000_000,
        (on(0x4000_4800, 0x5802_44E8, 18), on(0x5802_0C00, 0x5802_44E0, 3)),
        0x5802_0C00,
        (0x5802_0C00, 0xF << 16, 0xA << 16),
        (0x5802_0C24, 0xFF, 0x77),
    ),
    "pico": RP2040.model(),
    "pico2": RP2350.model(),
    "esp32-c3": esp32c3(),
}
