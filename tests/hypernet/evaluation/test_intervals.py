"""Intervals: what they must cover, and what pairs that share people do to them."""

from __future__ import annotations

import numpy as np
import pytest

from hypernet.evaluation import Scores, judged, measure, rank, roc_auc, wilson
from hypernet.evaluation.intervals import (
    Figures,
    Interval,
    hull,
    percentile_interval,
    resample,
)
from hypernet.evaluation.summary import Judged

AUC_ONLY = Figures(false_accept_rates=(), threshold=None)


def test_wilson_is_that_of_the_textbook() -> None:
    """Newcombe, Statistics in Medicine 1998, table I, method 3."""
    for events, trials, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        found = wilson(events, trials)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_hull_holds_both() -> None:
    one, other = Interval(low=0.1, high=0.3), Interval(low=0.2, high=0.4)
    assert hull(one, other) == hull(other, one) == Interval(low=0.1, high=0.4)


def test_percentiles_leave_out_what_was_not_drawn() -> None:
    values = np.append(np.linspace(0, 1, 1001), np.nan)
    found = percentile_interval(values)
    assert (found.low, found.high) == pytest.approx((0.025, 0.975))


def _crowd(people: int, seed: int) -> tuple[Judged, Scores]:
    """Two photographs of everybody, all pairs; some people are easily taken for anybody."""
    rng = np.random.default_rng(seed)
    rows = 2 * people
    who = np.repeat(np.arange(people), 2)
    first, second = np.triu_indices(rows, 1)
    same = who[first] == who[second]
    ease = rng.normal(0, 1, people)
    noise = rng.normal(0, 0.5, len(first))
    scores = 2.5 * same + ease[who[first]] + ease[who[second]] + noise
    return judged(first, second, same, who), scores


def _auc(pairs: Judged, scores: Scores) -> float:
    return roc_auc(scores, pairs.same)


def _auc_interval(pairs: Judged, scores: Scores) -> Interval:
    drawn = resample(rank(scores, pairs.same), pairs.people, AUC_ONLY, resamples=100)
    return percentile_interval(drawn[:, 0])


def test_intervals_by_person_cover_the_truth() -> None:
    """Nominally 95 %. Of 40 people who differ as much as here it is a little less."""
    truth = np.mean([_auc(*_crowd(40, seed)) for seed in range(1000, 1300)])
    found = [_auc_interval(*_crowd(40, seed)) for seed in range(60)]
    assert np.mean([span.low <= truth <= span.high for span in found]) >= 0.82


def test_pairs_that_share_people_are_not_taken_for_independent() -> None:
    """Impostors whom one person lets in come in dozens: as single accidents they look rare."""
    pairs, scores = _crowd(40, 3)
    figures = Figures(false_accept_rates=(), threshold=2.0)
    result = measure(pairs, [scores], figures, tuned=[None], resamples=100)[0]
    assert result.false_accept_rate is not None
    single = wilson(round(result.false_accept_rate * pairs.impostor_pairs), pairs.impostor_pairs)
    found = result.intervals["false_accept_rate"]
    assert found.high - found.low > 2 * (single.high - single.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    pairs, scores = _crowd(10, 1)
    assert _auc_interval(pairs, scores) == _auc_interval(pairs, scores)


def test_no_error_in_few_pairs_is_not_certain() -> None:
    """Ten people, told apart perfectly: resampling alone would say 0.0 to 0.0."""
    pairs, _ = _crowd(10, 1)
    figures = Figures(false_accept_rates=(0.1,), threshold=0.5)
    result = measure(pairs, [pairs.same.astype(np.float64)], figures, tuned=[None])[0]
    assert result.eer == 0
    assert result.intervals["eer"].high > 0.1
    assert result.intervals["false_accept_rate"].high > 0.01
    tar = result.tar_at_far[0]
    assert tar.tar == 1
    assert tar.interval is not None
    assert tar.interval.low < 0.9


def test_a_rate_that_the_pairs_cannot_support_is_not_quoted() -> None:
    pairs, scores = _crowd(10, 1)  # 180 impostor pairs
    figures = Figures(false_accept_rates=(1 / 60, 1 / 61), threshold=None)
    supported, refused = measure(pairs, [scores], figures, tuned=[None])[0].tar_at_far
    assert supported.tar is not None
    assert supported.needed == 180
    assert (refused.tar, refused.interval, refused.needed) == (None, None, 183)
    assert refused.reason is not None
    assert "180 impostor pairs" in refused.reason
    assert "183 are needed" in refused.reason


def test_scoring_a_pair_both_ways_does_not_make_two_of_it() -> None:
    first, second = np.array([0, 1, 0, 2]), np.array([1, 0, 2, 0])
    same = np.array([True, True, False, False])
    both = judged(first, second, same, np.array([0, 0, 1]))
    assert (both.genuine_pairs, both.impostor_pairs) == (1, 1)


def test_the_mean_of_two_ways_lies_between_them() -> None:
    pairs, scores = _crowd(12, 2)
    noisy = scores + np.random.default_rng(0).normal(0, 2, len(scores))
    one, other, mean = measure(pairs, [scores, noisy], AUC_ONLY, tuned=[None, None])
    assert mean.auc == pytest.approx((one.auc + other.auc) / 2)
    span = mean.intervals["auc"]
    assert span.low <= mean.auc <= span.high
