"""Whose image it is: the C's choice against exact fractions."""

from __future__ import annotations

import ctypes
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.c_host import RUNTIME, shared_library

NOBODY = 2**32 - 1
LARGEST = 2**31 - 1

scores = st.integers(-LARGEST, LARGEST) | st.integers(-3, 9) | st.integers(LARGEST - 3, LARGEST)
thresholds = st.integers(1, LARGEST) | st.integers(1, 4) | st.integers(LARGEST - 3, LARGEST)
verdicts = st.lists(st.tuples(scores, thresholds, st.booleans()), max_size=6)


class _Result(ctypes.Structure):
    _fields_ = (
        ("score", ctypes.c_int32),
        ("norm_squared", ctypes.c_int32),
        ("accepted", ctypes.c_int32),
    )


class _Best(ctypes.Structure):
    _fields_ = (
        ("person", ctypes.c_uint32),
        ("threshold", ctypes.c_int32),
        ("result", _Result),
    )


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp("people")
    return ctypes.CDLL(str(shared_library(RUNTIME / "hv_people.c", folder)))


def _chosen(
    library: ctypes.CDLL, people: list[tuple[int, int, bool]], *, normalised: bool
) -> tuple[int, int]:
    best = _Best()
    library.hv_people_begin(ctypes.byref(best))
    for number, (score, threshold, accepted) in enumerate(people):
        result = _Result(score, 5, int(accepted))
        library.hv_people_take(
            ctypes.byref(best), number, ctypes.byref(result), threshold, ctypes.c_bool(normalised)
        )
    return best.person, best.result.score


@given(people=verdicts, normalised=st.booleans())
def test_the_closest_of_those_who_accept(
    library: ctypes.CDLL, people: list[tuple[int, int, bool]], normalised: bool
) -> None:
    def closeness(number: int) -> Fraction:
        score, threshold, _ = people[number]
        return Fraction(score**2, threshold) if normalised else Fraction(score - threshold)

    accepted = [number for number, person in enumerate(people) if person[2]]
    expected = max(accepted, key=closeness, default=NOBODY)
    score = people[expected][0] if accepted else 0
    assert _chosen(library, people, normalised=normalised) == (expected, score)


def test_a_difference_in_the_last_bit_decides(library: ctypes.CDLL) -> None:
    near = [(LARGEST - 1, LARGEST, True), (LARGEST, LARGEST, True)]
    assert _chosen(library, near, normalised=True)[0] == 1
    assert _chosen(library, near[::-1], normalised=True)[0] == 0
