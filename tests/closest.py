"""Whose image it is, in exact fractions: what hv_people.h says it in words."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

Judged = tuple[int, int, bool]
"""One person's score, threshold and acceptance."""


def closest(people: Sequence[Judged], *, normalised: bool) -> int | None:
    """The number of who accepts and exceeds the threshold by most; None: nobody accepts."""

    def closeness(number: int) -> Fraction:
        score, threshold, _ = people[number]
        return Fraction(score**2, threshold) if normalised else Fraction(score - threshold)

    accepting = [number for number, (_, _, accepted) in enumerate(people) if accepted]
    return max(accepting, key=closeness, default=None)
