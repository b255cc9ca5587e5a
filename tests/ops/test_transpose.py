"""transpose: any order of any number of axes, against numpy.transpose."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import Json, Shape3, bench, check_bench, check_moves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import compiled, factorised, seeds, shapes

from codegen.emit import emit
from codegen.errors import HvError
from codegen.ops.base import QuantLayer
from codegen.ops.reshape import Reshape
from codegen.ops.transpose import Transpose
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import quant_net


@st.composite
def _benches(draw: Any) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """Reshapes to any rank, and transposes of them."""
    shape = draw(shapes)
    cases: list[Json] = []
    for source in ("first", "second"):
        other = draw(factorised(math.prod(shape)))
        cases.append({"op": "reshape", "inputs": [source], "shape": list(other)})
        name = f"case{len(cases) - 1}"
        for _ in range(2):
            axes = draw(st.permutations(range(len(other))))
            cases.append({"op": "transpose", "inputs": [name], "axes": axes})
    return shape, cases


def _numpys(layer: QuantLayer, x: np.ndarray) -> np.ndarray:
    if isinstance(layer.op, Reshape):
        return x.reshape(-1, *layer.op.shape)
    assert isinstance(layer.op, Transpose)
    return np.transpose(x, (0, *(axis + 1 for axis in layer.op.axes)))


@compiled
@given(_benches(), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=25)
@given(_benches(), seeds)
def test_is_numpys_transpose(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_moves(bench(*cases), seed, _numpys)


@pytest.mark.parametrize(
    ("axes", "statement"),
    [
        ([0, 1, 2], "output[i] = input[i];"),
        ([2, 0, 1], "output[(i * 12) + j] = input[i + (j * 2)];"),
        ([1, 0, 2], "output[(i * 6) + (j * 2) + k] = input[(i * 2) + (j * 8) + k];"),
    ],
)
def test_axes_that_move_together_are_one_loop(axes: list[int], statement: str) -> None:
    net = quant_net(bench((3, 4, 2), [{"op": "transpose", "inputs": ["first"], "axes": axes}]))
    text = emit(schedule(net, find_target("cortex-m4")), "someone").files["hv_bench.c"].decode()
    assert statement in text


def test_impossible_orders_are_refused() -> None:
    for axes in ([], [0, 0, 1], [1, 2, 3], [0, -1, 1]):
        with pytest.raises(HvError, match="is no order of axes"):
            bench((3, 3, 2), [{"op": "transpose", "inputs": ["first"], "axes": axes}])
    with pytest.raises(HvError, match="cannot take shape"):
        bench((3, 3, 2), [{"op": "transpose", "inputs": ["first"], "axes": [1, 0]}])
    with pytest.raises(HvError, match="axes cannot be"):
        bench((3, 3, 2), [{"op": "transpose", "inputs": ["first"], "axes": 0}])
    with pytest.raises(HvError, match="cannot read camera bytes"):
        bench((3, 3, 2), [{"op": "transpose", "inputs": ["image"], "axes": [0, 1, 2]}])
