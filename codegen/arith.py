"""The integer contract, normative. Its C twin is `firmware/runtime/hv_arith.h`.

Every function takes numpy arrays or torch tensors (through the Python array API standard) and
returns the same kind; the bits are the same on both. Ranges are proved by `codegen.gates`, so
nothing here saturates but the final clamp.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace

Array = Any  # a numpy array or a torch tensor: the array API standard has no common static type

INT8_MIN, INT8_MAX = -128, 127
WEIGHT_MAX = 127  # weights are symmetric: -128 is not used
ACTIVATION_SPAN = 255  # largest |q - zero_point| of an int8 activation
FRACTION_BITS = 32  # a multiplier m stands for the real number m / 2**32
MULTIPLIER_LIMIT = 2**31  # 1 <= m < 2**31: m fits int32, acc * m fits int64
ROUND_HALF = 2 ** (FRACTION_BITS - 1)
LEFT_SHIFT_MAX = 24  # bounds of accumulators stay exact in int64; no real layer needs as much
CONTRACT_VERSION = 1  # part of the ABI hash: raise it when any bit of any result may change


def requantise(
    acc: Array,
    multiplier: Array,
    *,
    left_shift: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> Array:
    """clamp(zero_point + floor((acc * 2**left_shift * multiplier + 2**31) / 2**32), lo, hi).

    Args:
        acc: int32 accumulators, channels last. |acc| * 2**left_shift < 2**31 is proved elsewhere.
        multiplier: int32, one per channel (or one in all), in (-2**31, 2**31).
        left_shift: small constant of the layer, normally 0.
        zero_point: zero point of the output.
        lo: lowest output, carries a fused ReLU or clip.
        hi: highest output, carries a fused ReLU6 or clip.

    Returns:
        int8, the shape of `acc`. Half rounds up, once.
    """
    xp = array_namespace(acc)
    product = xp.astype(acc, xp.int64) * 2**left_shift * xp.astype(multiplier, xp.int64)
    rounded = (product + ROUND_HALF) >> FRACTION_BITS  # arithmetic shift: floor
    return xp.astype(xp.clip(rounded + zero_point, lo, hi), xp.int8)


def requantise_prelu(
    acc: Array,
    positive_multiplier: Array,
    negative_multiplier: Array,
    *,
    left_shift: int,
    zero_point: int,
    lo: int,
    hi: int,
) -> Array:
    """`requantise` with the multiplier chosen by the accumulator's sign (PReLU fused).

    `negative_multiplier` is slope * positive_multiplier and may be zero or negative.
    """
    xp = array_namespace(acc)
    multiplier = xp.where(acc >= 0, positive_multiplier, negative_multiplier)
    return requantise(acc, multiplier, left_shift=left_shift, zero_point=zero_point, lo=lo, hi=hi)


def accept_plain(score: Array, threshold: Array) -> Array:
    """1 where `score >= threshold`, else 0; all int32."""
    xp = array_namespace(score)
    return xp.astype(score >= threshold, xp.int32)


def accept_normalised(score: Array, norm_squared: Array, threshold: Array, *, shift: int) -> Array:
    """1 where score > 0 and score**2 * 2**shift >= threshold * norm_squared, else 0.

    The comparison of score / |h| with a threshold, without root or division. Both sides fit
    int64: `codegen.gates` proves it.
    """
    xp = array_namespace(score)
    wide = xp.astype(score, xp.int64)
    large_enough = wide * wide * 2**shift >= (
        xp.astype(threshold, xp.int64) * xp.astype(norm_squared, xp.int64)
    )
    return xp.astype((score > 0) & large_enough, xp.int32)


def matmul_exact(a: Array, b: Array) -> Array:
    """int32 product of integer matrices [M, K] and [K, N], |elements| <= 255.

    Computed in float64, where every partial sum is an integer below 2**53 and so exact in any
    order: numpy and PyTorch have no fast integer product, and this one is ten times faster.
    """
    xp = array_namespace(a, b)
    product = xp.matmul(xp.astype(a, xp.float64), xp.astype(b, xp.float64))
    return xp.astype(product, xp.int32)


def round_half_up(real: np.ndarray) -> np.ndarray:
    """floor(real + 1/2) as int64: the contract's only rounding, used for constants as well.

    What lies beyond +-2**62 becomes +-2**62, far outside what any gate lets pass.
    """
    bounded = np.clip(np.asarray(real, dtype=np.float64), -(2.0**62), 2.0**62)
    return np.floor(bounded + 0.5).astype(np.int64)


def quantise_multiplier(ratio: np.ndarray, left_shift: int) -> np.ndarray:
    """The real ratio scale_in * scale_weight / scale_out as int64 multipliers in units of 2**-32.

    Values at or beyond 2**31 are returned as they are: the gate names them.
    """
    return round_half_up(np.asarray(ratio, np.float64) * 2.0 ** (FRACTION_BITS - left_shift))


def least_left_shift(ratio: np.ndarray) -> int:
    """The smallest left shift with which every |ratio| becomes a multiplier below 2**31.

    Where none up to LEFT_SHIFT_MAX is enough it is LEFT_SHIFT_MAX: the gate names the layer.
    """
    largest = np.abs(np.asarray(ratio, np.float64)).max()
    for left_shift in range(LEFT_SHIFT_MAX):
        if quantise_multiplier(largest, left_shift) < MULTIPLIER_LIMIT:
            return left_shift
    return LEFT_SHIFT_MAX


def quantise_real(real: float, scale: float, zero_point: int) -> int:
    """The int8 nearest to a real number, clamped."""
    q = math.floor(real / scale + 0.5) + zero_point
    return min(max(q, INT8_MIN), INT8_MAX)
