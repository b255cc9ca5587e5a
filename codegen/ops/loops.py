"""Loops over tensors as they are written in C: nesting, and indices with MISRA's parentheses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from codegen.ops.base import KernelContext, QuantLayer, Shape

_VARIABLES = "ijkmnp"


@dataclass(frozen=True, kw_only=True)
class Local:
    """`const int32_t name = expression;`."""

    name: str
    expression: str


@dataclass(frozen=True, kw_only=True)
class Loop:
    """`for (int32_t variable = 0; variable < extent; ++variable)`; locals open its body."""

    variable: str
    extent: int
    locals: tuple[Local, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Term:
    """One summand of an index: variable * factor."""

    variable: str
    factor: int


@dataclass(frozen=True, kw_only=True)
class Walk:
    """An axis of an output: its extent, and how far a step along it goes in the input.

    Attributes:
        extent: elements along the axis.
        stride: elements of the input, may be negative.
    """

    extent: int
    stride: int


@dataclass(frozen=True, kw_only=True)
class MoveContext(KernelContext):
    """What a kernel needs that writes its output in order, each element from somewhere."""

    input_elements: int
    output_elements: int
    loops: tuple[Loop, ...]
    source: str  # index of the input
    target: str  # index of the output


def loop_variable(number: int) -> str:
    """The variable of a loop, counted from the outermost: i, j, k, m, n, p, i6, i7, ..."""
    return _VARIABLES[number] if number < len(_VARIABLES) else f"i{number}"


def strides(shape: Shape) -> Shape:
    """Elements between neighbours along each axis; the last axis is contiguous."""
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def index_text(terms: Sequence[Term], offset: int = 0) -> str:
    """The sum of the terms and the offset as C: `(i * 12) + j + 3`, `j + 11 - (i * 3)`.

    It is never negative: a sum that only takes away has an offset to take from.
    """
    if len(terms) == 1 and offset == 0:
        return _product(terms[0]).strip("()")
    added = [_product(term) for term in terms if term.factor > 0]
    taken = [_product(term) for term in terms if term.factor < 0]
    if offset > 0 or not added:
        added.append(str(max(offset, 0)))
    if offset < 0:
        taken.append(str(-offset))
    return " - ".join([" + ".join(added), *taken])


def nested_index(loops: Sequence[Loop]) -> str:
    """The index of an element of the tensor that the loops run over: `(((i * 5) + j) * 3) + k`."""
    text = ""
    for loop in loops:
        outer = f"({text})" if " " in text else text
        text = f"({outer} * {loop.extent}) + {loop.variable}" if text else loop.variable
    return text or "0"


def collapse(walks: Sequence[Walk]) -> tuple[Walk, ...]:
    """The same walk with as few axes as possible: neighbours that move together become one."""
    merged: list[Walk] = []
    for walk in walks:
        if walk.extent == 1:
            continue
        if merged and merged[-1].stride == walk.extent * walk.stride:
            walk = Walk(extent=merged.pop().extent * walk.extent, stride=walk.stride)
        merged.append(walk)
    return tuple(merged)


def nest(extents: Sequence[int]) -> tuple[Loop, ...]:
    """Loops over a tensor with these extents, the outermost first."""
    return tuple(
        Loop(variable=loop_variable(number), extent=extent) for number, extent in enumerate(extents)
    )


def row_major(loops: Sequence[Loop]) -> tuple[Term, ...]:
    """The index of an element of the tensor that the loops run over."""
    factors = strides(tuple(loop.extent for loop in loops))
    return tuple(
        Term(variable=loop.variable, factor=factor)
        for loop, factor in zip(loops, factors, strict=True)
    )


def move_context(layer: QuantLayer, walks: Sequence[Walk], offset: int) -> dict[str, Any]:
    """The fields of MoveContext.

    Args:
        layer: the layer.
        walks: one per axis of its output.
        offset: the element of the input that becomes the first of the output.
    """
    collapsed = collapse(walks)
    loops = nest([walk.extent for walk in collapsed])
    terms = tuple(
        Term(variable=loop.variable, factor=walk.stride)
        for loop, walk in zip(loops, collapsed, strict=True)
    )
    return {
        "input_elements": math.prod(layer.input_shapes[0]),
        "output_elements": math.prod(layer.output_shape),
        "loops": loops,
        "source": index_text(terms, offset),
        "target": index_text(row_major(loops)),
    }


def _product(term: Term) -> str:
    size = abs(term.factor)
    return term.variable if size == 1 else f"({term.variable} * {size})"
