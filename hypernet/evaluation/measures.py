"""What one set of scores is worth: numbers without their uncertainty.

Scores are "higher is more alike"; nothing else is assumed of them. Every measure takes weights of
the pairs, which is how `intervals` draws people again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError

Rows = NDArray[np.intp]
Scores = NDArray[np.float64]
Same = NDArray[np.bool_]
Counts = NDArray[np.int16]
ScorePairs = Callable[[Rows, Rows], Scores]
"""Scores of (rows that enrol, rows that are streamed): float64 [M]."""

RULE_OF_THREE = 3.0
"""No event in n trials bounds its rate by 3/n (95 %): Hanley and Lippman-Hand, JAMA 1983."""

_ROUNDING = 1e-9  # of a count: 0.29 * 100 is 28.999999999999996 in floating point


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """Scores in descending order, with what every measure needs to know of their order.

    G pairs of one person (genuine), I pairs of two (impostor), T different scores.

    Attributes:
        genuine: float64 [G], descending.
        impostor: float64 [I], descending.
        genuine_order: int [G], places of `genuine` among the pairs.
        impostor_order: int [I], likewise.
        higher: int [G], how many impostor scores are higher than each genuine one.
        not_lower: int [G], how many are higher or equal.
        above: int [I], how many genuine scores are higher than each impostor score.
        accepted_impostor: int [T], how many impostors each score accepts as threshold; thresholds
            ascend.
        accepted_genuine: int [T], likewise.
    """

    genuine: Scores
    impostor: Scores
    genuine_order: Rows
    impostor_order: Rows
    higher: Rows
    not_lower: Rows
    above: Rows
    accepted_impostor: Rows
    accepted_genuine: Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Weights:
    """Summed weights of the k highest scores, k from 0: float64 [G + 1] and [I + 1]."""

    genuine: Scores
    impostor: Scores

    @property
    def usable(self) -> bool:
        """Both kinds have a weight."""
        return bool(self.genuine[-1] > 0 and self.impostor[-1] > 0)


def rank(scores: Scores, same: Same) -> Ranked:
    """Sorts scores for the measures.

    Args:
        scores: float64 [M].
        same: bool [M], the pair shows one person.

    Raises:
        HvError: the pairs are all of one kind, or a score is no number.
    """
    check_kinds(same)
    if np.isnan(scores).any():
        raise HvError(f"{int(np.isnan(scores).sum())} scores are no numbers")
    places = np.argsort(-scores, kind="stable")
    genuine_order, impostor_order = places[same[places]], places[~same[places]]
    genuine, impostor = scores[genuine_order], scores[impostor_order]
    thresholds = np.unique(scores)
    return Ranked(
        genuine=genuine,
        impostor=impostor,
        genuine_order=genuine_order,
        impostor_order=impostor_order,
        higher=np.searchsorted(-impostor, -genuine, side="left"),
        not_lower=np.searchsorted(-impostor, -genuine, side="right"),
        above=np.searchsorted(-genuine, -impostor, side="left"),
        accepted_impostor=np.searchsorted(-impostor, -thresholds, side="right"),
        accepted_genuine=np.searchsorted(-genuine, -thresholds, side="right"),
    )


def every_pair_once(ranked: Ranked) -> Weights:
    """All weights 1."""
    return Weights(
        genuine=np.arange(len(ranked.genuine) + 1.0),
        impostor=np.arange(len(ranked.impostor) + 1.0),
    )


def weigh(genuine: Scores | Counts, impostor: Scores | Counts) -> Weights:
    """Weights of single pairs, in the order of a `Ranked`: [G] and [I]."""
    return Weights(genuine=_summed(genuine), impostor=_summed(impostor))


def weighted_auc(ranked: Ranked, weights: Weights) -> float:
    """Probability that a genuine pair outscores an impostor pair; ties count half."""
    higher = (weights.impostor[ranked.higher] + weights.impostor[ranked.not_lower]) / 2
    lost = np.sum(np.diff(weights.genuine) * higher)
    return float(1 - lost / weights.impostor[-1] / weights.genuine[-1])


def weighted_eer(ranked: Ranked, weights: Weights) -> float:
    """Mean of the false accept and false reject rates at the threshold where they lie closest."""

    def rates(threshold: int) -> tuple[float, float]:
        accepts = weights.impostor[ranked.accepted_impostor[threshold]] / weights.impostor[-1]
        found = weights.genuine[ranked.accepted_genuine[threshold]] / weights.genuine[-1]
        return float(accepts), float(1 - found)

    low, high = 0, len(ranked.accepted_genuine)  # accepts >= rejects below `high`: bisected
    while high - low > 1:
        middle = (low + high) // 2
        accepts, rejects = rates(middle)
        low, high = (middle, high) if accepts >= rejects else (low, middle)
    last = len(ranked.accepted_genuine) - 1
    around = [rates(low), rates(min(high, last))]
    accepts, rejects = min(around, key=lambda both: abs(both[0] - both[1]))
    return (accepts + rejects) / 2


def weighted_tar(ranked: Ranked, weights: Weights, *, false_accept_rate: float) -> float:
    """Share of genuine pairs accepted where at most this share of impostors is."""
    allowed = false_accept_rate * weights.impostor[-1] + _ROUNDING
    refused = int(np.searchsorted(weights.impostor[1:], allowed, side="right"))
    if refused == len(ranked.impostor):
        return 1.0
    return float(weights.genuine[ranked.above[refused]] / weights.genuine[-1])


def weighted_errors(ranked: Ranked, weights: Weights, *, threshold: float) -> tuple[float, float]:
    """(false accept rate, false reject rate) where `score >= threshold` accepts."""
    accepts = len(ranked.impostor) - np.searchsorted(ranked.impostor[::-1], threshold)
    found = len(ranked.genuine) - np.searchsorted(ranked.genuine[::-1], threshold)
    return (
        float(weights.impostor[accepts] / weights.impostor[-1]),
        float(1 - weights.genuine[found] / weights.genuine[-1]),
    )


def roc_auc(scores: Scores, same: Same) -> float:
    """Area under the ROC curve: `weighted_auc` with every pair once."""
    ranked = rank(scores, same)
    return weighted_auc(ranked, every_pair_once(ranked))


def equal_error_rate(scores: Scores, same: Same) -> float:
    """Where false accepts and false rejects are equally rare: `weighted_eer`, every pair once."""
    ranked = rank(scores, same)
    return weighted_eer(ranked, every_pair_once(ranked))


def true_accept_rate(scores: Scores, same: Same, *, false_accept_rate: float) -> float:
    """Share of genuine pairs accepted at a false accept rate: `weighted_tar`, every pair once."""
    ranked = rank(scores, same)
    return weighted_tar(ranked, every_pair_once(ranked), false_accept_rate=false_accept_rate)


def best_threshold(scores: Scores, same: Same) -> float:
    """The threshold with most right answers, half-way between two scores; the lowest such."""
    check_kinds(same)
    order = np.argsort(scores, kind="stable")
    ranked, kinds = scores[order], same[order]
    right = np.sum(same) + np.concatenate([[0], np.cumsum(np.where(kinds, -1, 1))])
    edges = np.concatenate([[ranked[0] - 1.0], (ranked[1:] + ranked[:-1]) / 2, [ranked[-1] + 1.0]])
    between = np.concatenate([[True], ranked[1:] > ranked[:-1], [True]])
    return float(edges[between][np.argmax(right[between])])


def threshold_at(scores: Scores, same: Same, *, false_accept_rate: float) -> float:
    """The lowest threshold that wrongly accepts at most this share of different people.

    Half-way between the highest score refused and the lowest accepted.
    """
    check_kinds(same)
    different = np.sort(scores[~same])[::-1]
    allowed = int(false_accept_rate * len(different) + _ROUNDING)
    if allowed >= len(different):
        return float(different[-1])
    refused = different[allowed]
    higher = scores[scores > refused]
    return float((refused + higher.min()) / 2 if len(higher) else np.nextafter(refused, np.inf))


def needed_impostors(false_accept_rate: float) -> int:
    """How many impostor pairs a false accept rate needs before it may be quoted."""
    return math.ceil(RULE_OF_THREE / false_accept_rate - _ROUNDING)


def roc_points(ranked: Ranked) -> tuple[Scores, Scores]:
    """(false accept rates, true accept rates) of every threshold, ascending, from (0, 0)."""
    accepts = ranked.accepted_impostor[::-1] / len(ranked.impostor)
    found = ranked.accepted_genuine[::-1] / len(ranked.genuine)
    return np.concatenate([[0.0], accepts]), np.concatenate([[0.0], found])


def check_kinds(same: Same) -> None:
    """Raises HvError unless there are pairs of one person and pairs of two."""
    if same.all() or not same.any():
        raise HvError(
            "the pairs are all of one kind",
            hint="a measure needs pairs of one person and pairs of two people",
        )


def _summed(weights: Scores | Counts) -> Scores:
    sums = np.zeros(len(weights) + 1)
    np.cumsum(weights, out=sums[1:])
    return sums
