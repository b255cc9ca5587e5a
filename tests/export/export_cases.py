"""Networks with every operator, and runtimes for what is exported from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import strategies as st

from codegen.export.builder import model_bytes
from codegen.nets import Architecture
from tests.architectures import CONV_HEAD, DEPTHWISE_ALL, MOVES
from tests.ops.harness import ACTIVATIONS, Json, bench
from tests.ops.strategies import (
    dilated_windows,
    enlarging_windows,
    factorised,
    meeting_windows,
    pads,
    resizes,
    slices,
)

SHAPE = (6, 5, 3)
NETWORKS = (CONV_HEAD, DEPTHWISE_ALL, MOVES)
DECISIONS = ("plain_decision", "normalised_decision")
BROADCAST: tuple[Json, ...] = (  # case0 [1, 1, C], case1 [H, W, 1], case2 [H, 1, C]: for pairs
    {"op": "average_pool", "inputs": ["first"], "kernel": list(SHAPE[:2])},
    {"op": "pointwise", "inputs": ["first"], "channels": 1},
    {"op": "constant", "inputs": [], "shape": [SHAPE[0], 1, SHAPE[2]]},
)
Draw = Any  # hypothesis' draw function

seeds = st.integers(0, 2**31)


def _window(draw: Draw) -> Json:
    """Any kernel up to 4 x 4, any stride, every side padded on its own."""
    sides = []
    for _ in range(2):
        kernel = draw(st.integers(1, 4))
        padding = st.integers(0, kernel - 1)
        sides.append((kernel, draw(st.integers(1, 3)), draw(padding), draw(padding)))
    (kernel_y, stride_y, top, bottom), (kernel_x, stride_x, left, right) = sides
    return {
        "kernel": [kernel_y, kernel_x],
        "stride": [stride_y, stride_x],
        "padding": [top, left, bottom, right],
    }


def _weighted(draw: Draw, **fields: object) -> Json:
    source = draw(st.sampled_from(("image", "first", "second")))
    return {"inputs": [source], "activation": draw(st.sampled_from(ACTIVATIONS)), **fields}


def _grouped(draw: Draw, **fields: object) -> Json:
    """As _weighted(), from int8 tensors only: one group, or as many as there are channels."""
    groups = draw(st.sampled_from((1, SHAPE[2])))
    return {
        "inputs": [draw(st.sampled_from(("first", "second")))],
        "activation": draw(st.sampled_from(ACTIVATIONS)),
        "groups": groups,
        "channels": groups * draw(st.integers(1, 3)),
        **fields,
    }


def _pair(draw: Draw) -> Json:
    """Operands of one shape, or one of BROADCAST."""
    pairs = (
        ["first", "second"], ["first", "first"],
        ["case0", "second"], ["second", "case1"], ["first", "case2"],
    )  # fmt: skip
    activation = draw(st.sampled_from(ACTIVATIONS[:-1]))  # no PReLU
    return {"inputs": draw(st.sampled_from(pairs)), "activation": activation}


def _along_axis(draw: Draw) -> Json:
    source, rank = draw(st.sampled_from((("first", 3), ("second", 3), ("vector", 1))))
    return {"inputs": [source], "axis": draw(st.integers(0, rank - 1))}


def _channels(draw: Draw) -> int:
    return int(draw(st.integers(1, 5)))


_X = ["x"]
_FUNCTIONS: tuple[Any, ...] = (
    _X,
    ["gelu", _X],
    ["mul", _X, ["sigmoid", _X]],
    ["clip", ["add", ["mul", _X, -0.5], 0.25], -1, 0.75],
    ["tanh", ["abs", _X]],
)

# fmt: off
CASES: dict[str, Callable[[Draw], Json]] = {
    "add": lambda draw: _pair(draw),
    "argmax": lambda draw: {
        **_along_axis(draw),
        "ties": draw(st.sampled_from(("first", "last"))),
    },
    "average_pool": lambda draw: {"inputs": ["second"], **_window(draw)},
    "concat": lambda draw: {
        "inputs": draw(st.lists(st.sampled_from(("first", "second")), min_size=1, max_size=3)),
        "axis": draw(st.integers(0, 2)),
    },
    "constant": lambda draw: {
        "inputs": [],
        "shape": draw(st.lists(st.integers(1, 4), min_size=1, max_size=4)),
    },
    "conv2d": lambda draw: _weighted(draw, channels=_channels(draw), **_window(draw)),
    "conv_transpose": lambda draw: _grouped(draw, **draw(enlarging_windows(SHAPE))),
    "dense": lambda draw: {**_weighted(draw, channels=_channels(draw)), "inputs": ["vector"]},
    "depthwise": lambda draw: _weighted(draw, **_window(draw)),
    "dilated_max_pool": lambda draw: {"inputs": ["second"], **draw(meeting_windows(SHAPE))},
    "flatten": lambda draw: {"inputs": [draw(st.sampled_from(("second", "vector")))]},
    "global_pool": lambda draw: {"inputs": [draw(st.sampled_from(("first", "second")))]},
    "grouped_conv": lambda draw: _grouped(draw, **draw(dilated_windows(SHAPE))),
    "inner_average_pool": lambda draw: {
        "inputs": ["second"],
        "counted": [draw(st.integers(0, 2)) for _ in range(4)],
        **_window(draw),
    },
    "lookup": lambda draw: {
        "inputs": [draw(st.sampled_from(("image", "first", "vector")))],
        "function": draw(st.sampled_from(_FUNCTIONS)),
    },
    "max_pool": lambda draw: {"inputs": ["second"], **_window(draw)},
    "mul": lambda draw: _pair(draw),
    "pad": lambda draw: {
        "inputs": [draw(st.sampled_from(("first", "second")))],
        **draw(pads(SHAPE)),
    },
    "pointwise": lambda draw: _weighted(draw, channels=_channels(draw)),
    "reshape": lambda draw: {
        "inputs": [draw(st.sampled_from(("second", "vector")))],
        "shape": list(draw(factorised(math.prod(SHAPE)))),
    },
    "resize": lambda draw: {
        "inputs": [draw(st.sampled_from(("first", "second")))],
        **draw(resizes(SHAPE)),
    },
    "slice": lambda draw: {
        "inputs": [draw(st.sampled_from(("first", "second")))],
        **draw(slices(SHAPE)),
    },
    "softmax": lambda draw: _along_axis(draw),
    "sub": lambda draw: _pair(draw),
    "transpose": lambda draw: {
        "inputs": [draw(st.sampled_from(("first", "second")))],
        "axes": draw(st.permutations(range(3))),
    },
}
# fmt: on


@st.composite
def architectures(draw: Draw) -> Architecture:
    """A bench with two cases of every operator, and one of the decisions."""
    cases = [{"op": kind, **case(draw)} for kind, case in CASES.items() for _ in range(2)]
    return bench(SHAPE, [*BROADCAST, *cases], decision=draw(st.sampled_from(DECISIONS)))


def run_model(model: onnx.ModelProto, images: np.ndarray) -> dict[str, np.ndarray]:
    """ONNX Runtime as people run it, every optimisation on; only saturating products are not."""
    runtime = pytest.importorskip("onnxruntime", reason="pip install 'hvcodegen[witness]'")
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.x64quantprecision", "1")  # see qdq_graph.py
    session = runtime.InferenceSession(
        model_bytes(model), options, providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": images}), strict=True))


def check(model: onnx.ModelProto) -> None:
    """The standard's own checker, shapes inferred and compared with those declared."""
    onnx.checker.check_model(model, full_check=True)
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    described = {info.name for info in (*inferred.graph.value_info, *inferred.graph.output)}
    assert described >= {name for node in model.graph.node for name in node.output}
