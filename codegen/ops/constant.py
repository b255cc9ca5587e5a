"""constant: numbers that come with the network; they lie in flash and are copied to the arena."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import (
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    Quantity,
    QuantLayer,
    Shape,
    TensorSpec,
    shape_text,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ConstantContext(KernelContext):
    """Holes of constant.c.j2."""

    elements: int


@dataclass(frozen=True, kw_only=True)
class Constant(Op):
    """Reads nothing. Nothing says how many images there are, so its results are [1, *shape]."""

    kind: ClassVar[str] = "constant"
    input_count: ClassVar[int] = 0

    shape: Shape

    def __post_init__(self) -> None:
        """Refuses a shape without elements."""
        if not self.shape or min(self.shape) < 1:
            raise HvError(
                f"a constant cannot have the shape {self.shape}", hint="one axis or more, none of 0"
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """Its own."""
        return self.shape

    def float_tensors(self, inputs: tuple[Shape, ...]) -> dict[str, Shape]:
        """The numbers."""
        return {"values": self.shape}

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """The numbers as int8."""
        return {"values": TensorSpec(dtype="int8", shape=self.shape, meaning="constants")}

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[1, *shape]."""
        return tensors["values"].unsqueeze(0)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The quantity covers the numbers themselves; no range is asked."""
        values = np.asarray(request.tensors["values"], np.float64)
        quantity = request.own_quantity
        if quantity is None:
            quantity = Quantity.from_range(float(values.min()), float(values.max()))
        tensors = {"values": quantity.integers(values)}
        return Quantised(quantity=quantity, constants={}, tensors=tensors)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """[1, *shape]."""
        return layer.tensors["values"][None]

    def kernel_context(self, layer: QuantLayer, function: str) -> ConstantContext:
        """See templates/kernels/constant.c.j2."""
        return ConstantContext(
            layer=layer.name,
            function=function,
            summary=f"constant, {shape_text(self.shape)}",
            elements=math.prod(self.shape),
        )
