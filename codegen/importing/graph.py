"""An ONNX graph as the import reads it: static shapes, constants apart, nothing idle."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from codegen.ops.base import Quantity, Shape

UNKNOWN_DOMAIN = "unknown"  # of operators that the standard does not have in the model's opset


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node.

    Attributes:
        op_type: the operator.
        name: as the model names it, or made of its output if it has none.
        inputs: tensor names; "" where an optional input is absent.
        outputs: tensor names; "" where an optional output is absent.
        attributes: int, float, str, list of those, or numpy array, by name.
    """

    op_type: str
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_unknown(self) -> bool:
        """Whether the standard does not have the operator."""
        return self.op_type.startswith(f"{UNKNOWN_DOMAIN}::")

    @property
    def operator(self) -> str:
        """The operator as the file calls it."""
        return self.op_type.removeprefix(f"{UNKNOWN_DOMAIN}::")

    def attribute(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as ONNX says
        """An attribute, or the default."""
        return self.attributes.get(name, default)


@dataclass(frozen=True, kw_only=True)
class GraphTensor:
    """An input or output of the model.

    Attributes:
        name: as the model names it.
        tensor: the tensor of the graph that it is: of an output, what computes it.
        shape: static, the batch included.
        dtype: numpy's name of the model's element type, e.g. "float32", "uint8".
    """

    name: str
    tensor: str
    shape: Shape
    dtype: str


@dataclass(frozen=True, kw_only=True)
class OwnIntegers:
    """A constant that came quantised: real = scale * (integers - zero_point).

    Attributes:
        integers: int8, uint8 or int32.
        scale: float64, [] or [size of `axis`].
        zero_point: int64, the shape of `scale`.
        axis: what `scale` runs along, where it is not a single one.
    """

    integers: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray
    axis: int

    def aligned(self, values: np.ndarray) -> np.ndarray:
        """Values of the shape of `scale`, shaped to broadcast against the integers."""
        if not values.ndim:
            return values
        along = [1] * self.integers.ndim
        along[self.axis] = -1
        return values.reshape(along)

    @property
    def differences(self) -> np.ndarray:
        """Integers minus zero point: int64, exact."""
        return np.asarray(self.integers.astype(np.int64) - self.aligned(self.zero_point))


@dataclass(frozen=True, kw_only=True)
class Graph:
    """A model.

    Attributes:
        name: of the file, without its ending.
        opset: of the standard operators.
        inputs: what it is given; constants are not among them.
        outputs: what it answers.
        nodes: in an order in which they can run.
        constants: every constant tensor that a node reads; real ones float32.
        shapes: of every tensor, static, the batch included.
        quantities: own scales and zero points of activations (int8: uint8 ones are moved by 128).
        own_integers: of the constants that came quantised.
        integers: types, by name, of computed tensors of integers that stand for nothing else.
        remarks: what was changed while reading, for people.
    """

    name: str
    opset: int
    inputs: tuple[GraphTensor, ...]
    outputs: tuple[GraphTensor, ...]
    nodes: tuple[Node, ...]
    constants: Mapping[str, np.ndarray]
    shapes: Mapping[str, Shape]
    quantities: Mapping[str, Quantity]
    own_integers: Mapping[str, OwnIntegers]
    integers: Mapping[str, str]
    remarks: tuple[str, ...]
