"""flatten: an image read as a vector, row by row, channels last. No byte moves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.ops.base import KernelContext, QuantityKeeper, QuantLayer, Shape, shape_text

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class FlattenContext(KernelContext):
    """Holes of flatten.c.j2."""

    source: str


@dataclass(frozen=True, kw_only=True)
class Flatten(QuantityKeeper):
    """[H, W, C] -> [H * W * C]."""

    kind: ClassVar[str] = "flatten"
    is_alias: ClassVar[bool] = True

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """One axis."""
        return (math.prod(inputs[0]),)

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, H, W, C] -> [N, H * W * C]."""
        return inputs[0].flatten(1)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The same integers."""
        (x,) = inputs
        return array_namespace(x).reshape(x, (x.shape[0], -1))

    def kernel_context(self, layer: QuantLayer, function: str) -> FlattenContext:
        """See templates/kernels/flatten.c.j2."""
        return FlattenContext(
            layer=layer.name,
            function=function,
            summary=f"flatten, {shape_text(layer.input_shapes[0])} -> {layer.output_shape[0]}",
            source=layer.inputs[0],
        )
