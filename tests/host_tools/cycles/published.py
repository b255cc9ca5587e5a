"""Published cycle counts of code whose instructions are public.

Hardware: Schwabe and Stoffelen, "All the AES You Need on Cortex-M3 and M4" (SAC 2016), measured on
an STM32L100C (Cortex-M3) and an STM32F407 (Cortex-M4), the mean of many calls; the figures are from
the README of the authors' repository, Ko-/aes-armcortexm. None of its code is here: what counts for
the time, the kinds of its instructions in their order, is written down as data. The caller of such
a function passes three arguments, and its call belongs to what was measured.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

Part = tuple[str, int]  # a kind of instruction, and how many in a row


@dataclass(frozen=True, kw_only=True)
class Published:
    """A measured function.

    Attributes:
        name: what it computes.
        parts: its instructions from the call to the return.
        cycles: measured, by target.
    """

    name: str
    parts: tuple[Part, ...]
    cycles: dict[str, float]


_CALL: tuple[Part, ...] = (("move", 3), ("call", 1))
_SUBSTITUTION: tuple[Part, ...] = (("move", 4), ("load", 4))  # four bytes cut out and looked up
_ROUND: tuple[Part, ...] = (("load list", 4), *((*_SUBSTITUTION, ("move", 4)) * 4))
_EXPANSION: tuple[Part, ...] = (*_SUBSTITUTION, ("move", 8))

PUBLISHED = (
    Published(
        name="AES-128 key expansion",
        parts=(
            *_CALL,
            ("push", 8),
            ("load list", 4),
            ("move", 1),
            *((*_EXPANSION, ("store", 4)) * 10),
            ("move", 1),
            ("pop", 8),
            ("return", 1),
        ),
        cycles={"cortex-m3": 243.9, "cortex-m4": 254.9},
    ),
    Published(
        name="AES-256 key expansion",
        parts=(
            *_CALL,
            ("push", 9),
            ("load list", 8),
            ("move", 1),
            *((*_EXPANSION, *_SUBSTITUTION, ("move", 7), ("store", 8)) * 6),
            ("move", 1),
            *_EXPANSION,
            ("store", 4),
            ("pop", 9),
            ("return", 1),
        ),
        cycles={"cortex-m3": 315.8, "cortex-m4": 319.9},
    ),
    Published(
        name="AES-128 of one block",
        parts=(
            *_CALL,
            ("push", 10),
            ("load list", 4),
            ("load list", 4),
            ("move", 2),
            ("move", 4),
            *(_ROUND * 10),
            ("load", 1),
            ("store list", 4),
            ("pop", 9),
            ("return", 1),
        ),
        cycles={"cortex-m3": 639.5, "cortex-m4": 644.7},
    ),
)

_LISTED = ("r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12", "lr")


def assembly(parts: Iterable[Part]) -> str:
    """Instructions of our own of those kinds, in that order; loads do not depend on each other."""
    return "\n".join(line for kind, count in parts for line in _lines(kind, count))


def _lines(kind: str, count: int) -> list[str]:
    listed = ", ".join(_LISTED[:count])
    if kind == "move":
        return ["eor r4, r5, r6"] * count
    if kind == "load":
        return [f"ldr r{4 + index}, [r0, r1, lsl #2]" for index in range(count)]
    if kind == "store":
        return [f"str r4, [r2, #{4 * index}]" for index in range(count)]
    return {
        "load list": [f"ldm r3, {{{listed}}}"],
        "store list": [f"stm r3, {{{listed}}}"],
        "push": [f"push {{{listed}}}"],
        "pop": [f"pop {{{listed}}}"],
        "call": ["bl 1f", "1:"],
        "return": ["bx lr"],
    }[kind]
