"""Whether a network fits a board, before anything is compiled: by how much not, and why."""

from __future__ import annotations

import math
from dataclasses import dataclass

from codegen.errors import GateBreach, HvError
from codegen.lower import Program
from codegen.targets import Target
from host_tools.boards import Board, load_board


@dataclass(frozen=True, kw_only=True)
class Needs:
    """What a network needs at least, in bytes; code, stack and the caller's own come on top.

    Attributes:
        weights: in flash.
        ram: arena, inputs and outputs.
        largest_weights: the layer with most weights, and how many bytes these are.
        largest_ram: the layer that has most bytes before it and behind it, and how many.
    """

    weights: int
    ram: int
    largest_weights: tuple[str, int]
    largest_ram: tuple[str, int]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What there is, in bytes; `where` names it, `hint` says what to do if it is not enough."""

    where: str
    flash: int
    ram: int
    hint: str = "take a smaller network, or another --board"


def needs_of(program: Program) -> Needs:
    """Adds up a program."""
    weights: dict[str, int] = {step.name: 0 for step in program.steps}
    for member in (*program.shared.members, *program.person.members):
        weights[member.tensor.partition(".")[0]] += member.spec.size_bytes
    return Needs(
        weights=sum(weights.values()),
        ram=program.plan.arena_bytes + program.input_bytes + program.output_bytes,
        largest_weights=_largest(weights),
        largest_ram=_largest(_bytes_around(program)),
    )


def limits_of(board: Board) -> Limits:
    """A board's memories; the stack is not the network's."""
    return Limits(
        where=f"board {board.name}",
        flash=board.flash.budget_bytes,
        ram=board.ram.budget_bytes - board.stack_bytes,
    )


def board_limits(target: Target, flash_bytes: int | None, ram_bytes: int | None) -> Limits:
    """The chip's memories as given; where they are not, those of the target's emulated board."""
    board = limits_of(load_board(target.board)) if target.board else None
    unlimited = 2**32
    where = f"the chip as given, {target.name}"
    if board is not None and (flash_bytes is None or ram_bytes is None):
        where = f"{target.name}, {board.where}"
    return Limits(
        where=where,
        flash=flash_bytes or (board.flash if board else unlimited),
        ram=ram_bytes or (board.ram if board else unlimited),
        hint="take a smaller network, or say with --flash and --ram what your chip has",
    )


def check_fit(needs: Needs, limits: Limits) -> None:
    """Raises GateBreach with every memory that is too small: by how much, and the largest layer."""
    faults = [
        HvError(
            f"{what} needs at least {needed:,} bytes, {needed - there:,} more than there are; "
            f"the largest layer is {layer} with {size:,}",
            where=limits.where,
            hint=limits.hint,
        )
        for what, needed, there, (layer, size) in (
            ("flash", needs.weights, limits.flash, needs.largest_weights),
            ("RAM", needs.ram, limits.ram, needs.largest_ram),
        )
        if needed > there
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
