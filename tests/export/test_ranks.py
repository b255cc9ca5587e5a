"""Layers of every rank, alone in a graph: the forms that a bench of images does not reach."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from export_cases import check

from codegen.export.builder import Builder, TensorInfo, model_bytes
from codegen.export.exporter import RealLayer
from codegen.export.ops import find_exporter
from codegen.export.real_parts import channels_first, float32, per_channel
from codegen.ops.base import Activation, QuantLayer, Shape
from codegen.ops.pointwise import Pointwise
from tests.ops.harness import ACTIVATIONS, Json, assert_same, quantised

runtime = pytest.importorskip("onnxruntime", reason="pip install 'hvcodegen[witness]'")
SHAPES: tuple[Shape, ...] = ((6, 5), (2, 3, 5), (2, 1, 3, 5), (3, 1, 2, 1, 5))
Arrays = dict[str, np.ndarray]


def _pointwise(shape: Shape, activation: Json) -> tuple[Pointwise, Arrays]:
    op = Pointwise(channels=4, activation=Activation(**activation))
    generator = np.random.default_rng(len(shape))
    return op, {
        name: generator.integers(-64, 65, size).astype(np.float32) / 64
        for name, size in op.float_tensors((shape,)).items()
    }


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation["kind"])
def test_pointwise_in_real_numbers(shape: Shape, activation: Json) -> None:
    op, tensors = _pointwise(shape, activation)
    x = np.random.default_rng(1).normal(size=(3, *shape)).astype(np.float32)
    floats = {name: torch.from_numpy(values) for name, values in tensors.items()}
    expected = op.float_forward(floats, (torch.from_numpy(x),)).numpy()
    got = _run(real_model(op, tensors, shape), _turned(x, (0, 3, 1, 2)))
    np.testing.assert_allclose(_turned(got, (0, 2, 3, 1)), expected, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("activation", ACTIVATIONS, ids=lambda activation: activation["kind"])
def test_pointwise_in_integers(shape: Shape, activation: Json) -> None:
    op, tensors = _pointwise(shape, activation)
    layer = quantised(op, tensors, shape)
    x = np.random.default_rng(1).integers(-128, 128, (3, *shape)).astype(np.int8)
    expected = op.reference(layer, (x,))
    assert_same(expected, _run(integer_model(layer), x), str(shape))


def real_model(op: Pointwise, tensors: Arrays, shape: Shape) -> onnx.ModelProto:
    """The layer in float32, from "source0" to "layer"."""
    graph, exporter = Builder("image"), find_exporter(op.kind)
    output = op.output_shape((shape,))
    orders = {
        "weight": exporter.weight_order,
        "slope": lambda values: per_channel(values, output),
        "bias": lambda values: values,
    }
    layer = RealLayer(
        name="layer",
        op=op,
        inputs=("source0",),
        input_shapes=(shape,),
        output="layer",
        parameters={
            name: graph.constant(f"layer.{name}", float32(orders[name](values)))
            for name, values in tensors.items()
        },
        numbers={},
    )
    exporter.real(graph, layer)
    return _model(graph, channels_first(shape), channels_first(output), np.float32)


def integer_model(layer: QuantLayer) -> onnx.ModelProto:
    """The layer in integers, from "source0" to "layer"."""
    graph = Builder("image")
    find_exporter(layer.op.kind).integer(graph, layer)
    return _model(graph, layer.input_shapes[0], layer.output_shape, np.int8)


def _model(graph: Builder, source: Shape, result: Shape, dtype: Any) -> onnx.ModelProto:  # noqa: ANN401
    model = graph.model(
        "layer",
        "one layer",
        inputs=[TensorInfo(name="source0", dtype=dtype, shape=source)],
        results=(TensorInfo(name="layer", dtype=dtype, shape=result),),
        layers=(),
    )
    check(model)
    return model


def _run(model: onnx.ModelProto, x: np.ndarray) -> np.ndarray:
    session = runtime.InferenceSession(model_bytes(model), providers=["CPUExecutionProvider"])
    (result,) = session.run(["layer"], {"source0": x})
    return np.asarray(result)


def _turned(x: np.ndarray, order: tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(x.transpose(order)) if x.ndim == 4 else x
