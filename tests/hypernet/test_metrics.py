"""The measures against scikit-learn and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.errors import HvError
from hypernet.data import Pairs
from hypernet.evaluate import (
    best_threshold,
    equal_error_rate,
    evaluate,
    roc_auc,
    threshold_at,
)

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

# few different values, so that ties are common
scored = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60).filter(
    lambda rows: len({same for _, same in rows}) == 2
)


def _columns(rows: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s / 4 for s, _ in rows]), np.array([same for _, same in rows])


@given(scored)
def test_auc_is_that_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, same = _columns(rows)
    assert roc_auc(scores, same) == pytest.approx(metrics.roc_auc_score(same, scores))


@given(scored)
def test_eer_lies_on_the_roc_curve_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, same = _columns(rows)
    accepts, finds, _ = metrics.roc_curve(same, scores, drop_intermediate=False)
    gap = np.abs(accepts - (1 - finds))[1:]  # the first point refuses everybody
    rates = ((accepts + 1 - finds) / 2)[1:]
    closest = rates[np.isclose(gap, gap.min())]
    assert np.isclose(closest, equal_error_rate(scores, same)).any()


@given(scored)
def test_no_threshold_beats_the_best_one(rows: list[tuple[int, bool]]) -> None:
    scores, same = _columns(rows)
    right = np.mean((scores >= best_threshold(scores, same)) == same)
    others = [scores.min() - 1, *(np.unique(scores) + 1e-9), *np.unique(scores)]
    assert right >= max(np.mean((scores >= other) == same) for other in others) - 1e-12


@given(scored, st.sampled_from([0.0, 0.01, 0.1, 0.3, 1.0]))
def test_threshold_keeps_the_false_accept_rate(rows: list[tuple[int, bool]], rate: float) -> None:
    scores, same = _columns(rows)
    threshold = threshold_at(scores, same, false_accept_rate=rate)
    assert np.mean(scores[~same] >= threshold) <= rate


def test_threshold_is_the_lowest_that_keeps_the_rate() -> None:
    scores = np.arange(200) / 200
    same = np.zeros(200, bool)
    same[-10:] = True
    threshold = threshold_at(scores, same, false_accept_rate=0.1)
    assert np.sum(scores[~same] >= threshold) == 19


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


def test_missing_faces_are_counted_both_ways(pairs: Pairs) -> None:
    found = np.ones(24, np.int8)
    found[[12, 15]] = 0  # a pair of one person (row 6) and a pair of two (row 7)

    def score(enrolled: np.ndarray, streamed: np.ndarray) -> np.ndarray:
        assert found[enrolled].all()
        assert found[streamed].all()
        low = np.minimum(enrolled, streamed)
        return np.where(low % 4 == 0, 0.9, 0.1)

    result = evaluate(pairs, score, found, test_folds=[2], tuning_folds=[1], threshold=0.5)
    assert result.missing == 2
    assert result.left_out.mean.pairs == 4
    assert result.left_out.mean.accuracy == 1
    assert result.left_out.mean.false_reject_rate == 0
    assert result.rejected.mean.pairs == 6
    assert result.rejected.mean.false_reject_rate == pytest.approx(1 / 3)
    assert result.rejected.mean.false_accept_rate == 0
    assert result.rejected.mean.accuracy == pytest.approx(5 / 6)


def test_both_directions_are_measured(pairs: Pairs) -> None:
    found = np.ones(24, np.int8)

    def score(enrolled: np.ndarray, streamed: np.ndarray) -> np.ndarray:
        right = np.where(np.minimum(enrolled, streamed) % 4 == 0, 0.9, 0.1)
        return np.where(enrolled < streamed, right, 1 - right)

    result = evaluate(pairs, score, found, test_folds=[2], tuning_folds=[1], threshold=0.5)
    assert result.left_out.first_enrols.auc == 1
    assert result.left_out.second_enrols.auc == 0
    assert result.left_out.mean.auc == 0.5


def test_a_fold_is_not_tuned_and_tested_on(pairs: Pairs) -> None:
    with pytest.raises(HvError, match="both tuned and tested"):
        evaluate(
            pairs,
            lambda a, b: np.zeros(len(a)),
            np.ones(24, np.int8),
            test_folds=[1],
            tuning_folds=[1, 2],
            threshold=0.5,
        )


def test_pairs_of_one_kind_are_refused() -> None:
    with pytest.raises(HvError, match="all of one kind"):
        roc_auc(np.array([0.1, 0.2]), np.array([True, True]))
