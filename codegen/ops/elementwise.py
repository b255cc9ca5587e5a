"""What add, sub and mul share: two operands, broadcast as numpy does, and the loops over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

from codegen.errors import HvError
from codegen.ops.base import Activation, KernelContext, Op, QuantLayer, Shape, shape_text
from codegen.ops.loops import Loop, loop_variable, nested_index


@dataclass(frozen=True, kw_only=True)
class PairContext(KernelContext):
    """Holes that the templates of all operators on two operands share."""

    loops: tuple[Loop, ...]
    first_elements: int
    second_elements: int
    elements: int
    first_index: str
    second_index: str
    index: str
    zero_point: int
    lo: int
    hi: int


@dataclass(frozen=True, kw_only=True)
class Elementwise(Op):
    """Fields and shapes of an operator on two operands."""

    input_count: ClassVar[int] = 2
    symbol: ClassVar[str]  # what people write between the operands

    activation: Activation = field(default_factory=Activation)

    def __post_init__(self) -> None:
        """PReLU needs a slope per channel, and there are no tensors."""
        if self.activation.kind == "prelu":
            raise HvError(
                f"{self.kind} cannot carry a PReLU", hint="fuse it into a layer with weights"
            )

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The larger of the two sizes along every axis."""
        first, second = inputs
        fits = len(first) == len(second) and all(
            a == b or 1 in (a, b) for a, b in zip(first, second, strict=True)
        )
        if not fits:
            raise HvError(
                f"{self.kind} needs two shapes of equal rank, got {first} and {second}",
                hint="along every axis the sizes are equal, or one of them is 1",
            )
        return tuple(max(sizes) for sizes in zip(first, second, strict=True))

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """Operands that are not broadcast: element i is read, then written."""
        output = self.output_shape(inputs)
        return tuple(index for index, shape in enumerate(inputs) if shape == output)

    def pair_context(self, layer: QuantLayer) -> dict[str, Any]:
        """The fields of PairContext for a layer."""
        first, second = layer.input_shapes
        axes = collapsed_axes(first, second)
        return {
            "summary": self._summary(layer),
            "loops": tuple(axis.loop for axis in axes),
            "first_elements": math.prod(first),
            "second_elements": math.prod(second),
            "elements": math.prod(layer.output_shape),
            "first_index": nested_index([axis.loop for axis in axes if axis.first_moves]),
            "second_index": nested_index([axis.loop for axis in axes if axis.second_moves]),
            "index": nested_index([axis.loop for axis in axes]),
            "zero_point": layer.quantity.zero_point,
            "lo": layer.constants["lo"],
            "hi": layer.constants["hi"],
        }

    def _summary(self, layer: QuantLayer) -> str:
        operands = f" {self.symbol} ".join(layer.inputs)
        text = f"{self.kind}, {operands}{self.activation.describe()}"
        if layer.input_shapes[0] == layer.input_shapes[1]:
            return text
        first, second = map(shape_text, layer.input_shapes)
        return f"{text}, {first} {self.symbol} {second}"


@dataclass(frozen=True, kw_only=True)
class BroadcastAxis:
    """Neighbouring axes along which the same operands move, as one."""

    loop: Loop
    first_moves: bool  # false: the first operand has the size 1 here
    second_moves: bool


def collapsed_axes(first: Shape, second: Shape) -> tuple[BroadcastAxis, ...]:
    """As few axes as possible for a pair of shapes that broadcast; one at least."""
    merged: list[tuple[int, bool, bool]] = []
    for a, b in zip(first, second, strict=True):
        if a == b == 1:
            continue
        extent, first_moves, second_moves = max(a, b), a != 1, b != 1
        if merged and merged[-1][1:] == (first_moves, second_moves):
            extent *= merged.pop()[0]
        merged.append((extent, first_moves, second_moves))
    return tuple(
        BroadcastAxis(
            loop=Loop(variable=loop_variable(depth), extent=extent),
            first_moves=first_moves,
            second_moves=second_moves,
        )
        for depth, (extent, first_moves, second_moves) in enumerate(merged or [(1, True, True)])
    )
