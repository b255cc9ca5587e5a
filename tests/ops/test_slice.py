"""slice: starts, sizes and steps along any number of axes, against numpy's slicing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import Json, Shape3, bench, check_bench, check_moves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import compiled, factorised, seeds, shapes, slices

from codegen.emit import emit
from codegen.errors import HvError
from codegen.ops.base import QuantLayer
from codegen.ops.reshape import Reshape
from codegen.ops.slice import Slice
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import quant_net


@st.composite
def _benches(draw: Any) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """A reshape to any rank, and slices of it; slices of an image; a slice of a slice."""
    shape = draw(shapes)
    other = draw(factorised(math.prod(shape)))
    cases: list[Json] = [{"op": "reshape", "inputs": ["second"], "shape": list(other)}]
    cases += [{"op": "slice", "inputs": ["case0"], **draw(slices(other))} for _ in range(2)]
    cases += [{"op": "slice", "inputs": ["first"], **draw(slices(shape))} for _ in range(2)]
    last = draw(slices(tuple(cases[-1]["size"])))
    return shape, [*cases, {"op": "slice", "inputs": [f"case{len(cases) - 1}"], **last}]


def _numpys(layer: QuantLayer, x: np.ndarray) -> np.ndarray:
    if isinstance(layer.op, Reshape):
        return x.reshape(-1, *layer.op.shape)
    assert isinstance(layer.op, Slice)
    pieces = [slice(None)]
    for start, size, step in zip(layer.op.start, layer.op.size, layer.op.step, strict=True):
        stop = start + size * step
        pieces.append(slice(start, stop if stop >= 0 else None, step))
    return x[tuple(pieces)]


@compiled
@given(_benches(), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=25)
@given(_benches(), seeds)
def test_is_numpys_slicing(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_moves(bench(*cases), seed, _numpys)


def _case(start: list[int], size: list[int], step: list[int]) -> Json:
    return {"op": "slice", "inputs": ["first"], "start": start, "size": size, "step": step}


@pytest.mark.parametrize(
    ("case", "statement"),
    [
        (_case([0, 0, 0], [3, 4, 2], [1, 1, 1]), "output[i] = input[i];"),
        (_case([1, 0, 0], [2, 4, 2], [1, 1, 1]), "output[i] = input[i + 8];"),
        (_case([2, 3, 1], [3, 4, 2], [-1, -1, -1]), "output[i] = input[23 - i];"),
        (_case([0, 3, 0], [3, 2, 2], [1, -2, 1]), "input[(i * 8) + k + 6 - (j * 4)];"),
        (_case([1, 2, 1], [1, 1, 1], [5, 5, 5]), "output[0] = input[13];"),
    ],
)
def test_the_loops_are_as_few_as_can_be(case: Json, statement: str) -> None:
    net = quant_net(bench((3, 4, 2), [case]))
    text = emit(schedule(net, find_target("cortex-m4")), "someone").files["hv_bench.c"].decode()
    assert statement in text


def test_reads_outside_are_refused() -> None:
    """One element beyond either end, forwards and backwards."""
    faults = [
        (_case([1, 0, 0], [3, 1, 1], [1, 1, 1]), "reads 1 to 3 of axis 0, which has 3"),
        (_case([0, 4, 0], [1, 1, 1], [1, 1, 1]), "reads 4 to 4 of axis 1, which has 4"),
        (_case([0, -1, 0], [1, 2, 1], [1, 1, 1]), "reads -1 to 0 of axis 1"),
        (_case([0, 0, 1], [1, 1, 3], [1, 1, -1]), "reads 1 to -1 of axis 2"),
    ]
    for case, message in faults:
        with pytest.raises(HvError, match=message):
            bench((3, 4, 2), [case])


def test_impossible_slices_are_refused() -> None:
    for fault in ([0, 1, 1], [-1, 1, 1]):
        with pytest.raises(HvError, match="none may be zero"):
            bench((3, 4, 2), [_case([0, 0, 0], fault, [1, 1, 1])])
    with pytest.raises(HvError, match="none may be zero"):
        bench((3, 4, 2), [_case([0, 0, 0], [1, 1, 1], [1, 0, 1])])
    with pytest.raises(HvError, match="for every axis"):
        bench((3, 4, 2), [_case([0, 0], [1, 1, 1], [1, 1, 1])])
    with pytest.raises(HvError, match="for every axis"):
        bench((3, 4, 2), [_case([], [], [])])
    with pytest.raises(HvError, match="cannot take shape"):
        bench((3, 4, 2), [_case([0, 0], [1, 1], [1, 1])])
