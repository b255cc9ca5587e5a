"""What an operator is to the export: its real-valued form and its integer form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from codegen.export.builder import Builder
from codegen.ops.base import Op, QuantLayer, Shape

OpKind = TypeVar("OpKind", bound=Op)


@dataclass(frozen=True, kw_only=True)
class RealLayer:
    """A layer in float32, images channels first: the form that onnx and onnx-qdq share.

    Attributes:
        name: the layer's name.
        op: its operator.
        inputs: names of the float tensors that it reads, [N, C, H, W] or [N, C].
        input_shapes: of the inputs, in the house's order [H, W, C], without the batch.
        output: the name its result gets.
        parameters: names of its float constants, by the house's tensor names.
        numbers: of a decision only: threshold, weight_norm.
    """

    name: str
    op: Op
    inputs: tuple[str, ...]
    input_shapes: tuple[Shape, ...]
    output: str
    parameters: Mapping[str, str]
    numbers: Mapping[str, float]


def op_of(layer: RealLayer | QuantLayer, kind: type[OpKind]) -> OpKind:
    """The layer's operator as the kind that it is."""
    if not isinstance(layer.op, kind):
        raise TypeError(f"layer {layer.name} is {layer.op.kind}, not {kind.kind}")
    return layer.op


def unchanged(weight: np.ndarray) -> np.ndarray:
    """The house's order of weights is ONNX's."""
    return weight


def channels_second(weight: np.ndarray) -> np.ndarray:
    """[Cout, kh, kw, Cin] -> [Cout, Cin, kh, kw]."""
    return weight.transpose(0, 3, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Exporter:
    """How one kind of operator is written.

    Attributes:
        kind: the operator's.
        real: adds the nodes of a RealLayer; formats onnx and onnx-qdq.
        integer: adds the nodes of a QuantLayer, tensors channels last; format onnx-integer.
        weight_order: the house's weights -> ONNX's, the output channel first.
    """

    kind: str
    real: Callable[[Builder, RealLayer], None]
    integer: Callable[[Builder, QuantLayer], None]
    weight_order: Callable[[np.ndarray], np.ndarray] = unchanged
