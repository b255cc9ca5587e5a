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

Floats = NDArray[np.float64]

_OWN_SHRINKAGE = 3.0  # of the own view; from 1 to 10 it hardly matters

_AXES = 256
"""Directions of the features in which the body's part may lie: they hold nearly all of its use,
and a checkpoint stays small."""

_MEASURED = 2000
"""Photographs on which deviations are measured: their square is held in memory."""


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
    features: NDArray[np.float32],
    projection: NDArray[np.float32],
    people: NDArray[np.intp],
    shrinkage: float,
) -> NDArray[np.float32]:
    """The projection that weighs features down which vary among one person's photographs.

    P becomes P (C + k v I)^-1. The shrinkage k is not chosen on the people given here: where a body
    has learnt from them, they vary less than anybody else will.

    Args:
        features: [N, F], of photographs.
        projection: [D, F].
        people: int [N], who is on them, 0, 1, ....
        shrinkage: k.

    Returns:
        float32 [D, F], of the norm of `projection`; it itself where nobody has two photographs.
    """
    if not _repeated(people).any():
        return projection
    within = within_people(as_decided(features, normalised=True), people)
    shrunk = within + shrinkage * np.trace(within) / len(within) * np.eye(len(within))
    solved = np.linalg.solve(shrunk, projection.T.astype(np.float64)).T
    norm = np.linalg.norm(projection) / np.linalg.norm(solved)
    return np.asarray(solved * norm, np.float32)


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
    some = unit[:_MEASURED]
    encoder = np.asarray(directions[:_MEASURED].astype(np.float64) @ projection)
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


def _view(unit: Floats, people: NDArray[np.intp]) -> OwnView:
    """The discriminant within the features' first principal directions."""
    mean = unit.mean(axis=0)
    within = within_people(unit, people)
    _, directions = np.linalg.eigh(np.cov(unit.T))
    axes = directions[:, ::-1][:, :_AXES].T
    added = _OWN_SHRINKAGE * np.trace(within) / len(within)
    metric = np.linalg.inv(axes @ within @ axes.T + added * np.eye(len(axes)))
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


def _repeated(people: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Photographs of people who have more than one."""
    return np.asarray(np.bincount(people)[people] > 1)
