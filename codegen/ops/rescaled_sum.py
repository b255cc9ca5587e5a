"""What add and sub share: both operands rescaled into one accumulator, one rounding."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from codegen.arith import ACTIVATION_SPAN, FRACTION_BITS, Array, requantise
from codegen.errors import HvError
from codegen.ops.base import Quantised, QuantiseRequest, QuantLayer
from codegen.ops.elementwise import Elementwise, PairContext


@dataclass(frozen=True, kw_only=True)
class RescaledSumContext(PairContext):
    """Holes of add.c.j2 and sub.c.j2."""

    first_multiplier: int
    second_multiplier: int
    bias: int
    multiplier: int  # a power of two: the rescaling shift, in units of 2^-32


@dataclass(frozen=True, kw_only=True)
class RescaledSum(Elementwise):
    """acc = first_multiplier * a +- second_multiplier * b + bias, requantised by a power of two."""

    sign: ClassVar[int]  # of the second operand
    result: ClassVar[str]  # what the output is called

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
        offset = first * sources[0].zero_point + self.sign * second * sources[1].zero_point
        constants = {
            "first_multiplier": first,
            "second_multiplier": second,
            "bias": -offset,
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
                f"the operands' scales are too far from the {self.result}'s scale",
                where=f"layer {layer.name}",
                hint=f"widen the observed range of the {self.result}",
            )
        ]

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """One int32 accumulator per element, one rounding."""
        xp = array_namespace(*inputs)
        constants = layer.constants
        first, second = (xp.astype(x, xp.int32) for x in inputs)
        acc = (
            constants["first_multiplier"] * first
            + self.sign * constants["second_multiplier"] * second
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

    def kernel_context(self, layer: QuantLayer, function: str) -> RescaledSumContext:
        """See templates/kernels/add.c.j2 and sub.c.j2."""
        constants = layer.constants
        return RescaledSumContext(
            layer=layer.name,
            function=function,
            first_multiplier=constants["first_multiplier"],
            second_multiplier=constants["second_multiplier"],
            bias=constants["bias"],
            multiplier=constants["multiplier"],
            **self.pair_context(layer),
        )
