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
from hypernet.evaluation import equal_error_rate

Floats = NDArray[np.float64]

STRENGTHS = (100.0, 30.0, 10.0, 3.0, 1.0)
"""What `whitening` tries, weakest effect first: multiples of the mean variance within people that
are added to their covariance. Below 1 the small variances, badly known, decide too much."""

_JUDGED = 2000
"""Photographs on which `whitening` compares: their square is held in memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Cohort:
    """Statistics of many people's features, every person with one vote.

    Features are taken as the decision sees them: of unit length if it is normalised.

    Attributes:
        mean: float32 [F].
        spread: float32 [K, F], R with w'Cw = |R w|^2 for every w in the rows of the projection; K
            is at most the embeddings' length.
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
    projection: NDArray[np.float32],
    *,
    normalised: bool,
) -> Cohort:
    """Measures the statistics.

    Args:
        features: [N, F], of photographs.
        people: int [N], who is on them, 0, 1, ....
        projection: [D, F]; people's last layers are combinations of its rows.
        normalised: whether the decision divides by the features' length.
    """
    h = _seen(features, normalised)
    votes = 1 / np.bincount(people)[people]
    votes /= votes.sum()
    mean = votes @ h
    axes = np.linalg.qr(projection.astype(np.float64).T)[0]
    seen = ((h - mean) @ axes) * np.sqrt(votes)[:, None]
    _, lengths, directions = np.linalg.svd(seen, full_matrices=False)
    spread = (lengths[:, None] * directions) @ axes.T
    return Cohort(
        mean=mean.astype(np.float32), spread=spread.astype(np.float32), normalised=normalised
    )


def whitening(
    directions: NDArray[np.float32],
    features: NDArray[np.float32],
    projection: NDArray[np.float32],
    people: NDArray[np.intp],
) -> NDArray[np.float32]:
    """The projection that weighs features down which vary among one person's photographs.

    P becomes P (C + k v I)^-1 with C the covariance within people, v its mean variance: the
    discriminant of Fisher (1936), shrunk. k is chosen on half of the people with the statistics
    of the other half, and none at all is kept where it helps nobody there.

    Args:
        directions: [N, D], centred embeddings of unit length.
        features: [N, F] of the same photographs.
        projection: [D, F].
        people: int [N], who is on them, 0, 1, ....

    Returns:
        float32 [D, F], of the same norm as `projection`; it itself where nothing helped.
    """
    unit = _seen(features, normalised=True)
    learn, judge = people % 2 == 0, np.flatnonzero(people % 2 == 1)[:_JUDGED]
    same = people[judge][:, None] == people[judge][None]
    different_photos = ~np.eye(len(judge), dtype=bool)
    kinds = same[different_photos]
    if kinds.all() or not kinds.any() or not _repeated(people[learn]).any():
        return projection

    def error(candidate: Floats) -> float:
        heads = directions[judge] @ candidate
        heads /= np.maximum(np.linalg.norm(heads, axis=1, keepdims=True), 1e-12)
        return equal_error_rate((heads @ unit[judge].T)[different_photos], kinds)

    start = projection.astype(np.float64)
    within = _within_people(unit[learn], people[learn])
    errors = {k: error(_solved(start, within, k)) for k in STRENGTHS}
    best = min(errors, key=lambda k: errors[k])
    if errors[best] >= error(start):
        return projection
    return _solved(start, _within_people(unit, people), best).astype(np.float32)


def _solved(projection: Floats, within: Floats, strength: float) -> Floats:
    shrunk = within + strength * np.trace(within) / len(within) * np.eye(len(within))
    solved = np.linalg.solve(shrunk, projection.T).T
    return np.asarray(solved * np.linalg.norm(projection) / np.linalg.norm(solved))


def _within_people(features: Floats, people: NDArray[np.intp]) -> Floats:
    """Covariance [F, F] of photographs about their own person's mean."""
    rows = _repeated(people)
    who = np.unique(people[rows], return_inverse=True)[1]
    h = features[rows]
    means = np.zeros((who.max() + 1, h.shape[1]))
    np.add.at(means, who, h)
    centred = h - (means / np.bincount(who)[:, None])[who]
    return np.asarray(centred.T @ centred / (len(h) - len(means)))


def _repeated(people: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Photographs of people who have more than one."""
    return np.asarray(np.bincount(people)[people] > 1)


def _seen(features: NDArray[np.float32], normalised: bool) -> Floats:
    h = features.astype(np.float64)
    if not normalised:
        return h
    return np.asarray(h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-12))
