"""Everybody against everybody: which pairs count, and the draw where there are too many."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernet.evaluation import embedding_scores, evaluate_everybody, everybody

crowds = st.lists(st.integers(0, 4), min_size=2, max_size=14).filter(lambda p: len(set(p)) > 1)


@given(crowds)
def test_every_ordered_pair_once(people: list[int]) -> None:
    who = np.array(people)
    rows = np.arange(1, len(who))  # row 0 does not take part
    if len(rows) < 2:
        return
    pairs = everybody(rows, who)
    found = list(zip(pairs.first.tolist(), pairs.second.tolist(), strict=True))
    assert sorted(found) == sorted(itertools.permutations(rows.tolist(), 2))
    assert (pairs.same == (who[pairs.first] == who[pairs.second])).all()
    assert pairs.impostors_left_out == 0


@given(crowds, st.integers(1, 20), st.integers(0, 3))
def test_a_draw_keeps_all_genuine_pairs(people: list[int], limit: int, seed: int) -> None:
    who = np.array(people)
    rows = np.arange(len(who))
    whole, drawn = everybody(rows, who), everybody(rows, who, max_impostors=limit, seed=seed)
    impostors = int((~whole.same).sum())
    assert int((~drawn.same).sum()) == min(limit, impostors)
    assert drawn.same.sum() == whole.same.sum()
    assert drawn.impostors_left_out == max(impostors - limit, 0)
    assert (drawn.same == (who[drawn.first] == who[drawn.second])).all()
    codes = drawn.first * len(who) + drawn.second
    assert len(np.unique(codes)) == len(codes)


def test_every_impostor_pair_is_as_likely_to_be_drawn() -> None:
    who = np.array([0, 0, 0, 0, 1, 2])
    whole = everybody(np.arange(6), who)
    counts = np.zeros((6, 6))
    draws = 600
    for seed in range(draws):
        pairs = everybody(np.arange(6), who, max_impostors=6, seed=seed)
        counts[pairs.first[~pairs.same], pairs.second[~pairs.same]] += 1
    there = counts[whole.first[~whole.same], whole.second[~whole.same]] / draws
    share = 6 / len(there)
    assert abs(there - share).max() < 5 * np.sqrt(share * (1 - share) / draws)


def test_first_photographs() -> None:
    who = np.array([7, 3, 7, 3, 3, 9])
    pairs = everybody(np.array([1, 2, 3, 4, 5]), who)
    assert set(pairs.first[pairs.first_photographs()].tolist()) == {1, 2, 5}


def test_measured_with_rates_that_so_many_pairs_support() -> None:
    rng = np.random.default_rng(2)
    who = np.repeat(np.arange(30), 2)
    centres = rng.normal(size=(30, 8))
    embeddings = (centres[who] + 0.3 * rng.normal(size=(60, 8))).astype(np.float32)
    score = embedding_scores(embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True))
    pairs = everybody(np.arange(60), who)
    scores = score(pairs.first, pairs.second)
    result = evaluate_everybody(pairs, scores, threshold=0.7, resamples=20)
    every, first = result.every_photograph_enrols, result.first_photograph_enrols
    assert (result.photographs, result.people) == (60, 30)
    assert (every.pairs, every.genuine_pairs, every.impostor_pairs) == (3540, 30, 1740)
    assert (first.pairs, first.genuine_pairs, first.impostor_pairs) == (1770, 30, 1305)
    assert [entry.tar is None for entry in every.tar_at_far] == [False, True, True]
    accepted = (scores >= 0.7) & ~pairs.same
    assert every.false_accept_rate == pytest.approx(accepted.sum() / 3480)


def test_the_ceiling_is_the_cosine() -> None:
    directions = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    score = embedding_scores(directions)
    first, second = np.array([0, 1, 2]), np.array([3, 4, 2])
    expected = (directions[first] * directions[second]).sum(axis=1)
    np.testing.assert_allclose(score(first, second), expected, atol=1e-6)
    np.testing.assert_array_equal(score(first, second), score(second, first))
