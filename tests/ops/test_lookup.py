"""lookup: a table of 256 answers, on numpy, torch and C; against real numbers."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench, check_everywhere, check_step
from hypothesis import given, settings
from strategies import benches, compiled, seeds

from codegen.errors import GateBreach, HvError
from codegen.gates import check_network
from codegen.nets import Architecture
from codegen.ops.base import Quantity
from codegen.ops.lookup import Lookup, function_table
from codegen.quantise import quantise
from tests.networks import float_net, quant_net, with_tensor
from tests.ops.expression_cases import EXPRESSIONS, X


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    from hypothesis import strategies as st

    del shape
    source = draw(st.sampled_from(("image", "first", "second", "vector")))
    return {"op": "lookup", "inputs": [source], "function": draw(st.sampled_from(EXPRESSIONS))}


@compiled
@given(benches(_case, count=8), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_one_rounding_from_real_numbers(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    finite = [case for case in cases[1] if case["function"][0] not in ("log", "sqrt", "div", "pow")]
    check_step(bench(cases[0], finite), seed)


def test_any_rank() -> None:
    for shape in ((5,), (2, 3), (2, 3, 4), (2, 1, 3, 2)):
        assert Lookup(function=("tanh", X)).output_shape((shape,)) == shape


def test_every_entry_is_rounded_half_up() -> None:
    """q / 2 for q = -128 to 127, zero point 3: halves go up."""
    net = float_net(bench((2, 2, 2), [{"op": "lookup", "inputs": ["image"], "function": ["x"]}]))
    scale = net.arch.image.scale
    own = {"case0": Quantity(scale=2 * scale, zero_point=3)}
    table = quantise(dataclasses.replace(net, quantities=own)).layers[3].tensors["table"]
    assert table.tolist() == [-(-q // 2) + 3 for q in range(-128, 128)]


def test_what_is_no_number_becomes_zero_and_infinities_clamp() -> None:
    real = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0])
    table = function_table(real, Quantity(scale=1e-9, zero_point=-7))
    assert table.tolist() == [-7, 127, -128, 127, -128, -7]


def test_a_logarithm_of_everything() -> None:
    """log is -inf at 0 and no number below."""
    net = float_net(
        bench((3, 3, 2), [{"op": "lookup", "inputs": ["image"], "function": ["log", ["x"]]}])
    )
    quant = quantise(dataclasses.replace(net, ranges={**net.ranges, "case0": (-4.0, 1.0)}))
    table = quant.layers[3].tensors["table"]
    assert set(table[:128].tolist()) == {quant.layers[3].quantity.zero_point}
    assert table[128] == -128
    assert (np.diff(table[128:].astype(int)) >= 0).all()
    check_everywhere((quant,), seed=2)


def test_a_changed_table_is_refused_or_seen() -> None:
    net = quant_net(bench((2, 2, 2), [{"op": "lookup", "inputs": ["first"], "function": X}]))
    table = net.tensors()["case0.table"]
    with pytest.raises(GateBreach, match=r"expected int8 \(256,\)"):
        check_network(with_tensor(net, "case0.table", table.astype(np.int32)))
    check_everywhere((with_tensor(net, "case0.table", table[::-1].copy()),), seed=1)


def test_the_function_survives_json() -> None:
    function = ["mul", ["x"], ["hard_sigmoid", ["x"], 1, 0.5]]
    arch = bench((2, 2, 2), [{"op": "lookup", "inputs": ["first"], "function": function}])
    again = Architecture.from_json(json.loads(json.dumps(arch.to_json())))
    assert again == arch
    assert again.layers[3].op == Lookup(function=("mul", X, ("hard_sigmoid", X, 1.0, 0.5)))
    assert json.dumps(again.to_json()) == json.dumps(arch.to_json())


def test_real_numbers_match_torch() -> None:
    x = torch.randn(2, 3, 4)
    op = Lookup(function=("mul", X, ("sigmoid", X)))
    torch.testing.assert_close(op.float_forward({}, (x,)), torch.nn.functional.silu(x))


def test_the_c_says_which_function_it_is() -> None:
    net = quant_net(bench((2, 2, 2), [{"op": "lookup", "inputs": ["first"], "function": X}]))
    layer = dataclasses.replace(net.layers[3], op=Lookup(function=("mul", X, ("sigmoid", X))))
    assert layer.op.kernel_context(layer, "f").summary == "SiLU, x * sigmoid(x)"


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (["cosh", ["x"]], "unknown function 'cosh'"),
        (["add", ["x"]], "add takes 2 arguments, not 1"),
        (2.5, "2.5 is a constant"),
        ("x", "is no expression"),
    ],
)
def test_what_is_no_function_is_refused(function: object, message: str) -> None:
    with pytest.raises(HvError, match=message):
        bench((2, 2, 2), [{"op": "lookup", "inputs": ["first"], "function": function}])
