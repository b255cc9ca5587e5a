"""Pair protocols: how well scores tell one person from another.

Scores are "higher is more alike". Of each pair the first photograph enrols and the second is
streamed, then the other way round; both and their mean are reported. Pairs with a photograph in
which no face was found have no score; they are named, and counted both ways: left out, and
taken as rejected (what the device would do).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.data import NOT_FOUND, Pairs

Rows = NDArray[np.intp]
Scores = NDArray[np.float64]
Same = NDArray[np.bool_]
ScorePairs = Callable[[Rows, Rows], Scores]
"""Scores of (rows that enrol, rows that are streamed): float64 [M]."""


@dataclass(frozen=True, kw_only=True)
class Measures:
    """What one set of scores is worth. Rates are fractions of 1.

    Attributes:
        pairs: how many pairs were counted.
        auc: area under the ROC curve.
        eer: equal error rate.
        accuracy: right answers at the threshold that is best on the other folds.
        false_accept_rate: of different people, at the checkpoint's threshold.
        false_reject_rate: of the same person, at the checkpoint's threshold.
    """

    pairs: int
    auc: float
    eer: float
    accuracy: float
    false_accept_rate: float
    false_reject_rate: float


@dataclass(frozen=True, kw_only=True)
class Directions:
    """First photograph enrols, second enrols, and the mean of the two."""

    first_enrols: Measures
    second_enrols: Measures
    mean: Measures


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of `evaluate`.

    Attributes:
        missing: pairs without a score, because a face was not found.
        left_out: measures without those pairs.
        rejected: measures with those pairs taken as rejected; equals left_out without any.
    """

    missing: int
    left_out: Directions
    rejected: Directions


def evaluate(
    pairs: Pairs,
    score: ScorePairs,
    found: NDArray[np.int8],
    *,
    test_folds: Sequence[int],
    tuning_folds: Sequence[int],
    threshold: float,
) -> Evaluation:
    """Evaluates a scoring function on pairs.

    Args:
        pairs: of one table.
        score: is never called with a row whose face was not found.
        found: int8 [N], FaceTable.found.
        test_folds: where everything is measured.
        tuning_folds: where the threshold for `accuracy` is chosen; disjoint from test_folds.
        threshold: the checkpoint's own, for the two error rates.

    Returns:
        All measures, both directions.

    Raises:
        HvError: folds overlap, or one of the two sets lacks a kind of pair.
    """
    if set(test_folds) & set(tuning_folds):
        raise HvError("a fold is both tuned and tested on", where=f"{tuning_folds}, {test_folds}")
    test = pairs.select(np.isin(pairs.folds, test_folds))
    tuning = _scored(pairs.select(np.isin(pairs.folds, tuning_folds)), found)
    whole = (found[test.first] != NOT_FOUND) & (found[test.second] != NOT_FOUND)
    kept = test.select(whole)
    left_out, rejected = [], []
    for way in (_forward, _backward):
        tuned = best_threshold(score(*way(tuning)), tuning.same)
        scores = score(*way(kept))
        left_out.append(measure(scores, kept.same, tuned=tuned, threshold=threshold))
        every = np.full(len(test.same), min(scores.min(), tuned, threshold) - 1.0)
        every[whole] = scores
        rejected.append(measure(every, test.same, tuned=tuned, threshold=threshold))
    return Evaluation(
        missing=int((~whole).sum()), left_out=_directions(left_out), rejected=_directions(rejected)
    )


def measure(scores: Scores, same: Same, *, tuned: float, threshold: float) -> Measures:
    """All measures of one set of scores; `score >= threshold` accepts."""
    accepted = scores >= threshold
    return Measures(
        pairs=len(scores),
        auc=roc_auc(scores, same),
        eer=equal_error_rate(scores, same),
        accuracy=float(np.mean((scores >= tuned) == same)),
        false_accept_rate=float(np.mean(accepted[~same])),
        false_reject_rate=float(np.mean(~accepted[same])),
    )


def roc_auc(scores: Scores, same: Same) -> float:
    """Probability that a pair of one person outscores a pair of two; ties count half."""
    _check_kinds(same)
    different = np.sort(scores[~same])
    below = np.searchsorted(different, scores[same], side="left")
    not_above = np.searchsorted(different, scores[same], side="right")
    return float(np.mean(below + not_above) / 2 / len(different))


def equal_error_rate(scores: Scores, same: Same) -> float:
    """Where false accepts and false rejects are equally rare.

    The mean of the two rates at the threshold where they lie closest.
    """
    _check_kinds(same)
    thresholds = np.unique(scores)
    accepts = 1 - np.searchsorted(np.sort(scores[~same]), thresholds) / np.sum(~same)
    rejects = np.searchsorted(np.sort(scores[same]), thresholds) / np.sum(same)
    closest = np.argmin(np.abs(accepts - rejects))
    return float((accepts[closest] + rejects[closest]) / 2)


def best_threshold(scores: Scores, same: Same) -> float:
    """The threshold with most right answers, half-way between two scores; the lowest such."""
    _check_kinds(same)
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
    _check_kinds(same)
    different = np.sort(scores[~same])[::-1]
    allowed = int(false_accept_rate * len(different))
    if allowed >= len(different):
        return float(different[-1])
    refused = different[allowed]
    higher = scores[scores > refused]
    return float((refused + higher.min()) / 2 if len(higher) else np.nextafter(refused, np.inf))


def as_dict(evaluation: Evaluation) -> dict[str, object]:
    """The evaluation as plain data, for JSON."""
    return asdict(evaluation)


def _check_kinds(same: Same) -> None:
    if same.all() or not same.any():
        raise HvError(
            "the pairs are all of one kind",
            hint="a measure needs pairs of one person and pairs of two people",
        )


def _scored(pairs: Pairs, found: NDArray[np.int8]) -> Pairs:
    return pairs.select((found[pairs.first] != NOT_FOUND) & (found[pairs.second] != NOT_FOUND))


def _forward(pairs: Pairs) -> tuple[Rows, Rows]:
    return pairs.first, pairs.second


def _backward(pairs: Pairs) -> tuple[Rows, Rows]:
    return pairs.second, pairs.first


def _directions(ways: Sequence[Measures]) -> Directions:
    first, second = (asdict(way) for way in ways)
    mean = {name: (first[name] + second[name]) / 2 for name in first}
    return Directions(
        first_enrols=ways[0],
        second_enrols=ways[1],
        mean=Measures(**{**mean, "pairs": ways[0].pairs}),
    )
