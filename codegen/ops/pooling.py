"""What the average pools share: a sum over positions, requantised with 1 / N in the multiplier."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from codegen.arith import (
    ACTIVATION_SPAN,
    MULTIPLIER_LIMIT,
    Array,
    quantise_ratio,
    requantise,
)
from codegen.errors import HvError
from codegen.ops.base import KernelContext, Quantised, QuantiseRequest, Quantity, QuantLayer


@dataclass(frozen=True, kw_only=True)
class SumContext(KernelContext):
    """What every averaging kernel needs to finish an output, but for its multiplier."""

    bias: int
    left_shift: int
    zero_point: int


@dataclass(frozen=True, kw_only=True)
class MeanContext(SumContext):
    """The same where every output is a mean over as many positions."""

    multiplier: int


def quantise_mean(request: QuantiseRequest, positions: int) -> Quantised:
    """Constants of a mean over `positions`; see mean_quantity for its scale."""
    source = request.input_quantities[0]
    quantity = mean_quantity(request)
    multiplier, left_shift = quantise_ratio(source.scale / (quantity.scale * positions))
    constants = {
        "bias": -positions * source.zero_point,
        "multiplier": multiplier,
        "left_shift": left_shift,
    }
    return Quantised(quantity=quantity, constants=constants, tensors={})


def mean_quantity(request: QuantiseRequest) -> Quantity:
    """Its own or an observed one; without either the input's is kept."""
    is_known = request.own_quantity is not None or request.output_range is not None
    return request.output_quantity() if is_known else request.input_quantities[0]


def mean_breaches(layer: QuantLayer, positions: int) -> list[HvError]:
    """The shifted sum of at most `positions` must fit int32, every multiplier the contract."""
    reach = ACTIVATION_SPAN * positions << layer.constants["left_shift"]
    own = layer.tensors.get("multiplier")
    multipliers = np.array(layer.constants["multiplier"]) if own is None else own
    if reach < 2**31 and multipliers.min() >= 1 and multipliers.max() < MULTIPLIER_LIMIT:
        return []
    return [
        HvError(
            f"a mean over {positions} positions does not fit the integer contract",
            where=f"layer {layer.name}",
            hint="split the pool, or widen its observed output range",
        )
    ]


def finish_mean(layer: QuantLayer, total: Array) -> Array:
    """int32 sums over the positions, zero points included -> int8 means."""
    xp = array_namespace(total)
    return finish_sum(layer, total, xp.asarray(layer.constants["multiplier"], dtype=xp.int64))


def finish_sum(layer: QuantLayer, total: Array, multiplier: Array) -> Array:
    """The same with multipliers that broadcast over the sums."""
    return requantise(
        total + layer.constants["bias"],
        multiplier,
        left_shift=layer.constants["left_shift"],
        zero_point=layer.quantity.zero_point,
        lo=-128,
        hi=127,
    )


def mean_context(layer: QuantLayer) -> dict[str, Any]:
    """The fields of MeanContext for a layer."""
    return {"multiplier": layer.constants["multiplier"], **sum_context(layer)}


def sum_context(layer: QuantLayer) -> dict[str, Any]:
    """The fields of SumContext for a layer."""
    return {
        "bias": layer.constants["bias"],
        "left_shift": layer.constants["left_shift"],
        "zero_point": layer.quantity.zero_point,
    }
