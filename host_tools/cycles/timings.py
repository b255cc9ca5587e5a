"""How long instructions take, by core, as Arm's Technical Reference Manuals say.

All numbers are processor cycles. `zero_wait` is a core whose memories answer at once: the estimate
that is reported. `pessimistic` is the other end of the range: every refill of the pipeline takes
three cycles, no two loads overlap, every division and long multiplication takes its longest, and
flash answers as slowly as that of a named chip at its highest clock with caches and prefetch off.

Not modelled: accesses that are not aligned, contention on a bus, interrupts.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

LONGEST_REFILL = 3  # "P", the TRMs' number of cycles for a refill of the pipeline, is 1 to 3


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Cycles by kind of instruction; every other instruction takes one.

    Attributes:
        load: one LDR; one less behind another load, where `pairs_loads`.
        store: one STR; the write buffer of larger cores hides the second cycle.
        pairs_loads: whether a load behind a load whose result is not its address overlaps with it.
        multiply_accumulate: MLA, MLS.
        multiply_long: UMULL, SMULL, UMLAL, SMLAL, UMAAL.
        divide: SDIV, UDIV; the time depends on the operands.
        system: MRS, MSR.
        barrier: DMB, DSB, ISB.
        branch: beyond the first cycle, of a taken branch to a fixed place.
        call: the same of BL.
        indirect: the same of a branch to a place in a register.
        pop_pc: beyond the registers', of POP, LDM or LDR into the program counter.
        straddling: more for a taken branch to a 32-bit instruction that is not aligned to 4 bytes.
    """

    load: int
    store: int
    pairs_loads: bool
    multiply_accumulate: int
    multiply_long: int
    divide: int
    system: int
    barrier: int
    branch: int
    call: int
    indirect: int
    pop_pc: int
    straddling: int


@dataclass(frozen=True, kw_only=True)
class Flash:
    """A flash memory without cache or prefetch.

    Attributes:
        wait_states: cycles more for each line that is read.
        line_bytes: what one read brings.
        chip: whose flash that is, at which clock.
    """

    wait_states: int
    line_bytes: int
    chip: str


@dataclass(frozen=True, kw_only=True)
class Core:
    """What is known about a core's timing.

    Attributes:
        source: where the timings are published.
        error: how far the estimate may be off at zero wait states, for people; "" means that it
            was never compared with hardware.
        zero_wait: see above.
        pessimistic: see above.
        flash: of the pessimistic end.
    """

    source: str
    error: str
    zero_wait: Timing
    pessimistic: Timing
    flash: Flash


def _pessimistic(timing: Timing, *, multiply_long: int, divide: int) -> Timing:
    return dataclasses.replace(
        timing,
        pairs_loads=False,
        store=2,
        multiply_long=multiply_long,
        divide=divide,
        branch=max(timing.branch, LONGEST_REFILL),
        call=max(timing.call, LONGEST_REFILL),
        indirect=max(timing.indirect, LONGEST_REFILL),
        pop_pc=max(timing.pop_pc, LONGEST_REFILL),
        straddling=0,  # inside the longest refill
    )


# "P" is taken as 1 for direct branches, which are fetched early, and 2 for others.
_CORTEX_M4 = Timing(
    load=2,
    store=1,
    pairs_loads=True,
    multiply_accumulate=1,
    multiply_long=1,
    divide=7,  # 2 to 12
    system=2,
    barrier=3,
    branch=1,
    call=1,
    indirect=2,
    pop_pc=2,
    straddling=1,
)
_CORTEX_M3 = dataclasses.replace(
    _CORTEX_M4,
    multiply_accumulate=2,
    multiply_long=4,  # 3 to 5, and 4 to 7 with an accumulator
)
_CORTEX_M0PLUS = Timing(
    load=2,
    store=2,
    pairs_loads=False,
    multiply_accumulate=1,  # it has none of these three
    multiply_long=1,
    divide=1,
    system=3,
    barrier=3,
    branch=1,
    call=2,
    indirect=1,
    pop_pc=2,
    straddling=0,
)
_CORTEX_M0 = dataclasses.replace(
    _CORTEX_M0PLUS, system=4, barrier=4, branch=2, call=3, indirect=2, pop_pc=3
)

_STM32F405 = Flash(wait_states=5, line_bytes=16, chip="STM32F405 at 168 MHz (RM0090, 3.5.1)")
_STM32F103 = Flash(wait_states=2, line_bytes=8, chip="STM32F103 at 72 MHz (PM0075, 3.1)")
_STM32F0 = Flash(wait_states=1, line_bytes=4, chip="a flash of 32 bits with one wait state")

_VALIDATED = "5 % in straight code, 10 % in branchy code"

CORES = {
    "cortex-m0": Core(
        source="Cortex-M0 TRM (DDI0432C), 3.3",
        error="",
        zero_wait=_CORTEX_M0,
        pessimistic=_pessimistic(_CORTEX_M0, multiply_long=1, divide=1),
        flash=_STM32F0,
    ),
    "cortex-m0plus": Core(
        source="Cortex-M0+ TRM (DDI0484C), 3.3",
        error="",
        zero_wait=_CORTEX_M0PLUS,
        pessimistic=_pessimistic(_CORTEX_M0PLUS, multiply_long=1, divide=1),
        flash=_STM32F0,
    ),
    "cortex-m3": Core(
        source="Cortex-M3 TRM (DDI0337I), 3.3",
        error=_VALIDATED,
        zero_wait=_CORTEX_M3,
        pessimistic=_pessimistic(_CORTEX_M3, multiply_long=7, divide=12),
        flash=_STM32F103,
    ),
    "cortex-m4": Core(
        source="Cortex-M4 TRM (DDI0439B), 3.3",
        error=_VALIDATED,
        zero_wait=_CORTEX_M4,
        pessimistic=_pessimistic(_CORTEX_M4, multiply_long=1, divide=12),
        flash=_STM32F405,
    ),
    "cortex-m33": Core(
        source="Cortex-M4's timings: Arm publishes none for the Cortex-M33, whose dual issue of "
        "16-bit pairs is not modelled",
        error="",
        zero_wait=_CORTEX_M4,
        pessimistic=_pessimistic(_CORTEX_M4, multiply_long=1, divide=12),
        flash=_STM32F405,
    ),
}
"""By target; a core with several pipelines or another instruction set has no such table."""


def find_core(target: str) -> Core | None:
    """Returns what is known about a target's timing, or None where nothing is published."""
    return CORES.get(target)
