"""reshape: the same elements in the same order, read in another shape. No byte moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import KernelContext, QuantityKeeper, QuantLayer, Shape, shape_text

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ReshapeContext(KernelContext):
    """Holes of reshape.c.j2."""

    source: str


@dataclass(frozen=True, kw_only=True)
class Reshape(QuantityKeeper):
    """Any shape -> any other with as many elements, in the house's order of axes."""

    kind: ClassVar[str] = "reshape"
    is_alias: ClassVar[bool] = True

    shape: Shape

    def __post_init__(self) -> None:
        """Every axis has elements."""
        if not self.shape or min(self.shape) < 1:
            raise HvError(f"{self.shape} is no shape", hint="one positive integer for every axis")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The field."""
        if math.prod(inputs[0]) != math.prod(self.shape):
            raise HvError(
                f"shape {inputs[0]} has {math.prod(inputs[0])} elements, "
                f"{self.shape} would have {math.prod(self.shape)}"
            )
        return self.shape

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, ...] -> [N, *shape]."""
        return inputs[0].reshape(-1, *self.shape)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The same integers."""
        (x,) = inputs
        return array_namespace(x).reshape(x, (x.shape[0], *self.shape))

    def kernel_context(self, layer: QuantLayer, function: str) -> ReshapeContext:
        """See templates/kernels/reshape.c.j2."""
        return ReshapeContext(
            layer=layer.name,
            function=function,
            summary=f"reshape, {shape_text(layer.input_shapes[0])} -> {shape_text(self.shape)}",
            source=layer.inputs[0],
        )
