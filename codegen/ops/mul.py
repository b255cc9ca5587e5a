"""mul: the product of two tensors, broadcast; one rounding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from array_api_compat import array_namespace

from codegen.arith import ACTIVATION_SPAN, MULTIPLIER_LIMIT, Array, quantise_ratio, requantise
from codegen.errors import HvError
from codegen.ops.base import Quantised, QuantiseRequest, QuantLayer
from codegen.ops.elementwise import Elementwise, PairContext

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class MulContext(PairContext):
    """Holes of mul.c.j2."""

    first_zero_point: int
    second_zero_point: int
    multiplier: int
    left_shift: int


@dataclass(frozen=True, kw_only=True)
class Mul(Elementwise):
    """acc = (a - first_zero_point) * (b - second_zero_point), requantised."""

    kind: ClassVar[str] = "mul"
    symbol: ClassVar[str] = "*"

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Element by element."""
        return self.activation.float_forward(inputs[0] * inputs[1], None)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The ratio of the scales, shifted where it is 1/2 or more."""
        quantity = request.output_quantity()
        first, second = request.input_quantities
        multiplier, left_shift = quantise_ratio(first.scale * second.scale / quantity.scale)
        lo, hi = self.activation.clamp(quantity)
        constants = {
            "first_zero_point": first.zero_point,
            "second_zero_point": second.zero_point,
            "multiplier": multiplier,
            "left_shift": left_shift,
            "lo": lo,
            "hi": hi,
        }
        return Quantised(quantity=quantity, constants=constants, tensors={})

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """The shifted product must fit int32, the multiplier the contract."""
        constants = layer.constants
        reach = ACTIVATION_SPAN**2 << constants["left_shift"]
        if reach < 2**31 and 1 <= constants["multiplier"] < MULTIPLIER_LIMIT:
            return []
        return [
            HvError(
                "the operands' scales are too far from the product's scale",
                where=f"layer {layer.name}",
                hint="observe the product's range on images like those it will meet",
            )
        ]

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """One int32 product per element, one rounding."""
        xp = array_namespace(*inputs)
        constants = layer.constants
        first, second = (xp.astype(x, xp.int32) for x in inputs)
        acc = (first - constants["first_zero_point"]) * (second - constants["second_zero_point"])
        return requantise(
            acc,
            xp.asarray(constants["multiplier"], dtype=xp.int64),
            left_shift=constants["left_shift"],
            zero_point=layer.quantity.zero_point,
            lo=constants["lo"],
            hi=constants["hi"],
        )

    def kernel_context(self, layer: QuantLayer, function: str) -> MulContext:
        """See templates/kernels/mul.c.j2."""
        constants = layer.constants
        return MulContext(
            layer=layer.name,
            function=function,
            first_zero_point=constants["first_zero_point"],
            second_zero_point=constants["second_zero_point"],
            multiplier=constants["multiplier"],
            left_shift=constants["left_shift"],
            **self.pair_context(layer),
        )
