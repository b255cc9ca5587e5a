"""argmax: where the largest element along one axis is, as int32."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from array_api_compat import array_namespace, device

from codegen.arith import Array
from codegen.errors import HvError
from codegen.ops.along_axis import AlongAxis, AlongAxisContext
from codegen.ops.base import (
    DType,
    Quantised,
    QuantiseRequest,
    Quantity,
    QuantLayer,
    Shape,
)
from codegen.ops.loops import nested_index

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class ArgmaxContext(AlongAxisContext):
    """Holes of argmax.c.j2."""

    places: int
    place: str  # index of the output's element
    wins: str  # the comparison with which a later element replaces the best so far


@dataclass(frozen=True, kw_only=True)
class Argmax(AlongAxis):
    """The position along the axis; of equal integers the first one, or the last.

    Real numbers that differ by less than a step may be equal integers. The output is int32: it
    can be an output of the network, and no other layer reads it.
    """

    kind: ClassVar[str] = "argmax"

    ties: Literal["first", "last"] = "first"

    def __post_init__(self) -> None:
        """Refuses any other rule."""
        if self.ties not in ("first", "last"):
            raise HvError(f"argmax: ties must be first or last, not {self.ties!r}")

    @property
    def output_dtype(self) -> DType:
        """Positions."""
        return "int32"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The shape without the axis; [1] of a vector."""
        self.split(inputs[0])
        return (inputs[0][: self.axis] + inputs[0][self.axis + 1 :]) or (1,)

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """The same on real numbers; positions have no derivative."""
        (x,) = inputs
        result: torch.Tensor = self._positions(x).to(x.dtype)
        return result

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """Positions stand for themselves."""
        return Quantised(quantity=Quantity(scale=1.0, zero_point=0), constants={}, tensors={})

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """[N, ...] -> [N, ...] without the axis."""
        (x,) = inputs
        return array_namespace(x).astype(self._positions(x), array_namespace(x).int32)

    def kernel_context(self, layer: QuantLayer, function: str) -> ArgmaxContext:
        """See templates/kernels/argmax.c.j2."""
        along = self.along_context(layer)
        return ArgmaxContext(
            layer=layer.name,
            function=function,
            summary=f"argmax, {self.describe_axis(layer)}, the {self.ties} of equals",
            places=along["elements"] // along["length"],
            place=nested_index(along["loops"]),
            wins=">" if self.ties == "first" else ">=",
            **along,
        )

    def _positions(self, x: Array) -> Array:
        """int64; written with comparisons because libraries do not promise which of equals."""
        xp = array_namespace(x)
        axis = self.axis + 1
        length = x.shape[axis]
        shape: list[Any] = [1] * x.ndim
        shape[axis] = length
        positions = xp.reshape(xp.arange(length, dtype=xp.int64, device=device(x)), tuple(shape))
        is_largest = x == xp.max(x, axis=axis, keepdims=True)
        if self.ties == "first":
            found = xp.min(xp.where(is_largest, positions, length - 1), axis=axis)
        else:
            found = xp.max(xp.where(is_largest, positions, 0), axis=axis)
        return xp.reshape(found, (x.shape[0], 1)) if x.ndim == 2 else found
