"""What the kernels for cores without DSP instructions share: which of their forms fits a core."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from codegen.errors import HvError
from codegen.ops.base import KernelContext, QuantLayer
from codegen.ops.mac import MacOp
from codegen.targets import HOST, Target

SCALAR_HEADERS = ("hv_packed.h", "hv_short.h")
SCALAR_SOURCES = ("hv_packed.c",)

PIXELS = 4  # outputs that are computed at once

ACCUMULATOR_LIMIT = 2**23  # hv_packed.h
MULTIPLIER_LIMIT = 2**30  # hv_short.h


@dataclass(frozen=True, kw_only=True)
class ShortContext(KernelContext):
    """Holes of parts/short.j2."""

    prelu: bool
    quotient: str  # the function of hv_short.h that suits the core
    zero_point: int
    lo: int
    hi: int
    floors_at_zero: bool  # no output of an accumulator up to 0 is above lo
    floor_is_zero_point: bool  # and no other one is below


def is_scalar(target: Target) -> bool:
    """Whether a core has no vectors of its own; for this machine the compiler makes some."""
    return "dsp" not in target.features and target.family != HOST.family


def multiplies_long(target: Target) -> bool:
    """Whether a core has products of 64 bits."""
    return "long-multiply" in target.features


def is_short(layer: QuantLayer) -> bool:
    """Whether accumulators are requantised as they are: no layer of a usual network is shifted."""
    return layer.constants.get("left_shift", 0) == 0


def short_breaches(layer: QuantLayer) -> list[HvError]:
    """Accumulators and multipliers that hv_packed.h and hv_short.h have no room for."""
    op = layer.op
    assert isinstance(op, MacOp)
    found = [
        HvError(
            f"the accumulator of channel {c} can reach {int(bound)}, a packed one ends at 2**23",
            where=f"layer {layer.name}, channel {c}",
            hint="the weights or the bias of this channel are too large for their scale",
        )
        for c, bound in enumerate(op.accumulator_bounds(layer))
        if bound >= ACCUMULATOR_LIMIT
    ]
    for name in ("multiplier", "negative_multiplier"):
        values = np.abs(layer.tensors.get(name, np.zeros(0, np.int32)).astype(np.int64))
        for c in np.flatnonzero(values >= MULTIPLIER_LIMIT):
            found.append(
                HvError(
                    f"{name} {int(layer.tensors[name][c])} is not within 2**30",
                    where=f"layer {layer.name}, channel {int(c)}",
                    hint="the output's range is too small for its accumulators",
                )
            )
    return found


def finish_fields(layer: QuantLayer, *, long_multiply: bool) -> dict[str, Any]:
    """How a layer's accumulators become outputs."""
    op = layer.op
    assert isinstance(op, MacOp)
    lo, zero_point = layer.constants["lo"], layer.quantity.zero_point
    prelu = op.activation.kind == "prelu"
    return {
        "prelu": prelu,
        "quotient": f"hv_quotient_{'long' if long_multiply else 'short'}",
        "zero_point": zero_point,
        "lo": lo,
        "hi": layer.constants["hi"],
        # multipliers are positive: what is not above 0 ends at the zero point or below
        "floors_at_zero": not prelu and lo >= zero_point,
        "floor_is_zero_point": not prelu and lo == zero_point,
    }
