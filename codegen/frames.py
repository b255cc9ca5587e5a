"""One verdict on the last frames of a camera: the normative twin of hv_frames.c.

Features of one face vary from frame to frame, and their mean varies less. The cosine of the mean
is that of the sum, so a window of K frames is decided with the same integers as one frame:
a = a1 + ... + aK, h = h1 + ... + hK, accepted if a > 0 and a*a * 2^k >= T * |h|^2. A plain
decision accepts if a >= K * T.

Every sum fits: |h|^2 <= F (255 K)^2, which must lie below 2^31; then |a| <= 255 * 127 * F K lies
below it as well, and a*a * 2^k <= |w|^2 2^k |h|^2 < 2^62 (Cauchy and Schwarz, and the choice of
k in codegen/ops/normalised_decision.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codegen.arith import ACTIVATION_SPAN, accept_normalised, accept_plain
from codegen.errors import HvError
from codegen.nets import QuantNet
from codegen.ops.mac import MacOp
from codegen.ops.normalised_decision import NormalisedDecision

_SUM_LIMIT = 2**31


@dataclass(frozen=True, kw_only=True)
class FrameFacts:
    """What the sums need to know of a verifier's decision.

    Attributes:
        capacity: frames in a full window.
        normalised: whether the features' length is compared with.
        feature_layer: whose output the features are; empty of a plain decision.
        features: how many; 0 of a plain decision.
        zero_point: of the features.
        shift: k of the comparison.
    """

    capacity: int
    normalised: bool
    feature_layer: str = ""
    features: int = 0
    zero_point: int = 0
    shift: int = 0


def frame_facts(net: QuantNet, capacity: int) -> FrameFacts:
    """Proves that the sums of so many frames fit.

    Raises:
        HvError: the network has no decision, or the window is empty or too large to be proved.
    """
    decision = net.layers[-1]
    if not decision.op.is_decision:
        raise HvError("only a verifier's frames can be added up", where=net.arch.name)
    normalised = isinstance(decision.op, NormalisedDecision)
    largest = _most_features(decision.input_shapes[1][0]) if normalised else _most_scores(net)
    if not 1 <= capacity <= largest:
        raise HvError(
            f"{capacity} frames cannot be added up",
            where=net.arch.name,
            hint=f"1 to {largest}: more could overflow the sums",
        )
    if not normalised:
        return FrameFacts(capacity=capacity, normalised=False)
    return FrameFacts(
        capacity=capacity,
        normalised=True,
        feature_layer=decision.inputs[1],
        features=decision.input_shapes[1][0],
        zero_point=decision.constants["feature_zero_point"],
        shift=decision.constants["shift"],
    )


def window_verdicts(
    net: QuantNet, outputs: Mapping[str, NDArray[np.integer]], capacity: int
) -> NDArray[np.int32]:
    """The verdict after every frame of a sequence, on it and those before it in the window.

    Args:
        net: the integer network.
        outputs: of its layers over N frames in their order, as `reference.run` gives them.
        capacity: frames in a full window.

    Returns:
        int32 [N, 3]: sum of the scores, squared length of the sum of the features (0 of a plain
        decision), accepted.

    Raises:
        HvError: see `frame_facts`.
    """
    facts = frame_facts(net, capacity)
    decision = net.layers[-1]
    threshold = decision.tensors["threshold"][0]
    scores = _window_sums(outputs[decision.name][:, 0], capacity)
    if not facts.normalised:
        held = np.minimum(np.arange(1, len(scores) + 1), capacity)
        accepted = accept_plain(scores, held * int(threshold))
        return np.stack([scores, np.zeros_like(scores), accepted], axis=1).astype(np.int32)
    h = outputs[facts.feature_layer].astype(np.int64) - facts.zero_point
    norms = (_window_sums(h, capacity) ** 2).sum(axis=1)
    accepted = accept_normalised(scores, norms, threshold, shift=facts.shift)
    return np.stack([scores, norms, accepted], axis=1).astype(np.int32)


def _window_sums(values: NDArray[np.integer], capacity: int) -> NDArray[np.int64]:
    """Sums over each row and the capacity - 1 rows before it."""
    upto = np.cumsum(values.astype(np.int64), axis=0)
    upto[capacity:] -= upto[:-capacity].copy()
    return upto


def _most_features(features: int) -> int:
    """The largest K with features * (255 K)^2 < 2^31."""
    return math.isqrt((_SUM_LIMIT - 1) // (features * ACTIVATION_SPAN**2))


def _most_scores(net: QuantNet) -> int:
    """The largest K for which K scores fit int32, by the last layer's proved bound."""
    head = next(layer for layer in net.layers if layer.name == net.layers[-1].inputs[0])
    assert isinstance(head.op, MacOp)
    return (_SUM_LIMIT - 1) // max(int(head.op.accumulator_bounds(head).max()), 1)
