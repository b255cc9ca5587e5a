"""What the real-valued forms of several operators share; images are [N, C, H, W]."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from codegen.export.builder import Builder, TensorInfo
from codegen.export.exporter import RealLayer
from codegen.nets import IMAGE, Architecture, Layer
from codegen.ops.base import Activation, Op, Shape
from codegen.ops.grouped import GroupedMac
from codegen.ops.windows import DilatedWindow, Window

SCORE, ACCEPTED = "score", "accepted"
OUTPUTS = (
    TensorInfo(name=SCORE, dtype=np.float32, shape=()),
    TensorInfo(name=ACCEPTED, dtype=np.bool_, shape=()),
)
CHANNELS_FIRST, CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)


def float32(values: object) -> np.ndarray:
    """Any numbers as float32."""
    return np.asarray(values, np.float32, order="C")


def tensor_name(arch: Architecture, layer: str) -> str:
    """The tensor of a layer; a verifier's layer may be called what an output is called."""
    return f"{layer}/tensor" if arch.is_verifier and layer in (SCORE, ACCEPTED) else layer


def result_name(arch: Architecture, layer: Layer) -> str:
    """The tensor of a layer, or the score of a decision."""
    return SCORE if layer.op.is_decision else tensor_name(arch, layer.name)


def real_inputs(arch: Architecture) -> list[TensorInfo]:
    """The camera's image as it is, any other input in real numbers."""
    if arch.is_verifier:
        return [TensorInfo(name=IMAGE, dtype=np.uint8, shape=arch.image.shape)]
    return [
        TensorInfo(name=given.name, dtype=np.float32, shape=channels_first(given.shape))
        for given in arch.inputs
    ]


def real_info(name: str, shape: Shape) -> TensorInfo:
    """A layer's result; `shape` in the house's order."""
    return TensorInfo(name=name, dtype=np.float32, shape=channels_first(shape))


def channels_first(shape: Shape) -> Shape:
    """[H, W, C] -> [C, H, W]; a vector stays."""
    return (shape[2], shape[0], shape[1]) if len(shape) == 3 else shape


def real_axis(axis: int, rank: int) -> int:
    """Where a house tensor's axis lies in the batched real-valued tensor of that rank."""
    return CHANNELS_FIRST.index(axis + 1) if rank == 3 else axis + 1


def house_order(graph: Builder, layer: RealLayer, index: int = 0) -> str:
    """An input of the layer with its axes in the house's order: an image is turned channels last.

    Every other tensor has the house's order in the real-valued graphs, too.
    """
    tensor = layer.inputs[index]
    if len(layer.input_shapes[index]) != 3:
        return tensor
    return graph.node(
        "Transpose", [tensor], f"{layer.name}/input{index}_channels_last", perm=CHANNELS_LAST
    )


def from_house_order(graph: Builder, layer: RealLayer, tensor: str, shape: Shape) -> None:
    """Gives the layer's output its name; `tensor`, of `shape`, has the house's order of axes."""
    if len(shape) == 3:
        graph.node("Transpose", [tensor], layer.output, perm=CHANNELS_FIRST)
    else:
        graph.node("Identity", [tensor], layer.output)


def per_channel(values: np.ndarray, shape: Shape) -> np.ndarray:
    """[C] so that it broadcasts over [N, C, H, W] or [N, C]; `shape` in the house's order."""
    return values.reshape(-1, 1, 1) if len(shape) == 3 else values


def window_of(op: Op) -> Window:
    """The operator as the sliding window that it is."""
    if not isinstance(op, Window):
        raise TypeError(f"{op.kind} is no sliding window")
    return op


def grouped(op: Op) -> GroupedMac:
    """The operator as the convolution with groups that it is."""
    if not isinstance(op, GroupedMac):
        raise TypeError(f"{op.kind} has no groups")
    return op


def window_attributes(op: Op) -> dict[str, Any]:
    """kernel_shape, strides, pads: ONNX has the house's order top, left, bottom, right."""
    window = window_of(op)
    attributes = {"kernel_shape": window.kernel, "strides": window.stride, "pads": window.padding}
    return {**attributes, **dilations(window)}


def dilations(window: Window) -> dict[str, Any]:
    """The attribute of a window that can have gaps between its taps."""
    return {"dilations": window.dilation} if isinstance(window, DilatedWindow) else {}


def convolution(graph: Builder, layer: RealLayer, **attributes: int | Sequence[int]) -> None:
    """Conv with weight, bias and activation."""
    parameters = [layer.parameters["weight"], layer.parameters["bias"]]
    activated(graph, layer, "Conv", [*layer.inputs, *parameters], **attributes)


def activated(
    graph: Builder,
    layer: RealLayer,
    kind: str,
    inputs: Sequence[str],
    **attributes: int | Sequence[int],
) -> None:
    """A node and, after it, the activation fused into its layer."""
    activation: Activation = getattr(layer.op, "activation")  # noqa: B009 - not every Op has one
    if activation.kind == "none":
        graph.node(kind, inputs, layer.output, **attributes)
        return
    linear = graph.node(kind, inputs, f"{layer.name}/linear", **attributes)
    if activation.kind == "prelu":
        graph.node("PRelu", [linear, layer.parameters["slope"]], layer.output)
    elif activation.kind == "relu":
        graph.node("Relu", [linear], layer.output)
    else:
        ends = zip(("lo", "hi"), activation.bounds(), strict=True)
        bounds = [graph.constant(f"{layer.name}/{end}", float32(value)) for end, value in ends]
        graph.node("Clip", [linear, *bounds], layer.output)


def decide(graph: Builder, layer: RealLayer, column: str) -> None:
    """[N, 1] scores -> outputs score [N] and accepted [N]."""
    axis = graph.constant("AXIS/one", np.array([1], np.int64))
    threshold = graph.constant(f"{layer.name}.threshold", float32(layer.numbers["threshold"]))
    score = graph.node("Squeeze", [column, axis], SCORE)
    graph.node("GreaterOrEqual", [score, threshold], ACCEPTED)
