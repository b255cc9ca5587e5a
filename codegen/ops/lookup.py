"""lookup: any function of one tensor, element by element, as a table of its 256 answers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import INT8_MAX, INT8_MIN, Array
from codegen.errors import HvError
from codegen.ops import expressions
from codegen.ops.base import (
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    Quantity,
    QuantLayer,
    Shape,
    TensorSpec,
)
from codegen.ops.expressions import Expression

if TYPE_CHECKING:
    import torch

ENTRIES = INT8_MAX - INT8_MIN + 1


@dataclass(frozen=True, kw_only=True)
class LookupContext(KernelContext):
    """Holes of lookup.c.j2."""

    elements: int
    input_type: str  # "uint8_t" when the layer reads the camera's bytes, else "int8_t"
    index: str  # which entry belongs to input[i]


@dataclass(frozen=True, kw_only=True)
class Lookup(Op):
    """Output = table[q + 128]; the table is `function` (codegen.ops.expressions), rounded once."""

    kind: ClassVar[str] = "lookup"
    reads_image: ClassVar[bool] = True

    function: Expression

    def __post_init__(self) -> None:
        """Refuses what is no function; keeps it in its one form, so that equal ones are equal."""
        try:
            object.__setattr__(self, "function", expressions.checked(self.function))
        except HvError as error:
            raise HvError(f"lookup: {error.what}", hint=error.hint) from error

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """The input's shape."""
        return inputs[0]

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """The table, from the lowest q to the highest."""
        meaning = f"{self.describe()}, for q = {INT8_MIN} to {INT8_MAX}"
        return {"table": TensorSpec(dtype="int8", shape=(ENTRIES,), meaning=meaning)}

    def overwrites(self, inputs: tuple[Shape, ...]) -> tuple[int, ...]:
        """Element i is read, then written."""
        return (0,)

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Element by element."""
        return expressions.on_torch(self.function, inputs[0])

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The function at each of the 256 real numbers that the input can stand for."""
        quantity = request.output_quantity()
        source = request.input_quantities[0]
        real = source.scale * (np.arange(INT8_MIN, INT8_MAX + 1) - source.zero_point)
        table = function_table(expressions.on_numpy(self.function, real), quantity)
        return Quantised(quantity=quantity, constants={}, tensors={"table": table})

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """One entry for each element."""
        (x,) = inputs
        xp = array_namespace(x)
        index = xp.reshape(xp.astype(x, xp.int64) - INT8_MIN, (-1,))
        return xp.reshape(xp.take(layer.tensors["table"], index, axis=0), x.shape)

    def kernel_context(self, layer: QuantLayer, function: str) -> LookupContext:
        """See templates/kernels/lookup.c.j2."""
        reads_image = layer.inputs[0] == "image"
        return LookupContext(
            layer=layer.name,
            function=function,
            summary=self.describe(),
            elements=math.prod(layer.output_shape),
            input_type="uint8_t" if reads_image else "int8_t",
            # a camera byte is q + 128 already
            index="input[i]" if reads_image else f"(int32_t)input[i] + {-INT8_MIN}",
        )

    def describe(self) -> str:
        """For comments and reports."""
        return expressions.describe(self.function)


def function_table(real: np.ndarray, quantity: Quantity) -> np.ndarray:
    """Real answers -> int8: half rounds up, infinities clamp, what is no number becomes 0."""
    known = np.where(np.isnan(real), 0.0, real)
    with np.errstate(over="ignore"):
        return quantity.integers(known)
