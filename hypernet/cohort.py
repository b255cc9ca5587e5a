"""Cohort normalisation: a threshold of each person's own, from statistics of many others.

Some verifiers score strangers higher than others do. Of a last layer w on features that everybody
shares, mean and variance of the score over impostors follow from the features' mean m and
covariance C alone: w.m and w'Cw. Neither shows a person, so both ship with the checkpoint (C as
far as a w can see it), and one number t serves everybody: accept from w.m + t sqrt(w'Cw) on. It
is known at enrolment, so it becomes the network's threshold and costs the device nothing.

Source of the idea: Auckenthaler et al., "Score normalization for text-independent speaker
verification systems", Digital Signal Processing 10 (2000), there with scores of real impostors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.discriminant import as_decided

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """Statistics of many people's features, every person with one vote.

    Features are taken as the decision sees them: of unit length if it is normalised.

    Attributes:
        mean: float32 [F].
        spread: float32 [K, F], R with w'Cw = |R w|^2 for every w that a person can get.
        normalised: whether the score is a cosine w.h / (|w| |h|), or w.h + b.
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    normalised: bool

    def moments(self, weight: NDArray[np.floating], bias: float = 0.0) -> tuple[float, float]:
        """Mean and standard deviation of one person's score over impostors.

        Args:
            weight: [1, F] or [F], the person's last layer.
            bias: its bias; a normalised decision has none.

        Raises:
            HvError: the score would hardly vary, so the weights are not a person's.
        """
        w = np.asarray(weight, np.float64).reshape(-1)
        length = float(np.linalg.norm(w)) if self.normalised else 1.0
        deviation = float(np.linalg.norm(self.spread.astype(np.float64) @ w))
        if not (length > 0 and deviation > 0):
            raise HvError(
                "the last layer says the same of everybody",
                hint="its weights are zero, or the checkpoint's cohort is",
            )
        return (float(w @ self.mean) + bias) / length, deviation / length

    def threshold(self, t: float, weight: NDArray[np.floating], bias: float = 0.0) -> float:
        """The score from which on this person's verifier accepts: mean + t deviations."""
        mean, deviation = self.moments(weight, bias)
        return mean + t * deviation

    def normalise(self, scores: Floats, weight: NDArray[np.floating], bias: float = 0.0) -> Floats:
        """Scores of one person's verifier in deviations above the impostors' mean: `>= t` accepts.

        The device compares with `threshold` rounded to its integer (normalised: T, to 0.5 in
        cosine^2 |w|^2 2^k; plain: up to the next accumulator), so the two can differ only for a
        score nearer to the threshold than that.
        """
        mean, deviation = self.moments(weight, bias)
        return np.asarray((scores - mean) / deviation)


def cohort_of(
    features: NDArray[np.float32],
    people: NDArray[np.intp],
    rows: NDArray[np.float32],
    *,
    normalised: bool,
) -> Cohort:
    """Measures the statistics.

    Args:
        features: [N, F], of photographs.
        people: int [N], who is on them, 0, 1, ....
        rows: [K, F]; people's last layers are combinations of them.
        normalised: whether the decision divides by the features' length.
    """
    h = as_decided(features, normalised=normalised)
    votes = 1 / np.bincount(people)[people]
    votes /= votes.sum()
    mean = votes @ h
    axes = np.linalg.qr(rows.astype(np.float64).T)[0]
    seen = ((h - mean) @ axes) * np.sqrt(votes)[:, None]
    _, lengths, directions = np.linalg.svd(seen, full_matrices=False)
    spread = (lengths[:, None] * directions) @ axes.T
    return Cohort(
        mean=mean.astype(np.float32), spread=spread.astype(np.float32), normalised=normalised
    )
