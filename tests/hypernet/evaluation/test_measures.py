"""The measures against scikit-learn and against counting."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.errors import HvError
from hypernet.evaluation import (
    best_threshold,
    equal_error_rate,
    needed_impostors,
    rank,
    roc_auc,
    roc_points,
    threshold_at,
    true_accept_rate,
)
from hypernet.evaluation.measures import (
    every_pair_once,
    weigh,
    weighted_auc,
    weighted_eer,
    weighted_errors,
    weighted_tar,
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


def test_pairs_of_one_kind_are_refused() -> None:
    with pytest.raises(HvError, match="all of one kind"):
        roc_auc(np.array([0.1, 0.2]), np.array([True, True]))


def test_scores_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(HvError, match="1 scores are no numbers"):
        rank(np.array([0.1, np.nan]), np.array([True, False]))


@given(scored, st.sampled_from([0.0, 0.01, 0.1, 0.29, 0.5, 1.0]))
def test_tar_is_the_best_on_the_roc_curve_of_scikit_learn(
    rows: list[tuple[int, bool]], rate: float
) -> None:
    scores, same = _columns(rows)
    accepts, finds, _ = metrics.roc_curve(same, scores, drop_intermediate=False)
    best = finds[accepts <= rate + 1e-9].max()
    assert true_accept_rate(scores, same, false_accept_rate=rate) == pytest.approx(best)


@given(scored)
def test_roc_points_are_those_of_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    scores, same = _columns(rows)
    accepts, finds, _ = metrics.roc_curve(same, scores, drop_intermediate=False)
    own = roc_points(rank(scores, same))
    np.testing.assert_allclose(own, (accepts, finds))


@given(scored, st.data())
def test_weights_count_pairs_several_times(
    rows: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """Weighted measures equal the plain ones of repeated pairs, and scikit-learn's."""
    scores, same = _columns(rows)
    times = np.array(
        data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows))), np.int16
    )
    if not times[same].sum() or not times[~same].sum():
        times[:] = 2
    ranked = rank(scores, same)
    weights = weigh(times[ranked.genuine_order], times[ranked.impostor_order])
    again = rank(np.repeat(scores, times), np.repeat(same, times))
    once = every_pair_once(again)
    assert weighted_auc(ranked, weights) == pytest.approx(weighted_auc(again, once))
    assert weighted_auc(ranked, weights) == pytest.approx(
        metrics.roc_auc_score(same, scores, sample_weight=times)
    )
    for rate in (0.0, 0.1, 0.5):
        assert weighted_tar(ranked, weights, false_accept_rate=rate) == pytest.approx(
            weighted_tar(again, once, false_accept_rate=rate)
        )
    for threshold in (-0.5, 0.0, 0.3):
        assert weighted_errors(ranked, weights, threshold=threshold) == pytest.approx(
            weighted_errors(again, once, threshold=threshold)
        )
    if times.all():  # else a score of weight 0 is a threshold of one and not of the other
        assert weighted_eer(ranked, weights) == pytest.approx(weighted_eer(again, once))


@given(scored)
def test_only_the_order_of_scores_counts(rows: list[tuple[int, bool]]) -> None:
    scores, same = _columns(rows)
    bent = np.exp(3 * scores) - 7
    for measured in (
        roc_auc,
        equal_error_rate,
        lambda s, k: true_accept_rate(s, k, false_accept_rate=0.1),
    ):
        assert measured(bent, same) == pytest.approx(measured(scores, same))


@given(scored)
def test_swapping_the_kinds_and_the_sign_changes_no_area(rows: list[tuple[int, bool]]) -> None:
    scores, same = _columns(rows)
    assert roc_auc(-scores, ~same) == pytest.approx(roc_auc(scores, same))
    assert roc_auc(scores, ~same) == pytest.approx(1 - roc_auc(scores, same))


@pytest.mark.parametrize(
    ("rate", "needed"), [(1e-1, 30), (1e-2, 300), (1e-3, 3000), (1e-4, 30_000), (0.07, 43)]
)
def test_rule_of_three(rate: float, needed: int) -> None:
    assert needed_impostors(rate) == needed


def test_errors_at_a_threshold_are_counted() -> None:
    scores, same = np.array([0.1, 0.5, 0.5, 0.9]), np.array([False, False, True, True])
    ranked = rank(scores, same)
    assert weighted_errors(ranked, every_pair_once(ranked), threshold=0.5) == (0.5, 0.0)
    assert weighted_errors(ranked, every_pair_once(ranked), threshold=0.6) == (0.0, 0.5)
