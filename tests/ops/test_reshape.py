"""reshape: the same bytes, no code, against numpy.reshape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from harness import Json, Shape3, bench, check_bench
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import benches, compiled, factorised, seeds

from codegen import reference
from codegen.emit import emit
from codegen.errors import HvError
from codegen.ops.reshape import Reshape
from codegen.plan import plan_memory
from codegen.schedule import schedule
from codegen.scheduled_net import portable
from codegen.targets import find_target
from tests.networks import images, quant_net


def _case(draw: Any, shape: Shape3) -> Json:  # noqa: ANN401
    return {
        "op": "reshape",
        "inputs": [draw(st.sampled_from(("first", "second", "vector")))],
        "shape": list(draw(factorised(math.prod(shape)))),
    }


@compiled
@given(benches(_case), seeds)
def test_same_bits_everywhere(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    check_bench(bench(*cases), seed)


@settings(max_examples=15)
@given(benches(_case), seeds)
def test_is_numpys_reshape(cases: tuple[Shape3, list[Json]], seed: int) -> None:
    net = quant_net(bench(*cases), shared_seed=seed)
    outputs = reference.run(net, images(net.arch, 4, seed))
    for layer in net.layers:
        if isinstance(layer.op, Reshape):
            source = outputs[layer.inputs[0]]
            expected = np.reshape(source, (4, *layer.op.shape))
            np.testing.assert_array_equal(outputs[layer.name], expected)
            real = layer.op.float_forward({}, (torch.from_numpy(source).double(),))
            np.testing.assert_array_equal(real.numpy(), expected)
            assert layer.quantity == layer.input_quantities[0]


def test_operators_read_the_new_shape() -> None:
    """An image out of a vector, convolved; the buffers are one, and no function is made."""
    cases: list[Json] = [
        {"op": "reshape", "inputs": ["vector"], "shape": [2, 6, 2]},
        {"op": "conv2d", "inputs": ["case0"], "channels": 3, "kernel": [2, 3]},
        {"op": "reshape", "inputs": ["case1"], "shape": [6, 2]},
    ]
    net = quant_net(bench((3, 4, 2), cases))
    plan = plan_memory(portable(net))
    assert plan.buffer_of["case0"] == plan.buffer_of["vector"] == "first"
    assert plan.buffer_of["case2"] == "case1"
    text = emit(schedule(net, find_target("cortex-m4")), "someone").files["hv_bench.c"].decode()
    assert (
        "/* case0: reshape, 24 -> 2x6x2, the bytes of vector in another shape: no code. */" in text
    )
    assert "hv_bench_case0(" not in text
    check_bench(net.arch, seed=1)


def test_impossible_shapes_are_refused() -> None:
    with pytest.raises(HvError, match=r"has 18 elements, \(3, 5\) would have 15"):
        bench((3, 3, 2), [{"op": "reshape", "inputs": ["first"], "shape": [3, 5]}])
    for shape in ([], [0], [-1, 18], [-2, -9]):
        with pytest.raises(HvError, match="is no shape"):
            bench((3, 3, 2), [{"op": "reshape", "inputs": ["first"], "shape": shape}])
    for wrong in (18, [9.0, 2], ["18"], [True, 18]):
        with pytest.raises(HvError, match="shape cannot be"):
            bench((3, 3, 2), [{"op": "reshape", "inputs": ["first"], "shape": wrong}])
    with pytest.raises(HvError, match="cannot read camera bytes"):
        bench((3, 3, 2), [{"op": "reshape", "inputs": ["image"], "shape": [18]}])
