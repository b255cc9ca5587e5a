"""slice: elements at regular steps along every axis. Bytes move, nothing is computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.base import QuantityKeeper, QuantLayer, Shape, shape_text
from codegen.ops.gather import take
from codegen.ops.loops import MoveContext, Walk, move_context, strides

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class SliceContext(MoveContext):
    """Holes of slice.c.j2."""


@dataclass(frozen=True, kw_only=True)
class Slice(QuantityKeeper):
    """Along each axis, in the house's order, index i of the output reads start + i * step."""

    kind: ClassVar[str] = "slice"

    start: Shape
    size: Shape
    step: Shape

    def __post_init__(self) -> None:
        """One entry per axis; steps may be negative."""
        if not len(self.start) == len(self.size) == len(self.step) > 0:
            raise HvError(
                f"slice needs start, size and step for every axis, got {self.start}, "
                f"{self.size} and {self.step}"
            )
        if min(self.size) < 1 or 0 in self.step:
            raise HvError(f"slice of size {self.size} with steps {self.step}: none may be zero")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The sizes; HvError if anything that is read lies outside."""
        if len(inputs[0]) != len(self.size):
            raise HvError(f"slice of {len(self.size)} axes cannot take shape {inputs[0]}")
        for axis, (extent, indices) in enumerate(zip(inputs[0], self.indices(), strict=True)):
            if not 0 <= indices[0] < extent or not 0 <= indices[-1] < extent:
                raise HvError(
                    f"slice reads {indices[0]} to {indices[-1]} of axis {axis}, which has {extent}"
                )
        return self.size

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """Forwards, no element moves to where a later one is read; backwards it might."""
        return (0,) if min(self.step) > 0 else ()

    def indices(self) -> tuple[range, ...]:
        """What is read along each axis, in the order of the output."""
        return tuple(
            range(start, start + size * step, step)
            for start, size, step in zip(self.start, self.size, self.step, strict=True)
        )

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """The same elements."""
        taken: torch.Tensor = self._take(inputs[0])
        return taken

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """The same integers."""
        return self._take(inputs[0])

    def kernel_context(self, layer: QuantLayer, function: str) -> SliceContext:
        """See templates/kernels/slice.c.j2."""
        steps = strides(layer.input_shapes[0])
        walks = [
            Walk(extent=size, stride=step * stride)
            for size, step, stride in zip(self.size, self.step, steps, strict=True)
        ]
        return SliceContext(
            layer=layer.name,
            function=function,
            summary=f"slice, {shape_text(layer.input_shapes[0])} -> {shape_text(self.size)}, "
            f"from {', '.join(map(str, self.start))} in steps of {', '.join(map(str, self.step))}",
            **move_context(
                layer,
                walks,
                offset=sum(first * stride for first, stride in zip(self.start, steps, strict=True)),
            ),
        )

    def _take(self, x: Array) -> Array:
        """PyTorch knows no negative steps: every axis is gathered."""
        for axis, indices in enumerate(self.indices()):
            x = take(x, indices, axis)
        return x
