"""The words that a kernel of tiles reads one after the other: biases, weights, multipliers."""

from __future__ import annotations

import numpy as np

from codegen.ops.base import QuantLayer

TILE_CHANNELS = 2


def multipliers_of(layer: QuantLayer) -> np.ndarray:
    """int32 [C, 1], or [C, 2] for a PReLU: the second is for accumulators below zero."""
    names = [name for name in ("multiplier", "negative_multiplier") if name in layer.tensors]
    return np.stack([layer.tensors[name] for name in names], axis=1)


def multiplier_count(layer: QuantLayer) -> int:
    """Multipliers of a channel."""
    return 2 if "negative_multiplier" in layer.tensors else 1


def stream_words(channels: int, pairs: int, weight_bits: int, multipliers: int) -> int:
    """Words of a stream; `pairs` of taps and `multipliers` for each channel."""
    weights = pairs if weight_bits == 8 else 2 * pairs
    return channels // TILE_CHANNELS * (weights + TILE_CHANNELS * (1 + multipliers))


def pack_stream(
    bias: np.ndarray, taps: np.ndarray, multipliers: np.ndarray, weight_bits: int
) -> np.ndarray:
    """Interleaves two channels a, b and pairs of taps p, q.

    Args:
        bias: int32 [C], C even.
        taps: integers [C, T], T even.
        multipliers: int32 [C, 1 or 2].
        weight_bits: 8 makes one word of bytes ap, bp, aq, bq; 16 makes two, of int16 ap, aq and
            bp, bq.

    Returns:
        int32 [stream_words]: for each pair of channels their biases, their weights, the
        multipliers of a, of b.
    """
    by_pair = taps.reshape(len(taps) // TILE_CHANNELS, TILE_CHANNELS, -1, 2)
    if weight_bits == 8:
        order = by_pair.transpose(0, 2, 3, 1).astype("<i1")  # pair of channels, pair, tap, channel
    else:
        order = by_pair.transpose(0, 2, 1, 3).astype("<i2")  # pair of channels, pair, channel, tap
    words = np.ascontiguousarray(order).reshape(len(by_pair), -1).view("<i4")
    parts = [bias.reshape(len(by_pair), -1), words, multipliers.reshape(len(by_pair), -1)]
    return np.concatenate(parts, axis=1).reshape(-1).astype(np.int32)


def quad_order(count: int) -> np.ndarray:
    """Where each element of a row comes from that was widened in quads; `count` is in fours."""
    quads: np.ndarray = np.arange(count).reshape(-1, 4)[:, [0, 2, 1, 3]].reshape(-1)
    return quads
