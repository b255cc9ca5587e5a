"""flatten: the same bytes, no code, in the order of rows, columns, channels."""

from __future__ import annotations

import numpy as np
import torch
from harness import Json, Shape3, bench, check_bench
from hypothesis import given
from strategies import compiled, seeds, shapes

from codegen import reference
from codegen.ops.flatten import Flatten
from codegen.plan import plan_memory
from codegen.scheduled_net import portable
from tests.networks import images, quant_net

_CASES: list[Json] = [
    {"op": "flatten", "inputs": ["second"]},
    {"op": "flatten", "inputs": ["case0"]},
    {"op": "dense", "inputs": ["case1"], "channels": 3},
]


@compiled
@given(shapes, seeds)
def test_same_bits_everywhere(shape: Shape3, seed: int) -> None:
    check_bench(bench(shape, _CASES), seed)


def test_order_is_rows_columns_channels() -> None:
    net = quant_net(bench((3, 4, 2), _CASES))
    outputs = reference.run(net, images(net.arch, 4, 0))
    np.testing.assert_array_equal(outputs["case0"], outputs["second"].reshape(4, -1))
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    assert Flatten().float_forward({}, (x,)).tolist() == [list(map(float, range(24)))]


def test_an_alias_of_an_alias_shares_the_buffer() -> None:
    """And the buffer lives until the last reader of any of its names."""
    plan = plan_memory(portable(quant_net(bench((3, 4, 2), _CASES))))
    assert plan.buffer_of["case0"] == plan.buffer_of["case1"] == "second"
    assert plan.offset("case1") == plan.offset("second")
    second = next(buffer for buffer in plan.buffers if buffer.name == "second")
    assert second.last == 5  # step of case2, the dense layer
