"""Whether a network fits a board, before anything is compiled: by how much not, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.errors import GateBreach, HvError
from codegen.lower import Program
from codegen.targets import Target
from host_tools.boards import Board, load_board

UNLIMITED = 2**32  # bytes: all that 32 bits can address


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a network needs at least, in bytes; code, stack and the caller's own come on top.

    Attributes:
        weights: in flash.
        ram: arena, inputs that do not lie in it, outputs.
        largest_weights: the layer with most weights, and how many bytes these are.
        largest_ram: the layer that has most bytes before it and behind it, and how many.
    """

    weights: int
    ram: int
    largest_weights: tuple[str, int]
    largest_ram: tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What there is of a memory, and who says so."""

    size_bytes: int
    where: str


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What there is; `hint` says what to do if it is not enough."""

    flash: Memory
    ram: Memory
    hint: str = "take a smaller network, or another --board"


def needs_of(program: Program) -> Needs:
    """Adds up a program."""
    weights: dict[str, int] = {step.name: 0 for step in program.steps}
    for member in (*program.shared.members, *program.person.members):
        weights[member.tensor.partition(".")[0]] += member.spec.size_bytes
    return Needs(
        weights=sum(weights.values()),
        ram=program.plan.arena_bytes + program.input_bytes_outside + program.output_bytes,
        largest_weights=_largest(weights),
        largest_ram=_largest(_bytes_around(program)),
    )


def limits_of(board: Board) -> Limits:
    """A board's memories; the stack is not the network's."""
    where = f"board {board.name}"
    return Limits(
        flash=Memory(size_bytes=board.flash.budget_bytes, where=where),
        ram=Memory(size_bytes=board.ram.budget_bytes - board.stack_bytes, where=where),
    )


def board_limits(target: Target, flash_bytes: int | None, ram_bytes: int | None) -> Limits:
    """The chip's memories as given; where they are not, those of the target's emulated board."""
    board = limits_of(load_board(target.board)) if target.board else None

    def chosen(given: int | None, boards: Memory | None) -> Memory:
        if given is None and boards is not None:
            return Memory(size_bytes=boards.size_bytes, where=f"{target.name}, {boards.where}")
        return Memory(size_bytes=given or UNLIMITED, where=f"the chip as given, {target.name}")

    return Limits(
        flash=chosen(flash_bytes, board.flash if board else None),
        ram=chosen(ram_bytes, board.ram if board else None),
        hint="take a smaller network, or say with --flash and --ram what your chip has",
    )


def check_fit(needs: Needs, limits: Limits) -> None:
    """Raises GateBreach with every memory that is too small: by how much, and the largest layer."""
    faults = [
        HvError(
            f"{what} needs at least {needed:,} bytes, {needed - there.size_bytes:,} more than "
            f"there are; the largest layer is {layer} with {size:,}",
            where=there.where,
            hint=limits.hint,
        )
        for what, needed, there, (layer, size) in (
            ("flash", needs.weights, limits.flash, needs.largest_weights),
            ("RAM", needs.ram, limits.ram, needs.largest_ram),
        )
        if needed > there.size_bytes
    ]
    if faults:
        raise GateBreach("does not fit", tuple(faults))


def _bytes_around(program: Program) -> dict[str, int]:
    """Bytes of each layer's inputs and output."""
    sizes = {step.name: step.size_bytes for step in program.steps}
    sizes |= {given.name: math.prod(given.shape) for given in program.architecture.inputs}
    return {
        step.name: step.size_bytes + sum(sizes[name] for name in step.inputs)
        for step in program.steps
    }


def _largest(sizes: dict[str, int]) -> tuple[str, int]:
    return max(sizes.items(), key=lambda item: item[1])
