"""The lines of Winograd's transforms as assembly has them: registers and offsets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codegen.kernels.dsp import offset_text

SIDE = 6  # points of a row of a tile
TILE = 4  # outputs of a row of a tile
GROUP = 4  # tiles computed at once
INVERSE_OF_9 = pow(9, -1, 2**32)
INPUT_LINE = ("r2", "r3", "r4", "r6", "r5", "r7")  # where the six points of inputs end
WEIGHT_LINE = ("r2", "r5", "r7", "r8", "r6", "r4")  # of weights
OUTPUT_LINE = ("r3", "r4", "r6", "r5")  # the four outputs
MISSING_POWERS = (0, 1, 2, 2)  # of two: outputs of a line are 24, 12, 6, 6 times too large


@dataclass(frozen=True, kw_only=True)
class Access:
    """A load or store: register and what follows the base register."""

    register: str
    offset: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One row or column: what is loaded, what is stored."""

    loads: tuple[Access, ...]
    stores: tuple[Access, ...] = ()
    temporaries: tuple[Access, ...] = ()
    advance: int = 0


@dataclass(frozen=True, kw_only=True)
class Step:
    """Two input channels of the sums at a point."""

    instruction: str
    offsets: tuple[str, ...]
    sums: tuple[str, ...]  # what the instruction adds to, as its last operand


@dataclass(frozen=True, kw_only=True)
class Output:
    """An output of a row."""

    register: str
    offset: str
    doubles: bool  # the factor becomes twice as large first


@dataclass(frozen=True, kw_only=True)
class OutputRow:
    """A row of outputs of a tile."""

    loads: tuple[Access, ...]
    factor_low: int
    factor_high: int
    outputs: tuple[Output, ...]


def rows_of_points(count: int, pixel_bytes: int, ends: Sequence[str]) -> tuple[Line, ...]:
    """Lines of `count` neighbours along x, each made six points that go to the stack."""
    return tuple(
        Line(
            loads=tuple(
                Access(register=f"r{2 + x}", offset=offset_text((count * y + x) * pixel_bytes))
                for x in range(count)
            ),
            temporaries=tuple(
                Access(register=register, offset=offset_text(4 * (SIDE * y + x)))
                for x, register in enumerate(ends)
            ),
        )
        for y in range(count)
    )


def columns_of_points(count: int, point_bytes: int, ends: Sequence[str]) -> tuple[Line, ...]:
    """The six columns of these, each made six points that lie one after the other."""
    return tuple(
        Line(
            loads=tuple(
                Access(register=f"r{2 + y}", offset=offset_text(4 * (SIDE * y + x)))
                for y in range(count)
            ),
            stores=tuple(
                Access(register=register, offset=offset_text(y * point_bytes))
                for y, register in enumerate(ends)
            ),
            advance=SIDE * point_bytes if x < SIDE - 1 else 0,
        )
        for x in range(SIDE)
    )


def sum_step(pair: int, input_channels: int) -> Step:
    """Two input channels; the first ones begin the sums."""
    is_first = pair == 0
    return Step(
        instruction="smuad" if is_first else "smlad",
        offsets=tuple(offset_text(4 * pair + 2 * tile * input_channels) for tile in range(GROUP)),
        sums=tuple("" if is_first else f", r{2 + number}" for number in range(2 * GROUP)),
    )


def column_of_outputs(column: int) -> Line:
    """Six sums of a column, made four that go to the stack."""
    return Line(
        loads=tuple(
            Access(register=f"r{3 + y}", offset=offset_text(4 * 2 * GROUP * (SIDE * column + y)))
            for y in range(SIDE)
        ),
        stores=tuple(
            Access(register=register, offset=offset_text(4 * (SIDE * y + column)))
            for y, register in enumerate(OUTPUT_LINE)
        ),
    )


def row_of_outputs(row: int, channels: int) -> OutputRow:
    """Six of these along a row, made four outputs."""
    factor = (INVERSE_OF_9 << MISSING_POWERS[row]) % 2**32
    return OutputRow(
        loads=tuple(
            Access(register=f"r{3 + x}", offset=offset_text(4 * (SIDE * row + x)))
            for x in range(SIDE)
        ),
        factor_low=factor % 2**16,
        factor_high=factor >> 16,
        outputs=tuple(
            Output(
                register=register,
                offset=offset_text(x * channels),
                doubles=x > 0 and MISSING_POWERS[x] > MISSING_POWERS[x - 1],
            )
            for x, register in enumerate(OUTPUT_LINE)
        ),
    )
