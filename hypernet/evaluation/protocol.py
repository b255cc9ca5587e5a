"""Pair protocols: how well scores tell one person from another.

Of each pair the first photograph enrols and the second is streamed, then the other way round; both
and their mean are reported. Pairs with a photograph in which no face was found have no score; they
are counted both ways: left out, and taken as rejected (what the device would do).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from hypernet.data import NOT_FOUND, Pairs
from hypernet.evaluation.intervals import RESAMPLES, Figures
from hypernet.evaluation.measures import Rows, ScorePairs, Scores, best_threshold
from hypernet.evaluation.summary import Measures, judged, measure

FALSE_ACCEPT_RATES = (1e-2, 1e-3)


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


@dataclass(frozen=True, kw_only=True, eq=False)
class ScoredPairs:
    """Pairs with the scores of both directions.

    Attributes:
        pairs: M pairs.
        whole: bool [M], both faces were found.
        ways: float64 [2, M]: the first photograph enrols, the second does; NaN where not whole.
    """

    pairs: Pairs
    whole: NDArray[np.bool_]
    ways: Scores

    @cached_property
    def folds(self) -> tuple[int, ...]:
        """The folds that there are, sorted."""
        return tuple(np.unique(self.pairs.folds).tolist())

    def select(self, rows: NDArray[np.bool_]) -> ScoredPairs:
        """Returns the chosen pairs."""
        return ScoredPairs(
            pairs=self.pairs.select(rows), whole=self.whole[rows], ways=self.ways[:, rows]
        )


def score_both_ways(pairs: Pairs, score: ScorePairs, found: NDArray[np.int8]) -> ScoredPairs:
    """Scores pairs in both directions.

    Args:
        pairs: of one table.
        score: is never called with a row whose face was not found.
        found: int8 [N], FaceTable.found.
    """
    whole = (found[pairs.first] != NOT_FOUND) & (found[pairs.second] != NOT_FOUND)
    ways = np.full((2, len(pairs.same)), np.nan)
    first, second = pairs.first[whole], pairs.second[whole]
    ways[0, whole] = score(first, second)
    ways[1, whole] = score(second, first)
    return ScoredPairs(pairs=pairs, whole=whole, ways=ways)


def evaluate(
    scored: ScoredPairs,
    people: Rows,
    *,
    test_folds: Sequence[int],
    tuning_folds: Sequence[int] | None,
    threshold: float | None,
    resamples: int = RESAMPLES,
) -> Evaluation:
    """Evaluates scores of pairs.

    Args:
        scored: pairs of all folds named.
        people: int [N], who each row of the table shows.
        test_folds: where everything is measured.
        tuning_folds: where the threshold for `accuracy` is chosen, disjoint from test_folds. None:
            for each test fold the other test folds, or `threshold` where there is no other.
        threshold: the checkpoint's own, for the two error rates; None: there is none.
        resamples: of the bootstrap.

    Returns:
        All measures, both directions.

    Raises:
        HvError: folds overlap, or one of the two sets lacks a kind of pair.
    """
    if set(test_folds) & set(tuning_folds or ()):
        raise HvError("a fold is both tuned and tested on", where=f"{tuning_folds}, {test_folds}")
    test = scored.select(np.isin(scored.pairs.folds, test_folds))
    tuned = [_tuned(scored, way, test_folds, tuning_folds, threshold) for way in (0, 1)]
    kept = test.select(test.whole)
    limits = [limit for own in tuned if own for limit in own.values()]
    lowest = min([*limits, float(np.nanmin(test.ways)), threshold or 0.0])
    every = np.where(test.whole, test.ways, lowest - 1.0)
    return Evaluation(
        missing=int((~test.whole).sum()),
        left_out=_directions(kept.pairs, kept.ways, people, tuned, threshold, resamples),
        rejected=_directions(test.pairs, every, people, tuned, threshold, resamples),
    )


def as_dict(evaluation: Evaluation) -> dict[str, object]:
    """The evaluation as plain data, for JSON."""
    return asdict(evaluation)


def _tuned(
    scored: ScoredPairs,
    way: int,
    test_folds: Sequence[int],
    tuning_folds: Sequence[int] | None,
    threshold: float | None,
) -> dict[int, float] | None:
    """For each test fold the threshold that is best on other folds; None: nothing to choose on."""
    chosen: dict[int, float] = {}
    for fold in test_folds:
        others = [other for other in test_folds if other != fold]
        learnt = others if tuning_folds is None else list(tuning_folds)
        if learnt:
            rows = np.isin(scored.pairs.folds, learnt) & scored.whole
            chosen[fold] = best_threshold(scored.ways[way, rows], scored.pairs.same[rows])
        elif threshold is not None:
            chosen[fold] = threshold
        else:
            return None
    return chosen


def _directions(
    pairs: Pairs,
    ways: Scores,
    people: Rows,
    tuned: Sequence[dict[int, float] | None],
    threshold: float | None,
    resamples: int,
) -> Directions:
    first, second, mean = measure(
        judged(pairs.first, pairs.second, pairs.same, people),
        list(ways),
        Figures(false_accept_rates=FALSE_ACCEPT_RATES, threshold=threshold),
        tuned=[_of_each_pair(pairs, limits) for limits in tuned],
        resamples=resamples,
    )
    return Directions(first_enrols=first, second_enrols=second, mean=mean)


def _of_each_pair(pairs: Pairs, limits: dict[int, float] | None) -> Scores | None:
    if limits is None:
        return None
    return np.array([limits[fold] for fold in pairs.folds.tolist()])
