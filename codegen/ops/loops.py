"""Nested loops as data: templates/parts/loops.j2 opens them, kernels index with their variables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

_VARIABLES = ("i", "j", "k", "m", "n", "p")


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One of the nested loops, and the axis that it runs along."""

    variable: str
    extent: int


def loop_variable(depth: int) -> str:
    """The variable of the loop that has `depth` others around it."""
    return _VARIABLES[depth] if depth < len(_VARIABLES) else f"i{depth}"


def index_text(loops: Sequence[Loop]) -> str:
    """C: where an element lies in a tensor that has one axis for each of these loops."""
    text = ""
    for loop in loops:
        outer = f"({text})" if " " in text else text
        text = f"({outer} * {loop.extent}) + {loop.variable}" if text else loop.variable
    return text or "0"
