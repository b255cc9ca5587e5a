"""Streamed networks: rows of whatever kernel the small plan takes give what whole tensors give."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.nets import Architecture, QuantNet
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.architectures import IMAGE_SCALE
from tests.kernels.bench import check_on_board, check_on_host
from tests.networks import extreme, quant_net
from tests.ops.harness import ACTIVATIONS
from tests.ops.strategies import compiled, seeds

Json = dict[str, Any]


@st.composite
def networks(draw: Any) -> Architecture:  # noqa: ANN401 - hypothesis' draw
    """Layers one after the other, some added to what they read; all of it shared."""
    shape = (
        draw(st.integers(5, 14)),
        draw(st.sampled_from((4, 8, 12))),
        draw(st.sampled_from((1, 3, 4))),
    )
    layers: list[Json] = []
    source, size = "image", shape
    for index in range(draw(st.integers(1, 4))):
        name = f"layer{index}"
        op, size_after = draw(_ops(size))
        layers.append({"name": name, "inputs": [source], **op})
        if source != "image" and size_after == size and draw(st.booleans()):
            layers.append({"name": f"sum{index}", "op": "add", "inputs": [source, name]})
            name = f"sum{index}"
        source, size = name, size_after
    layers += [
        {"name": "flat", "op": "flatten", "inputs": [source]},
        {"name": "head", "op": "dense", "inputs": ["flat"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ]
    height, width, channels = shape
    image = {"height": height, "width": width, "channels": channels, "scale": IMAGE_SCALE}
    personal = ["*"] if draw(st.booleans()) else ["head.*"]
    return Architecture.from_json(
        {"name": "rows", "image": image, "layers": layers, "personal": personal}
    )


@st.composite
def _ops(draw: Any, size: tuple[int, int, int]) -> tuple[Json, tuple[int, int, int]]:  # noqa: ANN401
    height, width, channels = size
    kind = draw(st.sampled_from(("conv2d", "depthwise", "pointwise")))
    activation = draw(st.sampled_from(ACTIVATIONS))
    made = draw(st.sampled_from((4, 8)))
    if kind == "pointwise":
        return {"op": kind, "channels": made, "activation": activation}, (height, width, made)
    kernel = draw(st.integers(1, min(3, height)))
    stride = draw(st.integers(1, 2))
    top, bottom = (draw(st.integers(0, kernel - 1)) for _ in range(2))
    rows = (height + top + bottom - kernel) // stride + 1
    op: Json = {
        "op": kind,
        "kernel": [kernel, 3],
        "stride": [stride, 1],
        "padding": [top, 1, bottom, 1],
        "activation": activation,
    }
    if kind == "conv2d":
        op["channels"] = made
        channels = made
    return op, (rows, width, channels)


def _net(arch: Architecture, seed: int, is_extreme: bool) -> QuantNet:
    net = quant_net(arch, shared_seed=seed, person_seed=seed, threshold=0.0)
    return extreme(net, seed) if is_extreme else net


@compiled
@given(networks(), seeds, st.booleans(), st.sampled_from(("cortex-m4", "cortex-m0", "cortex-m55")))
def test_rows_on_the_host(arch: Architecture, seed: int, is_extreme: bool, target: str) -> None:
    check_on_host([schedule(_net(arch, seed, is_extreme), find_target(target), "small")], seed)


@compiled
@given(networks(), seeds, st.booleans())
def test_rows_on_the_board(arch: Architecture, seed: int, is_extreme: bool) -> None:
    """The application runs layers, then the whole image, then row by row: all give the same."""
    scheduled = schedule(_net(arch, seed, is_extreme), find_target("cortex-m4"), "small")
    check_on_board(scheduled, seed, "qemu")


@pytest.mark.parametrize("plan", ["speed", "balanced", "small"])
def test_rows_are_taken_by_every_plan(plan: str) -> None:
    layers = [
        {"name": "conv0", "op": "conv2d", "inputs": ["image"], "channels": 4, "kernel": [3, 3],
         "padding": [1, 1, 1, 1]},
        {"name": "flat", "op": "flatten", "inputs": ["conv0"]},
        {"name": "head", "op": "dense", "inputs": ["flat"], "channels": 1, "output": "int32"},
        {"name": "decision", "op": "plain_decision", "inputs": ["head"]},
    ]  # fmt: skip
    image = {"height": 8, "width": 8, "channels": 4, "scale": IMAGE_SCALE}
    arch = {"name": "one", "image": image, "layers": layers, "personal": ["head.*"]}
    net = quant_net(Architecture.from_json(arch), threshold=0.0)
    scheduled = schedule(net, find_target("cortex-m4"), plan)
    assert (scheduled.stream is not None) == (plan == "small")
    check_on_host([scheduled], seed=1)
    check_on_board(scheduled, seed=1, emulator="qemu")
