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
from tests.networks import CONV_HEAD, DEPTHWISE_ALL, MOVES
from tests.ops.harness import ACTIVATIONS, Json, bench
from tests.ops.strategies import factorised, pads, resizes, slices

SHAPE = (6, 5, 3)
NETWORKS = (CONV_HEAD, DEPTHWISE_ALL, MOVES)
DECISIONS = ("plain_decision", "normalised_decision")
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


def _channels(draw: Draw) -> int:
    return int(draw(st.integers(1, 5)))


# fmt: off
CASES: dict[str, Callable[[Draw], Json]] = {
    "add": lambda draw: {
        "inputs": draw(st.sampled_from((["first", "second"], ["first", "first"]))),
        "activation": draw(st.sampled_from(ACTIVATIONS[:-1])),  # an add takes no PReLU
    },
    "average_pool": lambda draw: {"inputs": ["second"], **_window(draw)},
    "concat": lambda draw: {
        "inputs": draw(st.lists(st.sampled_from(("first", "second")), min_size=1, max_size=3)),
        "axis": draw(st.integers(0, 2)),
    },
    "conv2d": lambda draw: _weighted(draw, channels=_channels(draw), **_window(draw)),
    "dense": lambda draw: {**_weighted(draw, channels=_channels(draw)), "inputs": ["vector"]},
    "depthwise": lambda draw: _weighted(draw, **_window(draw)),
    "flatten": lambda draw: {"inputs": [draw(st.sampled_from(("second", "vector")))]},
    "global_pool": lambda draw: {"inputs": [draw(st.sampled_from(("first", "second")))]},
    "max_pool": lambda draw: {"inputs": ["second"], **_window(draw)},
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
    return bench(SHAPE, cases, decision=draw(st.sampled_from(DECISIONS)))


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
