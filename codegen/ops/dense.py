"""dense: every input times every output; as the last layer it keeps its int32 accumulator."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

from codegen.arith import Array, matmul_exact
from codegen.errors import HvError
from codegen.ops.base import DType, QuantLayer, Shape
from codegen.ops.mac import FinishContext, MacOp

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class DenseContext(FinishContext):
    """Holes of dense.c.j2."""

    inputs: int
    outputs: int
    keeps_accumulator: bool


@dataclass(frozen=True, kw_only=True)
class Dense(MacOp):
    """Weights [Cout, Cin]."""

    kind: ClassVar[str] = "dense"

    channels: int
    output: Literal["int8", "int32"] = "int8"

    def __post_init__(self) -> None:
        """An accumulator has no activation: nothing requantises it."""
        if self.output not in ("int8", "int32"):
            raise HvError(f"dense output must be int8 or int32, not {self.output!r}")
        if self.output == "int32" and self.activation.kind != "none":
            raise HvError("a dense layer that keeps its accumulator takes no activation")

    @property
    def output_dtype(self) -> DType:
        """int32 where the decision follows."""
        return self.output

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[channels]."""
        if len(inputs[0]) != 1:
            raise HvError(
                f"dense needs a vector, not shape {inputs[0]}", hint="put a flatten before it"
            )
        return (self.channels,)

    def weight_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[Cout, Cin]."""
        return (self.channels, inputs[0][0])

    def _ones(self) -> tuple[int, ...]:
        return (1,)

    def macs(self, inputs: tuple[Shape, ...]) -> int:
        """One per weight."""
        return self.channels * inputs[0][0]

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """[N, Cin] -> [N, Cout]."""
        y = inputs[0] @ tensors["weight"].T + tensors["bias"]
        return self.activation.float_forward(y, tensors.get("slope"))

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """int32 dot products."""
        acc = matmul_exact(inputs[0], layer.tensors["weight"].T) + layer.tensors["bias"]
        return self.finish(layer, acc)

    def kernel_context(self, layer: QuantLayer, function: str) -> DenseContext:
        """See templates/kernels/dense.c.j2."""
        inputs = layer.input_shapes[0][0]
        kept = ", int32 accumulator kept" if self.output == "int32" else ""
        return DenseContext(
            layer=layer.name,
            function=function,
            summary=f"dense, {inputs} -> {self.channels}{kept}{self.activation.describe()}",
            inputs=inputs,
            outputs=self.channels,
            keeps_accumulator=self.output == "int32",
            **self.finish_context(layer),
        )
