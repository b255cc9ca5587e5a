"""Pair protocols: both directions, thresholds from other folds, faces that were not found."""

from __future__ import annotations

import numpy as np
import pytest

from codegen.errors import HvError
from hypernet.data import Pairs
from hypernet.evaluation import Evaluation, ScorePairs, evaluate, score_both_ways

PEOPLE = np.arange(24) // 2  # row 2k and 2k + 1 would be one person; impostors differ in folds
RESAMPLES = 20


@pytest.fixture
def pairs() -> Pairs:
    """Two folds of six pairs of rows 0..11 and 12..23."""
    first = np.arange(0, 24, 2)
    return Pairs(
        first=first,
        second=first + 1,
        same=np.tile([True, False], 6),
        folds=np.repeat(np.array([1, 2], np.int32), 6),
    )


def _evaluate(
    pairs: Pairs,
    score: ScorePairs,
    found: np.ndarray | None = None,
    *,
    test_folds: tuple[int, ...] = (2,),
    tuning_folds: tuple[int, ...] | None = (1,),
    threshold: float | None = 0.5,
) -> Evaluation:
    found = np.ones(24, np.int8) if found is None else found
    return evaluate(
        score_both_ways(pairs, score, found),
        PEOPLE,
        test_folds=test_folds,
        tuning_folds=tuning_folds,
        threshold=threshold,
        resamples=RESAMPLES,
    )


def _right(enrolled: np.ndarray, streamed: np.ndarray) -> np.ndarray:
    return np.where(np.minimum(enrolled, streamed) % 4 == 0, 0.9, 0.1)


def test_missing_faces_are_counted_both_ways(pairs: Pairs) -> None:
    found = np.ones(24, np.int8)
    found[[12, 15]] = 0  # a pair of one person (row 6) and a pair of two (row 7)

    def score(enrolled: np.ndarray, streamed: np.ndarray) -> np.ndarray:
        assert found[enrolled].all()
        assert found[streamed].all()
        return _right(enrolled, streamed)

    result = _evaluate(pairs, score, found)
    assert result.missing == 2
    assert result.left_out.mean.pairs == 4
    assert result.left_out.mean.accuracy == 1
    assert result.left_out.mean.false_reject_rate == 0
    assert result.rejected.mean.pairs == 6
    assert result.rejected.mean.false_reject_rate == pytest.approx(1 / 3)
    assert result.rejected.mean.false_accept_rate == 0
    assert result.rejected.mean.accuracy == pytest.approx(5 / 6)


def test_both_directions_are_measured(pairs: Pairs) -> None:
    def score(enrolled: np.ndarray, streamed: np.ndarray) -> np.ndarray:
        right = _right(enrolled, streamed)
        return np.where(enrolled < streamed, right, 1 - right)

    result = _evaluate(pairs, score)
    assert result.left_out.first_enrols.auc == 1
    assert result.left_out.second_enrols.auc == 0
    assert result.left_out.mean.auc == 0.5


def test_the_threshold_is_never_from_the_fold_itself(pairs: Pairs) -> None:
    """Fold 2's scores lie 10 higher: each fold's threshold is wrong for the other."""

    def shifted(enrolled: np.ndarray, streamed: np.ndarray) -> np.ndarray:
        return _right(enrolled, streamed) + 10 * (enrolled >= 12)

    result = _evaluate(pairs, shifted, test_folds=(1, 2), tuning_folds=None)
    assert result.left_out.mean.accuracy == 0.5
    same = _evaluate(pairs, _right, test_folds=(1, 2), tuning_folds=None)
    assert same.left_out.mean.accuracy == 1


def test_one_fold_alone_takes_the_threshold_that_there_is(pairs: Pairs) -> None:
    alone = _evaluate(pairs, _right, tuning_folds=None, threshold=0.95)
    assert alone.left_out.mean.accuracy == 0.5
    without = _evaluate(pairs, _right, tuning_folds=None, threshold=None)
    assert without.left_out.mean.accuracy is None
    assert without.left_out.mean.false_accept_rate is None


def test_a_fold_is_not_tuned_and_tested_on(pairs: Pairs) -> None:
    with pytest.raises(HvError, match="both tuned and tested"):
        _evaluate(pairs, _right, test_folds=(1,), tuning_folds=(1, 2))


def test_a_rate_is_refused_on_so_few_pairs(pairs: Pairs) -> None:
    for entry in _evaluate(pairs, _right).left_out.mean.tar_at_far:
        assert entry.tar is None
        assert entry.reason is not None
        assert f"{entry.needed:,} are needed" in entry.reason
