"""Last layers that look away from what varies among one person's photographs.

Fisher's discriminant (1936): with C the covariance of the features within people, the layer that
tells a person of mean features m from everybody of mean 0 is (C + k v I)^-1 m, shrunk by k times
C's mean variance v, since C is known badly. Two estimates of m are put together:

* P^T e, what the face encoder says of the photograph, as the distilled P translates it;
* h - mean, what the verifier's own body says of that photograph. It is a worse likeness of the
  person, but it has the body's own habits: what the body always gets wrong about this face it gets
  wrong in both photographs, and P^T e knows nothing of that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from hypernet.evaluation import equal_error_rate

Floats = NDArray[np.float64]

STRENGTHS = (100.0, 30.0, 10.0, 3.0, 1.0)
"""Shrinkages k that are tried, weakest effect first. Below 1 the small variances, badly known,
decide too much."""

_OWN_STRENGTH = 3.0  # shrinkage of the body's part; from 1 to 10 it hardly matters

_AXES = 256
"""Directions of the features in which the body's part may lie: they hold nearly all of its use,
and a checkpoint stays small."""

_JUDGED = 2000
"""Photographs on which candidates are compared: their square is held in memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OwnView:
    """The body's part of a last layer: axes' metric axes (h - mean), h of unit length.

    Attributes:
        mean: float32 [F], of many people's features.
        axes: float32 [K, F], orthonormal rows.
        metric: float32 [K, K].
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]
    metric: NDArray[np.float32]


def whitening(
    directions: NDArray[np.float32],
    features: NDArray[np.float32],
    projection: NDArray[np.float32],
    people: NDArray[np.intp],
) -> NDArray[np.float32]:
    """The projection that weighs features down which vary among one person's photographs.

    P becomes P (C + k v I)^-1. k is chosen on half of the people with the statistics of the other
    half, and none at all is kept where it helps nobody there.

    Args:
        directions: [N, D], centred embeddings of unit length.
        features: [N, F] of the same photographs.
        projection: [D, F].
        people: int [N], who is on them, 0, 1, ....

    Returns:
        float32 [D, F], of the same norm as `projection`; it itself where nothing helped.
    """
    halves = _halved(features, people)
    if halves is None:
        return projection
    start = projection.astype(np.float64)
    shown = directions[halves.judge]
    within = within_people(halves.learn, halves.learn_people)
    errors = {k: halves.error(shown @ _solved(start, within, k)) for k in STRENGTHS}
    best = min(errors, key=lambda k: errors[k])
    if errors[best] >= halves.error(shown @ start):
        return projection
    unit = as_decided(features, normalised=True)
    return _solved(start, within_people(unit, people), best).astype(np.float32)


def own_view(
    directions: NDArray[np.float32],
    features: NDArray[np.float32],
    projection: NDArray[np.float32],
    people: NDArray[np.intp],
    share: float,
) -> OwnView | None:
    """What the body's own features of the enrolment photograph add to P^T e.

    The share is not chosen on the people given here: where a body has learnt from them, P^T e knows
    them better than it will ever know anybody else.

    Args:
        directions: [N, D], centred embeddings of unit length.
        features: [N, F] of the same photographs.
        projection: [D, F], P as it is used.
        people: int [N], who is on them, 0, 1, ....
        share: the own view's deviation in the scores of many people, over the encoder's.

    Returns:
        The body's part; None for a share of 0, or where nobody has two photographs.
    """
    if share == 0 or not _repeated(people).any():
        return None
    unit = as_decided(features, normalised=True)
    view = _view(unit, people)
    some = unit[:_JUDGED]
    encoder = np.asarray(directions[:_JUDGED].astype(np.float64) @ projection)
    gain = share * _deviation(encoder, some) / _deviation(_seen_by(view, some), some)
    return replace(view, metric=(gain * view.metric).astype(np.float32))


def within_people(features: Floats, people: NDArray[np.intp]) -> Floats:
    """Covariance [F, F] of photographs about their own person's mean."""
    rows = _repeated(people)
    who = np.unique(people[rows], return_inverse=True)[1]
    h = features[rows]
    means = np.zeros((who.max() + 1, h.shape[1]))
    np.add.at(means, who, h)
    centred = h - (means / np.bincount(who)[:, None])[who]
    return np.asarray(centred.T @ centred / (len(h) - len(means)))


def as_decided(features: NDArray[np.floating], *, normalised: bool) -> Floats:
    """Features as the decision sees them: of unit length if it is normalised."""
    h = features.astype(np.float64)
    if not normalised:
        return h
    return np.asarray(h / np.maximum(np.linalg.norm(h, axis=1, keepdims=True), 1e-12))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Halves:
    """People from whom statistics are learnt, and others on whom heads are judged.

    Attributes:
        learn: [L, F], features of unit length of the first half.
        learn_people: int [L].
        judge: int [J], rows of the second half.
        judged: [J, F], their features of unit length.
        same: bool [J, J].
    """

    learn: Floats
    learn_people: NDArray[np.intp]
    judge: NDArray[np.intp]
    judged: Floats
    same: NDArray[np.bool_]

    def error(self, heads: Floats) -> float:
        """Equal error rate of the judged photographs' own heads, [J, F], on the others."""
        unit = as_decided(heads, normalised=True)
        others = ~np.eye(len(unit), dtype=bool)
        return equal_error_rate((unit @ self.judged.T)[others], self.same[others])


def _halved(features: NDArray[np.float32], people: NDArray[np.intp]) -> _Halves | None:
    """None where there is nothing to learn from or to judge by."""
    unit = as_decided(features, normalised=True)
    learn, judge = people % 2 == 0, np.flatnonzero(people % 2 == 1)[:_JUDGED]
    same = people[judge][:, None] == people[judge][None]
    kinds = same[~np.eye(len(judge), dtype=bool)]
    if kinds.all() or not kinds.any() or not _repeated(people[learn]).any():
        return None
    return _Halves(
        learn=unit[learn],
        learn_people=people[learn],
        judge=judge,
        judged=unit[judge],
        same=same,
    )


def _view(unit: Floats, people: NDArray[np.intp]) -> OwnView:
    """The discriminant within the features' first principal directions."""
    mean = unit.mean(axis=0)
    within = within_people(unit, people)
    _, directions = np.linalg.eigh(np.cov(unit.T))
    axes = directions[:, ::-1][:, :_AXES].T
    shrinkage = _OWN_STRENGTH * np.trace(within) / len(within)
    metric = np.linalg.inv(axes @ within @ axes.T + shrinkage * np.eye(len(axes)))
    return OwnView(
        mean=mean.astype(np.float32),
        axes=axes.astype(np.float32),
        metric=metric.astype(np.float32),
    )


def _seen_by(view: OwnView, unit: Floats) -> Floats:
    """The body's part of the heads of photographs, [N, F]."""
    axes = view.axes.astype(np.float64)
    return np.asarray((unit - view.mean) @ axes.T @ view.metric @ axes)


def _deviation(heads: Floats, unit: Floats) -> float:
    """Typical deviation of heads' scores over photographs."""
    return float(np.sqrt(np.mean(np.var(heads @ unit.T, axis=1))))


def _solved(projection: Floats, within: Floats, strength: float) -> Floats:
    shrunk = within + strength * np.trace(within) / len(within) * np.eye(len(within))
    solved = np.linalg.solve(shrunk, projection.T).T
    return np.asarray(solved * np.linalg.norm(projection) / np.linalg.norm(solved))


def _repeated(people: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Photographs of people who have more than one."""
    return np.asarray(np.bincount(people)[people] > 1)
