"""concat: tensors joined along one axis, each requantised to the output's scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import (
    ACTIVATION_SPAN,
    FRACTION_BITS,
    INT8_MAX,
    INT8_MIN,
    MULTIPLIER_LIMIT,
    Array,
    quantise_ratio,
    requantise,
)
from codegen.errors import HvError
from codegen.ops.base import (
    Axis,
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    QuantLayer,
    Shape,
)
from codegen.ops.loops import Loop, Term, index_text, loop_variable

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ConcatPart:
    """One input: its place in every block of the output, and how it is rescaled."""

    name: str
    elements: int
    loops: tuple[Loop, ...]
    source: str  # index of the input
    target: str  # index of the output
    is_copy: bool
    zero_point: int
    multiplier: int
    left_shift: int


@dataclass(frozen=True, kw_only=True)
class ConcatContext(KernelContext):
    """Holes of concat.c.j2."""

    parts: tuple[ConcatPart, ...]
    elements: int
    loops: tuple[Loop, ...]  # over the blocks that lie before the axis
    zero_point: int


@dataclass(frozen=True, kw_only=True)
class Concat(Op):
    """Any rank; the inputs' shapes differ along `axis` at most."""

    kind: ClassVar[str] = "concat"
    input_count: ClassVar[int | None] = None

    axis: Axis

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The sum along the axis."""
        rank = len(inputs[0])
        if self.axis >= rank:
            raise HvError(f"concat along axis {self.axis}, and shape {inputs[0]} has {rank} axes")
        if any(self._others(shape) != self._others(inputs[0]) for shape in inputs):
            shapes = ", ".join(map(str, inputs))
            raise HvError(
                f"concat needs shapes that are equal but for axis {self.axis}, got {shapes}"
            )
        total = sum(shape[self.axis] for shape in inputs)
        return (*inputs[0][: self.axis], total, *inputs[0][self.axis + 1 :])

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Joined behind the batch's axis."""
        import torch

        return torch.cat(inputs, dim=self.axis + 1)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """A multiplier and a left shift for every input."""
        quantity = request.output_quantity()
        constants = {}
        for index, source in enumerate(request.input_quantities):
            multiplier, left_shift = quantise_ratio(source.scale / quantity.scale)
            constants[f"input{index}_multiplier"] = multiplier
            constants[f"input{index}_left_shift"] = left_shift
        return Quantised(quantity=quantity, constants=constants, tensors={})

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Every multiplier must be of the contract, every shifted q - zero_point fit int32."""
        return [
            HvError(
                f"the scale of {name} is too far from the scale of the joined tensor",
                where=f"layer {layer.name}, input {index}",
                hint="make the observed ranges of the inputs and of the output more alike",
            )
            for index, name in enumerate(layer.inputs)
            if not _fits(*self.rescaling(layer, index))
        ]

    def rescaling(self, layer: QuantLayer, index: int) -> tuple[int, int]:
        """Multiplier and left shift of an input."""
        constants = layer.constants
        return constants[f"input{index}_multiplier"], constants[f"input{index}_left_shift"]

    def is_copy(self, layer: QuantLayer, index: int) -> bool:
        """Whether requantising an input gives the same integers: times one, same zero point."""
        multiplier, left_shift = self.rescaling(layer, index)
        is_one = multiplier << left_shift == 2**FRACTION_BITS
        return is_one and layer.input_quantities[index].zero_point == layer.quantity.zero_point

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """Each input requantised, also where that changes nothing; then joined."""
        xp = array_namespace(*inputs)
        parts = []
        for index, x in enumerate(inputs):
            multiplier, left_shift = self.rescaling(layer, index)
            part = requantise(
                xp.astype(x, xp.int32) - layer.input_quantities[index].zero_point,
                xp.asarray(multiplier, dtype=xp.int64),
                left_shift=left_shift,
                zero_point=layer.quantity.zero_point,
                lo=INT8_MIN,
                hi=INT8_MAX,
            )
            parts.append(part)
        return xp.concat(parts, axis=self.axis + 1)

    def kernel_context(self, layer: QuantLayer, function: str) -> ConcatContext:
        """See templates/kernels/concat.c.j2."""
        blocks = math.prod(layer.output_shape[: self.axis])
        outer = (Loop(variable=loop_variable(0), extent=blocks),) if blocks > 1 else ()
        return ConcatContext(
            layer=layer.name,
            function=function,
            summary=f"concat along axis {self.axis}, {', '.join(layer.inputs)}",
            parts=tuple(self._part(layer, index, outer) for index in range(len(layer.inputs))),
            elements=math.prod(layer.output_shape),
            loops=outer,
            zero_point=layer.quantity.zero_point,
        )

    def _part(self, layer: QuantLayer, index: int, outer: tuple[Loop, ...]) -> ConcatPart:
        blocks = [math.prod(shape[self.axis :]) for shape in layer.input_shapes]
        own = blocks[index]
        inner = (Loop(variable=loop_variable(len(outer)), extent=own),) if own > 1 else ()
        along = [Term(variable=loop.variable, factor=1) for loop in inner]

        def index_of(block: int, offset: int) -> str:
            terms = [Term(variable=loop.variable, factor=block) for loop in outer]
            return index_text(terms + along, offset)

        multiplier, left_shift = self.rescaling(layer, index)
        return ConcatPart(
            name=f"input{index}",
            elements=math.prod(layer.input_shapes[index]),
            loops=inner,
            source=index_of(own, 0),
            target=index_of(sum(blocks), sum(blocks[:index])),
            is_copy=self.is_copy(layer, index),
            zero_point=layer.input_quantities[index].zero_point,
            multiplier=multiplier,
            left_shift=left_shift,
        )

    def _others(self, shape: Shape) -> tuple[Shape, Shape]:
        return shape[: self.axis], shape[self.axis + 1 :]


def _fits(multiplier: int, left_shift: int) -> bool:
    return 1 <= multiplier < MULTIPLIER_LIMIT and ACTIVATION_SPAN << left_shift < 2**31
