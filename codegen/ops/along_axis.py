"""What softmax and argmax share: one axis, and for every place along all others its elements."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from codegen.errors import HvError
from codegen.ops.base import Axis, KernelContext, Op, QuantLayer, Shape, shape_text
from codegen.ops.loops import Loop, nested_index


@dataclass(frozen=True, kw_only=True)
class AlongAxisContext(KernelContext):
    """Holes that the templates of all operators along one axis share."""

    loops: tuple[Loop, ...]  # over the places
    length: int  # of the axis, along which k runs
    elements: int
    index: str  # of the input's element at a place and at k


@dataclass(frozen=True, kw_only=True)
class AlongAxis(Op):
    """Field and shapes of an operator along one axis."""

    axis: Axis

    def split(self, shape: Shape) -> tuple[int, int, int]:
        """Elements before the axis, along it, and behind it; HvError if there is no such axis."""
        if self.axis >= len(shape):
            raise HvError(
                f"{self.kind} along axis {self.axis}, but the shape is {shape}",
                hint="axes count from 0, without the batch",
            )
        return (
            math.prod(shape[: self.axis]),
            shape[self.axis],
            math.prod(shape[self.axis + 1 :]),
        )

    def along_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of AlongAxisContext for a layer."""
        before, length, behind = self.split(layer.input_shapes[0])
        outer = _loops("i", before)
        inner = _loops("j", behind)
        return {
            "loops": (*outer, *inner),
            "length": length,
            "elements": before * length * behind,
            "index": nested_index((*outer, Loop(variable="k", extent=length), *inner)),
        }

    def describe_axis(self, layer: QuantLayer) -> str:
        """For comments and reports: "axis 2 of 4x5x10"."""
        return f"axis {self.axis} of {shape_text(layer.input_shapes[0])}"


def _loops(variable: str, extent: int) -> tuple[Loop, ...]:
    return (Loop(variable=variable, extent=extent),) if extent > 1 else ()
