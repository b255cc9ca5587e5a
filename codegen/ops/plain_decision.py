"""plain_decision: the same person if the last layer's accumulator reaches the threshold."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import Array, accept_plain
from codegen.errors import HvError
from codegen.ops.base import (
    DType,
    KernelContext,
    Op,
    Quantised,
    QuantiseRequest,
    Quantity,
    QuantLayer,
    Shape,
    TensorSpec,
)

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, kw_only=True)
class PlainDecisionContext(KernelContext):
    """Holes of plain_decision.c.j2: none of its own."""


@dataclass(frozen=True, kw_only=True)
class PlainDecision(Op):
    """Output int32 [3]: score, 0, accepted."""

    kind: ClassVar[str] = "plain_decision"
    accumulator_inputs: ClassVar[int] = 1
    is_decision: ClassVar[bool] = True

    @property
    def output_dtype(self) -> DType:
        """hv_result_t is three int32."""
        return "int32"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[3]."""
        if inputs[0] != (1,):
            raise HvError(f"the decision needs one accumulator, not shape {inputs[0]}")
        return (3,)

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """The threshold."""
        return {"threshold": TensorSpec(dtype="int32", shape=(1,), meaning="lowest accepted score")}

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """The score itself, [N, 1]."""
        return inputs[0]

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """The smallest accumulator whose real value reaches the real threshold."""
        score = request.input_quantities[0]
        exact = request.threshold / score.scale
        if not -(2**31) <= exact <= 2**31 - 1:
            raise HvError(
                f"threshold {request.threshold:g} is beyond any score", where=request.name
            )
        return Quantised(
            quantity=Quantity(scale=score.scale, zero_point=0),
            constants={},
            tensors={"threshold": np.array([math.ceil(exact)], np.int32)},
        )

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """[N, 1] -> [N, 3]."""
        score = inputs[0][:, 0]
        xp = array_namespace(score)
        accepted = accept_plain(score, layer.tensors["threshold"][0])
        return xp.stack([score, xp.zeros_like(score), accepted], axis=1)

    def kernel_context(self, layer: QuantLayer, function: str) -> PlainDecisionContext:
        """See templates/kernels/plain_decision.c.j2."""
        return PlainDecisionContext(
            layer=layer.name, function=function, summary="decision: score >= threshold"
        )
