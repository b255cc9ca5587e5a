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
    least_left_shift,
    quantise_multiplier,
    requantise,
)
from codegen.errors import HvError
from codegen.ops.base import KernelContext, Quantised, QuantiseRequest, QuantLayer


@dataclass(frozen=True, kw_only=True)
class MeanContext(KernelContext):
    """What every averaging kernel needs to finish an output."""

    bias: int
    multiplier: int
    left_shift: int
    zero_point: int


def quantise_mean(request: QuantiseRequest, positions: int) -> Quantised:
    """Constants of a mean over `positions`; without an observed range the scale is kept."""
    source = request.input_quantities[0]
    is_known = request.own_quantity is not None or request.output_range is not None
    quantity = request.output_quantity() if is_known else source
    ratio = source.scale / (quantity.scale * positions)
    left_shift = least_left_shift(np.array(ratio))
    constants = {
        "bias": -positions * source.zero_point,
        "multiplier": int(quantise_multiplier(np.array(ratio), left_shift)),
        "left_shift": left_shift,
    }
    return Quantised(quantity=quantity, constants=constants, tensors={})


def mean_breaches(layer: QuantLayer, positions: int) -> list[HvError]:
    """The shifted sum must fit int32, the multiplier the contract."""
    constants = layer.constants
    reach = ACTIVATION_SPAN * positions << constants["left_shift"]
    if reach < 2**31 and 1 <= constants["multiplier"] < MULTIPLIER_LIMIT:
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
    constants = layer.constants
    return requantise(
        total + constants["bias"],
        xp.asarray(constants["multiplier"], dtype=xp.int64),
        left_shift=constants["left_shift"],
        zero_point=layer.quantity.zero_point,
        lo=-128,
        hi=127,
    )


def mean_context(layer: QuantLayer) -> dict[str, Any]:
    """The fields of MeanContext for a layer."""
    return {
        "bias": layer.constants["bias"],
        "multiplier": layer.constants["multiplier"],
        "left_shift": layer.constants["left_shift"],
        "zero_point": layer.quantity.zero_point,
    }
