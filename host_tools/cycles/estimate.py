"""The estimate: how often each instruction ran, times what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from host_tools.cycles.instructions import Code, Instruction, Kind
from host_tools.cycles.timings import Core, Flash, Timing
from host_tools.emulators.base import BlockCount

_FLOAT_MULTIPLY_ACCUMULATE = 3  # Cortex-M4 TRM, 7.2; the kernels use none
_FLOAT_DIVIDE = 14


@dataclass(frozen=True, kw_only=True)
class Count:
    """How often one instruction ran, and how often it was a taken branch."""

    instruction: Instruction
    executions: int
    taken: int


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """An estimate.

    Attributes:
        zero_wait: with memories that answer at once.
        pessimistic: the other end of the range, see timings.py.
    """

    zero_wait: float
    pessimistic: float


def count_instructions(code: Code, blocks: Iterable[BlockCount]) -> tuple[Count, ...]:
    """Turns counts of blocks, which may overlap, into counts of instructions, by address.

    Raises:
        HvError: a block holds what cannot be decoded.
    """
    executions: dict[int, int] = {}
    taken: dict[int, int] = {}
    instructions: dict[int, Instruction] = {}
    for block in blocks:
        run = code.between(block.start, block.end)
        for instruction in run:
            instructions[instruction.address] = instruction
            executions[instruction.address] = (
                executions.get(instruction.address, 0) + block.executions
            )
        last = run[-1].address
        taken[last] = taken.get(last, 0) + block.taken
    return tuple(
        Count(
            instruction=instructions[address],
            executions=executions[address],
            taken=taken.get(address, 0),
        )
        for address in sorted(instructions)
    )


def estimate(core: Core, code: Code, counts: Iterable[Count], flash_loads: int) -> Cycles:
    """Estimates the cycles of counted instructions.

    Args:
        core: its timings.
        code: the program, to look at the targets of branches.
        counts: by address.
        flash_loads: how many loads went to flash.
    """
    counts = tuple(counts)
    return Cycles(
        zero_wait=_executed(core.zero_wait, code, counts),
        pessimistic=_executed(core.pessimistic, code, counts)
        + _waited(core.flash, counts, flash_loads),
    )


def _executed(timing: Timing, code: Code, counts: tuple[Count, ...]) -> float:
    by_end = {count.instruction.end: count for count in counts}
    cycles = 0
    for count in counts:
        instruction = count.instruction
        cycles += count.executions * _straight(timing, instruction)
        cycles += count.taken * _taken(timing, code, instruction)
        before = by_end.get(instruction.address)
        if timing.pairs_loads and before is not None and _pairs(before.instruction, instruction):
            cycles -= min(before.executions - before.taken, count.executions)
    return cycles


def _waited(flash: Flash, counts: tuple[Count, ...], flash_loads: int) -> float:
    """A line is waited for once in a straight run, anew behind each branch, and for each load."""
    fetched = sum(count.executions * count.instruction.size_bytes for count in counts)
    taken = sum(count.taken for count in counts)
    return flash.wait_states * (fetched / flash.line_bytes + taken + flash_loads)


def _straight(timing: Timing, instruction: Instruction) -> int:
    """Cycles without those of a taken branch."""
    special: Mapping[Kind, int] = {
        Kind.LOAD: timing.load,
        Kind.STORE: timing.store,
        Kind.MULTIPLE: 1 + instruction.words,
        Kind.TABLE: timing.load,
        Kind.MULTIPLY_ACCUMULATE: timing.multiply_accumulate,
        Kind.MULTIPLY_LONG: timing.multiply_long,
        Kind.DIVIDE: timing.divide,
        Kind.FLOAT_MULTIPLY_ACCUMULATE: _FLOAT_MULTIPLY_ACCUMULATE,
        Kind.FLOAT_DIVIDE: _FLOAT_DIVIDE,
        Kind.SYSTEM: timing.system,
        Kind.BARRIER: timing.barrier,
    }
    return special.get(instruction.kind, 1)


def _taken(timing: Timing, code: Code, instruction: Instruction) -> int:
    """Cycles that a taken branch adds."""
    if instruction.writes_pc:
        return timing.pop_pc
    if instruction.kind is Kind.BRANCH:
        return timing.branch + timing.straddling * _straddles(code, instruction)
    if instruction.kind is Kind.CALL:
        return timing.call + timing.straddling * _straddles(code, instruction)
    return timing.indirect


def _straddles(code: Code, branch: Instruction) -> bool:
    """Whether a branch leads to a 32-bit instruction in two words of memory."""
    return branch.target is not None and branch.target % 4 != 0 and code.is_wide(branch.target)


def _pairs(before: Instruction, instruction: Instruction) -> bool:
    """Whether a load overlaps with the one before it (Cortex-M4 TRM, 3.3.2)."""
    return (
        before.kind is Kind.LOAD
        and instruction.kind is Kind.LOAD
        and before.result not in instruction.address_registers
    )
