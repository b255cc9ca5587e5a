"""pad: constants, edges and mirrors around any number of axes, against numpy.pad."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from harness import Json, Shape3, bench, check_bench, check_moves
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import compiled, factorised, pads, seeds, shapes

from codegen.emit import emit
from codegen.errors import HvError
from codegen.ops.base import QuantLayer
from codegen.ops.pad import Pad
from codegen.ops.reshape import Reshape
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import quant_net


@st.composite
def _benches(draw: Any) -> tuple[Shape3, list[Json]]:  # noqa: ANN401
    """Images padded, and a reshape to any rank, padded."""
    shape = tuple(min(extent, 6) for extent in draw(shapes))
    other = draw(factorised(math.prod(shape)).filter(lambda made: len(made) < 5))
    cases: list[Json] = [{"op": "reshape", "inputs": ["second"], "shape": list(other)}]
    cases += [{"op": "pad", "inputs": ["case0"], **draw(pads(other))} for _ in range(2)]
    cases += [{"op": "pad", "inputs": ["second"], **draw(pads(shape))} for _ in range(3)]
    return (shape[0], shape[1], shape[2]), cases


def _numpys(layer: QuantLayer, x: np.ndarray) -> np.ndarray:
    op = layer.op
    if isinstance(op, Reshape):
        return x.reshape(-1, *op.shape)
    assert isinstance(op, Pad)
    sides = [(0, 0), *zip(op.before, op.after, strict=True)]
    if op.mode != "constant":
        return np.pad(x, sides, mode=op.mode)
    in_reals = np.float64(op.value) / layer.quantity.scale + layer.quantity.zero_point
    integer = int(np.clip(np.floor(in_reals + 0.5), -128, 127))
    return np.pad(x, sides, constant_values=integer if x.dtype == np.int8 else op.value)


@compiled
@given(_benches(), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=25)
@given(_benches(), seeds)
def test_is_numpys_pad(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_moves(bench(*cases), seed, _numpys)


def _case(mode: str, before: list[int], after: list[int], **fields: object) -> Json:
    return {
        "op": "pad", "inputs": ["first"], "mode": mode, "before": before, "after": after, **fields
    }  # fmt: skip


@pytest.mark.parametrize(
    ("case", "statements"),
    [
        (_case("edge", [0, 0, 0], [0, 0, 0]), ["output[i] = input[i];"]),
        (_case("constant", [0, 0, 0], [0, 0, 0]), ["output[i] = input[i];"]),
        (
            _case("constant", [1, 0, 0], [2, 0, 0]),
            ["const int32_t from_i = i - 1;", "if ((from_i >= 0) && (from_i < 3)) {"],
        ),
        (
            _case("constant", [0, 0, 0], [0, 0, 1]),
            ["i < 12; ++i", "if (j < 2) {", "output[(i * 3) + j] = value;"],
        ),
        (
            _case("edge", [0, 2, 0], [0, 1, 0]),
            [
                "const int32_t off_j = j - 2;",
                "const int32_t near_j = (off_j < 0) ? 0 : off_j;",
                "const int32_t from_j = (near_j < 4) ? near_j : 3;",
                "input[(i * 8) + (from_j * 2) + k]",
            ],
        ),
        (
            _case("reflect", [2, 0, 0], [0, 3, 0]),
            [
                "const int32_t off_i = i - 2;",
                "const int32_t from_i = (off_i < 0) ? -off_i : off_i;",
                "const int32_t from_j = (j < 4) ? j : (6 - j);",
            ],
        ),
    ],
)
def test_only_padded_axes_are_computed(case: Json, statements: list[str]) -> None:
    net = quant_net(bench((3, 4, 2), [case]))
    text = emit(schedule(net, find_target("cortex-m4")), "someone").files["hv_bench.c"].decode()
    for statement in statements:
        assert statement in text


def test_an_axis_of_one_element_is_repeated() -> None:
    check_bench(bench((1, 1, 1), [_case("edge", [2, 0, 1], [1, 3, 0])]), seed=1)


def test_impossible_pads_are_refused() -> None:
    faults = [
        (_case("edge", [0, -1, 0], [0, 0, 0]), "none negative"),
        (_case("edge", [0, 0, 0], [0, 0]), "for every axis"),
        (_case("edge", [], []), "for every axis"),
        (_case("edge", [0, 0], [0, 0]), "cannot take shape"),
        (_case("reflect", [0, 4, 0], [0, 0, 0]), "cannot mirror"),
        (_case("reflect", [0, 0, 0], [0, 0, 2]), "cannot mirror"),
        (_case("wrap", [0, 0, 0], [0, 0, 0]), "unknown mode 'wrap'"),
        (_case("edge", [0, 0, 0], [0, 0, 0], value=1.0), "belongs to mode constant"),
        (_case("constant", [0, 0, 0], [0, 0, 0], value=math.inf), "no number of float32"),
        (_case("constant", [0, 0, 0], [0, 0, 0], value=math.nan), "no number of float32"),
        (_case("constant", [0, 0, 0], [0, 0, 0], value=1e39), "no number of float32"),
        (_case("constant", [0, 0, 0], [0, 0, 0], value="1"), "no number of float32"),
        (_case("edge", [0.5, 0, 0], [0, 0, 0]), "before cannot be"),
    ]
    for case, message in faults:
        with pytest.raises(HvError, match=message):
            bench((3, 4, 2), [case])
    bench((3, 4, 2), [_case("reflect", [2, 3, 1], [2, 3, 1])])  # as much as there is
