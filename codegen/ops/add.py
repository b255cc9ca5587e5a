"""add: two tensors of the same shape, each rescaled, one rounding."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import ACTIVATION_SPAN, FRACTION_BITS, Array, requantise
from codegen.errors import HvError
from codegen.ops.base import (
    Activation,
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    QuantLayer,
    Shape,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class AddContext(KernelContext):
    """Holes of add.c.j2."""

    elements: int
    first_multiplier: int
    second_multiplier: int
    bias: int
    multiplier: int  # a power of two: the rescaling shift, in units of 2^-32
    zero_point: int
    lo: int
    hi: int


@dataclass(frozen=True, kw_only=True)
class Add(Op):
    """acc = first_multiplier * a + second_multiplier * b + bias, requantised by a power of two."""

    kind: ClassVar[str] = "add"
    input_count: ClassVar[int] = 2

    activation: Activation = field(default_factory=Activation)

    def __post_init__(self) -> None:
        """PReLU needs a slope per channel, and add has no tensors."""
        if self.activation.kind == "prelu":
            raise HvError("add cannot carry a PReLU", hint="fuse it into a layer with weights")

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The inputs' common shape."""
        if inputs[0] != inputs[1]:
            raise HvError(f"add needs two equal shapes, got {inputs[0]} and {inputs[1]}")
        return inputs[0]

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Element by element."""
        return self.activation.float_forward(inputs[0] + inputs[1], None)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """Chooses the finest rescaling whose accumulator provably fits int32."""
        quantity = request.output_quantity()
        sources = request.input_quantities
        ratios = [source.scale / quantity.scale for source in sources]
        # |q - zero_point| <= 255, so 255 * (m0 + m1) < 2^31 must hold after rounding up
        room = (2**31 - 1) / ACTIVATION_SPAN - 2
        shift = min(math.floor(math.log2(room / sum(ratios))), FRACTION_BITS - 2)
        first, second = (math.floor(ratio * 2.0**shift + 0.5) for ratio in ratios)
        lo, hi = self.activation.clamp(quantity)
        constants = {
            "first_multiplier": first,
            "second_multiplier": second,
            "bias": -(first * sources[0].zero_point + second * sources[1].zero_point),
            "multiplier": 2 ** (FRACTION_BITS - shift) if shift > 1 else 0,
            "lo": lo,
            "hi": hi,
        }
        return Quantised(quantity=quantity, constants=constants, tensors={})

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """The rescaled sum must fit int32 and the shift must be a multiplier of the contract."""
        constants = layer.constants
        total = ACTIVATION_SPAN * (constants["first_multiplier"] + constants["second_multiplier"])
        if total < 2**31 and 1 <= constants["multiplier"] < 2**31:
            return []
        return [
            HvError(
                "the operands' scales are too far from the sum's scale",
                where=f"layer {layer.name}",
                hint="widen the observed range of the sum",
            )
        ]

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """One int32 accumulator per element, one rounding."""
        xp = array_namespace(*inputs)
        constants = layer.constants
        first, second = (xp.astype(x, xp.int32) for x in inputs)
        acc = (
            constants["first_multiplier"] * first
            + constants["second_multiplier"] * second
            + constants["bias"]
        )
        return requantise(
            acc,
            xp.asarray(constants["multiplier"], dtype=xp.int64),
            left_shift=0,
            zero_point=layer.quantity.zero_point,
            lo=constants["lo"],
            hi=constants["hi"],
        )

    def kernel_context(self, layer: QuantLayer, function: str) -> AddContext:
        """See templates/kernels/add.c.j2."""
        constants = layer.constants
        return AddContext(
            layer=layer.name,
            function=function,
            summary=f"add, {' + '.join(layer.inputs)}{self.activation.describe()}",
            elements=math.prod(layer.output_shape),
            first_multiplier=constants["first_multiplier"],
            second_multiplier=constants["second_multiplier"],
            bias=constants["bias"],
            multiplier=constants["multiplier"],
            zero_point=layer.quantity.zero_point,
            lo=constants["lo"],
            hi=constants["hi"],
        )
