"""Whose image it is: the C's choice against exact fractions."""

from __future__ import annotations

import ctypes
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen import reference
from codegen.lower import Program, ScratchArea, lower
from codegen.nets import QuantNet
from codegen.plan import plan_memory
from codegen.schedule import schedule
from codegen.targets import find_target
from tests import networks
from tests.c_host import RUNTIME, emitted, shared_library
from tests.closest import Judged, closest
from tests.who_is_it import CALL, NOBODY, weights_of

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


def _aligned(size_bytes: int) -> tuple[ctypes.Array[ctypes.c_char], int]:
    """Memory, which must be kept, and where in it `size_bytes` lie at a multiple of 16."""
    memory = ctypes.create_string_buffer(size_bytes + 16)
    return memory, (ctypes.addressof(memory) + 15) // 16 * 16


@pytest.mark.parametrize("make", [networks.conv_head, networks.depthwise_all, networks.moves])
def test_the_generated_call_runs_everybody_and_passes_over_nobody(
    make: Callable[[int], QuantNet], tmp_path: Path
) -> None:
    arch = make(2).arch
    thresholds = (0.02, 0.3, 0.25, 0.1, 0.03, 0.2, 0.01)  # differ, so that whose is whose matters
    nets = [
        networks.quant_net(arch, person_seed=seed, threshold=threshold)
        for seed, threshold in enumerate(thresholds, 2)
    ]
    missing = 1
    program = emitted(nets[0], tmp_path / "kernel").program
    sources = sorted(str(path) for path in (tmp_path / "kernel").glob("*.c"))
    kernel = ctypes.CDLL(
        str(shared_library(CALL, tmp_path, "-I", str(tmp_path / "kernel"), *sources))
    )
    pointers = (ctypes.c_void_p * len(nets))()
    kept = []
    for number, net in enumerate(nets):
        weights = weights_of(net, program.target)
        memory, place = _aligned(len(weights))
        ctypes.memmove(place, weights, len(weights))
        kept.append(memory)
        pointers[number] = None if number == missing else place
    memory, arena = _aligned(program.plan.arena_bytes)
    normalised = nets[0].layers[-1].op.kind == "normalised_decision"
    chosen = set()
    for image in networks.images(arch, 24, 9):
        judged = [_judged(net, image) for net in nets]
        judged[missing] = (0, 1, False)
        expected = closest(judged, normalised=normalised)
        kernel.who_is_it.restype = ctypes.c_uint32
        got = kernel.who_is_it(pointers, len(nets), image.tobytes(), ctypes.c_void_p(arena))
        assert got == (NOBODY if expected is None else expected)
        chosen.add(got)
    assert len(chosen) > 2


def _judged(net: QuantNet, image: np.ndarray) -> Judged:
    decision = net.layers[-1].name
    score, _, accepted = reference.run(net, image[None])[decision][0]
    threshold = int(net.tensors()[f"{decision}.threshold"].reshape(-1)[0])
    return int(score), threshold, bool(accepted)


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
