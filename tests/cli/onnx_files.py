"""Small ONNX models and samples for the command line's tests, made where they are used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx

from tests.importing.onnx_models import model, node, real

CALIBRATION = 24


def random(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers, float32."""
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def vector_model(dtype: type = np.float32, kind: int = onnx.TensorProto.FLOAT) -> onnx.ModelProto:
    """x [1, 10] -> y [1, 3]: two layers with weights."""
    return model(
        [
            node("Gemm", "x w0 b0", "a", name="first"),
            node("Relu", "a", "h", name="cut"),
            node("Gemm", "h w1 b1", "y", name="second"),
        ],
        {"x": (kind, (1, 10))},
        {"y": (kind, (1, 3))},
        {
            "w0": random(10, 16, seed=1).astype(dtype),
            "b0": random(16, seed=2).astype(dtype),
            "w1": random(16, 3, seed=3).astype(dtype),
            "b1": random(3, seed=4).astype(dtype),
        },
    )


def picture_model(
    channels: int = 3, sizes: Sequence[int | str] = (12, 12), *, last: bool = False
) -> onnx.ModelProto:
    """A picture [1, C, 12, 12] -> probabilities [1, 4]; `last`: [1, 12, 12, C]."""
    height, width = sizes
    given = (1, height, width, channels) if last else (1, channels, height, width)
    turn = [node("Transpose", "image", "first", perm=[0, 3, 1, 2])] if last else []
    return model(
        [
            *turn,
            node(
                "Conv", f"{'first' if last else 'image'} w b", "a", pads=[1, 1, 1, 1], name="conv"
            ),
            node("Relu", "a", "r", name="relu"),
            node("GlobalAveragePool", "r", "p", name="pool"),
            node("Flatten", "p", "f", name="flat"),
            node("Gemm", "f v c", "l", name="dense"),
            node("Softmax", "l", "probs", name="softmax"),
        ],
        {"image": real(*given)},
        {"probs": real(1, 4)},
        {
            "w": random(6, channels, 3, 3, seed=1),
            "b": random(6, seed=2),
            "v": random(6, 4, seed=3),
            "c": random(4, seed=4),
        },
    )


def two_model() -> onnx.ModelProto:
    """A picture [1, 2, 6, 6] and a vector [1, 5] -> logits [1, 3] and features [1, 4, 6, 6]."""
    return model(
        [
            node("Conv", "picture w b", "a", pads=[1, 1, 1, 1], name="conv"),
            node("Relu", "a", "features", name="relu"),
            node("GlobalAveragePool", "features", "p", name="pool"),
            node("Flatten", "p", "f", name="flat"),
            node("Gemm", "vector v c", "g", name="side"),
            node("Add", "f g", "s", name="sum"),
            node("Gemm", "s u d", "logits", name="head"),
        ],
        {"picture": real(1, 2, 6, 6), "vector": real(1, 5)},
        {"logits": real(1, 3), "features": real(1, 4, 6, 6)},
        {
            "w": random(4, 2, 3, 3, seed=1),
            "b": random(4, seed=2),
            "v": random(5, 4, seed=3),
            "c": random(4, seed=4),
            "u": random(4, 3, seed=5),
            "d": random(3, seed=6),
        },
    )


def qdq_model() -> onnx.ModelProto:
    """x [1, 8] -> y [1, 4] with scales and zero points for every tensor."""
    constants = {
        "sx": np.float32(0.03),
        "zx": np.int8(5),
        "w": np.random.default_rng(1).integers(-127, 128, (8, 4)).astype(np.int8),
        "sw": np.float32(0.01),
        "zw": np.int8(0),
        "sy": np.float32(0.07),
        "zy": np.int8(-11),
    }
    return model(
        [
            node("QuantizeLinear", "x sx zx", "xq"),
            node("DequantizeLinear", "xq sx zx", "xr"),
            node("DequantizeLinear", "w sw zw", "wr"),
            node("MatMul", "xr wr", "m", name="product"),
            node("QuantizeLinear", "m sy zy", "mq"),
            node("DequantizeLinear", "mq sy zy", "y"),
        ],
        {"x": real(1, 8)},
        {"y": real(1, 4)},
        constants,
    )


def saved(proto: onnx.ModelProto, name: str) -> Path:
    """The model as a file in the current folder."""
    path = Path(name)
    path.write_bytes(proto.SerializeToString())
    return path


def samples(name: str, **arrays: np.ndarray) -> Path:
    """An .npz in the current folder."""
    path = Path(name)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return path
