"""transpose: the axes in another order. Bytes move, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import QuantityKeeper, QuantLayer, Shape, shape_text
from codegen.ops.loops import MoveContext, Walk, move_context, strides

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class TransposeContext(MoveContext):
    """Holes of transpose.c.j2."""


@dataclass(frozen=True, kw_only=True)
class Transpose(QuantityKeeper):
    """Axis i of the output is axis axes[i] of the input, in the house's order."""

    kind: ClassVar[str] = "transpose"

    axes: Shape

    def __post_init__(self) -> None:
        """Every axis once."""
        if not self.axes or sorted(self.axes) != list(range(len(self.axes))):
            raise HvError(
                f"{self.axes} is no order of axes", hint="every axis once, counted from 0"
            )

    @property
    def batched_axes(self) -> Shape:
        """The same with the batch in front."""
        return (0, *(axis + 1 for axis in self.axes))

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The input's extents in the new order."""
        if len(inputs[0]) != len(self.axes):
            raise HvError(f"transpose of {len(self.axes)} axes cannot take shape {inputs[0]}")
        return tuple(inputs[0][axis] for axis in self.axes)

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """The same elements."""
        return inputs[0].permute(self.batched_axes)

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The same integers."""
        (x,) = inputs
        return array_namespace(x).permute_dims(x, self.batched_axes)

    def kernel_context(self, layer: QuantLayer, function: str) -> TransposeContext:
        """See templates/kernels/transpose.c.j2."""
        steps = strides(layer.input_shapes[0])
        walks = [
            Walk(extent=extent, stride=steps[axis])
            for extent, axis in zip(layer.output_shape, self.axes, strict=True)
        ]
        return TransposeContext(
            layer=layer.name,
            function=function,
            summary=f"transpose, {shape_text(layer.input_shapes[0])} -> "
            f"{shape_text(layer.output_shape)}, axes {', '.join(map(str, self.axes))}",
            **move_context(layer, walks, offset=0),
        )
