"""normalised_decision: the score against the length of the features, without root or division."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import ACTIVATION_SPAN, WEIGHT_MAX, Array, accept_normalised
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
class NormalisedDecisionContext(KernelContext):
    """Holes of normalised_decision.c.j2."""

    features: int
    feature_zero_point: int
    shift: int


@dataclass(frozen=True, kw_only=True)
class NormalisedDecision(Op):
    """Inputs: the accumulator [1] and the features [n]. Output int32 [3]."""

    kind: ClassVar[str] = "normalised_decision"
    input_count: ClassVar[int] = 2
    accumulator_inputs: ClassVar[int] = 1
    is_decision: ClassVar[bool] = True

    @property
    def output_dtype(self) -> DType:
        """hv_result_t is three int32."""
        return "int32"

    def output_shape(self, inputs: tuple[Shape, ...]) -> Shape:
        """[3]."""
        if inputs[0] != (1,) or len(inputs[1]) != 1:
            raise HvError(f"the decision needs one accumulator and a feature vector, not {inputs}")
        return (3,)

    def tensor_specs(self, inputs: tuple[Shape, ...]) -> dict[str, TensorSpec]:
        """The threshold on score^2 * 2^shift / |h|^2."""
        meaning = "on score^2 * 2^shift / |features|^2"
        return {"threshold": TensorSpec(dtype="int32", shape=(1,), meaning=meaning)}

    def float_forward(
        self, tensors: Mapping[str, torch.Tensor], inputs: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Score / |h|, [N, 1]; divided by |w| it is a cosine."""
        score, features = inputs
        norm: torch.Tensor = features.norm(dim=1, keepdim=True)
        return score / norm.clamp(min=1e-12)

    def quantise(self, request: QuantiseRequest) -> Quantised:
        """T = round(cosine^2 * |w|^2 * 2^shift), w the integer weights of the last layer."""
        head = request.producers[0]
        if head is None or "weight" not in head.tensors:
            raise HvError("the decision needs a dense layer before it", where=request.name)
        features = request.producers[1]
        if features is None or head.inputs != (features.name,):
            raise HvError(
                "the decision's features must be what the last layer reads",
                where=request.name,
                hint="else score / |features| is no cosine",
            )
        if _real_bias(head) != 0:
            raise HvError(
                "a normalised decision needs a last layer without bias",
                where=request.name,
                hint="with a bias, an image without features would be accepted",
            )
        if not 0 < request.threshold <= 1:
            raise HvError(
                f"a cosine threshold lies in (0, 1], not {request.threshold:g}",
                where=request.name,
            )
        shift = decision_shift(request.input_shapes[1][0])
        weight_norm = int((head.tensors["weight"].astype(np.int64) ** 2).sum())
        threshold = math.floor(request.threshold**2 * weight_norm * 2**shift + 0.5)
        return Quantised(
            quantity=Quantity(scale=request.input_quantities[0].scale, zero_point=0),
            constants={
                "shift": shift,
                "feature_zero_point": request.input_quantities[1].zero_point,
            },
            tensors={"threshold": np.array([threshold], np.int64).astype(np.int32)},
        )

    def breaches(self, layer: QuantLayer) -> list[HvError]:
        """Both sides of the comparison must fit their integers, and the threshold be positive."""
        features = layer.input_shapes[1][0]
        largest_score = ACTIVATION_SPAN * WEIGHT_MAX * features
        fits = (
            ACTIVATION_SPAN**2 * features < 2**31
            and largest_score**2 * 2 ** layer.constants["shift"] < 2**63
        )
        found = []
        if not fits:
            found.append(
                HvError(
                    f"{features} features are too many for the 64-bit comparison",
                    where=f"layer {layer.name}",
                    hint="at most 33,025 features; use the plain decision",
                )
            )
        if int(layer.tensors["threshold"][0]) < 1:
            found.append(
                HvError(
                    "the integer threshold is not positive: everything would be accepted",
                    where=f"layer {layer.name}",
                    hint="the last layer's weights are all zero, or the threshold is too low",
                )
            )
        return found

    def reference(self, layer: QuantLayer, inputs: tuple[Array, ...]) -> Array:
        """[N, 1], [N, n] -> [N, 3]."""
        score = inputs[0][:, 0]
        xp = array_namespace(score)
        h = xp.astype(inputs[1], xp.int32) - layer.constants["feature_zero_point"]
        norm_squared = xp.sum(h * h, axis=1, dtype=xp.int32)
        accepted = accept_normalised(
            score, norm_squared, layer.tensors["threshold"][0], shift=layer.constants["shift"]
        )
        return xp.stack([score, norm_squared, accepted], axis=1)

    def kernel_context(self, layer: QuantLayer, function: str) -> NormalisedDecisionContext:
        """See templates/kernels/normalised_decision.c.j2."""
        shift = layer.constants["shift"]
        return NormalisedDecisionContext(
            layer=layer.name,
            function=function,
            summary=f"decision: score > 0 and score^2 * 2^{shift} >= threshold * |features|^2",
            features=layer.input_shapes[1][0],
            feature_zero_point=layer.constants["feature_zero_point"],
            shift=shift,
        )


def _real_bias(head: QuantLayer) -> int:
    """The last layer's bias without the input's folded zero point."""
    folded = head.input_quantities[0].zero_point * int(head.tensors["weight"].sum(dtype=np.int64))
    return int(head.tensors["bias"][0]) + folded


def decision_shift(features: int) -> int:
    """The largest shift for which |w|^2 * 2^shift < 2^31, whatever the weights."""
    return max(0, math.floor(31 - math.log2(features * WEIGHT_MAX**2)))
