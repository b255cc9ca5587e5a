"""Small models of what exporters write and node tests do not cover, by name.

Each is given with the layers that it must become: what is fused or folded leaves no layer behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from tests.importing.onnx_models import model, real

# the model, and the kinds of its layers in order; not reshape: no code runs for it
Made = tuple[onnx.ModelProto, str]
CASES: dict[str, Callable[[], Made]] = {}


def case(function: Callable[[], Made]) -> Callable[[], Made]:
    CASES[function.__name__] = function
    return function


def numbers(*shape: int, seed: int = 1) -> np.ndarray:
    """Between -1 and 1, float32."""
    generator = np.random.default_rng([seed, *shape])
    return generator.uniform(-1, 1, shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    return np.abs(numbers(*shape)) + np.float32(0.5)


def batch_norm(channels: int) -> dict[str, np.ndarray]:
    """scale, offset, mean and variance."""
    return {
        "g": numbers(channels, seed=2),
        "o": numbers(channels, seed=3),
        "m": numbers(channels, seed=4),
        "v": positive(channels),
    }


BN = "g o m v"


def chain(
    shape: tuple[int, ...],
    nodes: list[onnx.NodeProto],
    constants: dict[str, Any] | None = None,
    *,
    opset: int = 17,
    out: tuple[str, ...] = ("y",),
) -> onnx.ModelProto:
    """From x of a shape to y."""
    unknown = dict.fromkeys(out, (onnx.TensorProto.FLOAT, None))
    return model(nodes, {"x": real(*shape)}, unknown, constants or {}, opset=opset)
