"""Whose image it is: the C's choice against exact fractions."""

from __future__ import annotations

import ctypes
import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.lower import Program, ScratchArea, lower
from codegen.nets import QuantNet
from codegen.plan import plan_memory
from codegen.schedule import schedule
from codegen.targets import find_target
from tests import networks
from tests.c_host import RUNTIME, shared_library
from tests.closest import closest

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
    chosen = closest(people, normalised=normalised)
    score = 0 if chosen is None else people[chosen][0]
    expected = (NOBODY if chosen is None else chosen, score)
    assert _chosen(library, people, normalised=normalised) == expected


def test_a_difference_in_the_last_bit_decides(library: ctypes.CDLL) -> None:
    near = [(LARGEST - 1, LARGEST, True), (LARGEST, LARGEST, True)]
    assert _chosen(library, near, normalised=True)[0] == 1
    assert _chosen(library, near[::-1], normalised=True)[0] == 0


def test_only_personal_layers_are_repeated_and_only_if_they_leave_what_they_read() -> None:
    program = lower_net(networks.conv_head())
    first = program.repeat_from
    assert [step.name for step in program.steps[first:]] == ["head", "decision"]
    assert lower_net(networks.depthwise_all()).repeat_from == 0
    (read,) = (step for step in program.steps if step.name == program.steps[first].inputs[0])
    last = dataclasses.replace(program.steps[-1], offset_bytes=read.offset_bytes)
    assert dataclasses.replace(program, steps=(*program.steps[:-1], last)).repeat_from == 0
    area = ScratchArea(offset_name="X", offset_bytes=0, size_bytes=2**20, layer="head")
    assert dataclasses.replace(program, scratch=(area,)).repeat_from == 0


def lower_net(net: QuantNet) -> Program:
    scheduled = schedule(net, find_target("cortex-m4"))
    return lower(scheduled, plan_memory(scheduled))
