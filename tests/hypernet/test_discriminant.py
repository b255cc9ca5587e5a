"""Last layers as discriminants: what varies within people, and the body's own view."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from hypernet.calibrate import with_cohort
from hypernet.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, state_of
from hypernet.data import FaceTable
from hypernet.discriminant import OwnView, own_view, whitening
from hypernet.evaluation import equal_error_rate
from hypernet.generators import LastLayerGenerator, TwoViewsGenerator
from hypernet.scores import enrolled_row, shared_features
from hypernet.verifier import to_real


def _noisy_people(seed: int, noise: np.ndarray) -> tuple[np.ndarray, ...]:
    """Features = direction + noise that is large along some axes; 8 photographs a person."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(40), 8).astype(np.intp)
    centres = rng.normal(0, 1, (40, 6))
    features = centres[people] + rng.normal(0, 1, (320, 6)) * noise
    directions = centres[people] / np.linalg.norm(centres[people], axis=1, keepdims=True)
    return directions.astype("f4"), features.astype("f4"), people


def test_whitening_turns_away_from_what_varies_within_people() -> None:
    noise = np.array([3.0, 3.0, 0.1, 0.1, 0.1, 0.1])
    _, features, people = _noisy_people(0, noise)
    start = np.eye(6, dtype=np.float32)
    made = whitening(features, start, people, 1.0)
    assert np.linalg.norm(made) == pytest.approx(np.linalg.norm(start), rel=1e-5)
    assert np.abs(made[:2, :2]).max() < 0.5 * np.diag(made)[2:].min()

    fresh, seen, who = _noisy_people(1, noise)
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    same = who[:, None] == who[None]

    def error(projection: np.ndarray) -> float:
        heads = fresh @ projection
        heads /= np.linalg.norm(heads, axis=1, keepdims=True)
        return equal_error_rate((heads @ unit.T).ravel(), same.ravel())

    assert error(made) < 0.8 * error(start)


def test_whitening_solves_with_the_covariance_of_scikit_learn() -> None:
    """The same discriminant as LDA's, up to our own shrinkage."""
    _, features, people = _noisy_people(0, np.array([3.0, 3.0, 0.1, 0.1, 0.1, 0.1]))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    lda = LinearDiscriminantAnalysis(solver="lsqr", store_covariance=True).fit(unit, people)
    within = lda.covariance_ * len(unit) / (len(unit) - len(np.unique(people)))
    made = whitening(features, np.eye(6, dtype=np.float32), people, 3.0)
    solved = np.linalg.inv(within + 3 * np.trace(within) / 6 * np.eye(6))
    expected = solved * np.linalg.norm(np.eye(6)) / np.linalg.norm(solved)
    np.testing.assert_allclose(made, expected, atol=1e-5)


def test_people_with_one_photograph_each_leave_the_projection() -> None:
    _, features, _ = _noisy_people(0, np.ones(6))
    start = np.eye(6, dtype=np.float32)
    assert whitening(features, start, np.arange(320, dtype=np.intp), 1.0) is start


def _biased_people(seed: int, photos: int = 8) -> tuple[np.ndarray, ...]:
    """Features that err by the same for every photograph of a person; e knows nothing of it."""
    world = np.random.default_rng(99).normal(0, 1, (6, 24))
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(60), photos).astype(np.intp)
    centres, habits = rng.normal(0, 1, (60, 6)), rng.normal(0, 1.5, (60, 24))
    features = centres[people] @ world + habits[people] + rng.normal(0, 2, (len(people), 24))
    directions = centres[people] / np.linalg.norm(centres[people], axis=1, keepdims=True)
    return directions.astype("f4"), features.astype("f4"), people, world.astype("f4")


def _error(heads: np.ndarray, unit: np.ndarray, people: np.ndarray) -> float:
    others = ~np.eye(len(people), dtype=bool)
    heads = heads / np.linalg.norm(heads, axis=1, keepdims=True)
    return equal_error_rate((heads @ unit.T)[others], (people[:, None] == people[None])[others])


def test_the_own_view_knows_what_the_body_always_gets_wrong() -> None:
    directions, features, people, world = _biased_people(0)
    view = own_view(directions, features, world, people, 0.5)
    assert view is not None
    np.testing.assert_allclose(view.axes @ view.axes.T, np.eye(len(view.axes)), atol=1e-5)

    fresh, seen, who, _ = _biased_people(1)
    unit = seen / np.linalg.norm(seen, axis=1, keepdims=True)
    own = (unit - view.mean) @ view.axes.T @ view.metric @ view.axes
    assert _error(fresh @ world + own, unit, who) < 0.8 * _error(fresh @ world, unit, who)


def test_the_share_is_that_of_the_scores_deviations() -> None:
    directions, features, people, world = _biased_people(0)
    view = own_view(directions, features, world, people, 0.3)
    assert view is not None
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    own = (unit - view.mean) @ view.axes.T @ view.metric @ view.axes
    deviations = [
        np.sqrt(np.var(heads @ unit.T, axis=1).mean()) for heads in (own, directions @ world)
    ]
    assert deviations[0] / deviations[1] == pytest.approx(0.3, rel=1e-3)


def test_no_share_is_no_own_view() -> None:
    directions, features, people, world = _biased_people(0)
    assert own_view(directions, features, world, people, 0.0) is None


def test_people_with_one_photograph_each_give_no_own_view() -> None:
    directions, features, _, world = _biased_people(0)
    people = np.arange(len(features), dtype=np.intp)
    assert own_view(directions, features, world, people, 0.3) is None


@pytest.fixture
def two_views(tiny_generator: LastLayerGenerator) -> TwoViewsGenerator:
    rng = np.random.default_rng(5)
    width = tiny_generator.projection.shape[1]
    own = OwnView(
        mean=rng.normal(0, 0.1, width).astype("f4"),
        axes=np.linalg.qr(rng.normal(0, 1, (width, 7)))[0].T.astype("f4"),
        metric=rng.normal(0, 1, (7, 7)).astype("f4"),
    )
    parts = tiny_generator
    return TwoViewsGenerator(
        parts.architecture, parts.shared_body(), parts.projection.detach(), parts.space(), own=own
    )


def test_the_last_layer_is_the_sum_of_both_views(
    two_views: TwoViewsGenerator, tiny_generator: LastLayerGenerator, table: FaceTable
) -> None:
    """Two photographs: their embeddings' directions and their own features are averaged."""
    features = shared_features(tiny_generator, table)[:2]
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    seen = unit.mean(axis=0) - two_views.own_mean.numpy()
    axes, metric = two_views.own_axes.numpy(), two_views.own_metric.numpy()
    embeddings = torch.from_numpy(table.embeddings[:2])
    images = to_real(
        torch.from_numpy(table.crops(two_views.architecture.image.shape)[:2]),
        two_views.architecture,
    )
    with torch.no_grad():
        encoder = tiny_generator.enrolled(embeddings, images)
        both = two_views.enrolled(embeddings, images)
    expected = encoder["head.weight"].numpy() + np.sqrt(2) * seen @ axes.T @ metric.T @ axes
    np.testing.assert_allclose(both["head.weight"].numpy(), expected, rtol=1e-4, atol=1e-5)
    assert np.abs(expected - encoder["head.weight"].numpy()).max() > 0.01
    assert all(torch.equal(both[name], encoder[name]) for name in both if name != "head.weight")


def test_both_views_are_kept_in_a_checkpoint(
    two_views: TwoViewsGenerator, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    checkpoint = dataclasses.replace(
        tiny_checkpoint, generator=two_views.kind, tensors=state_of(two_views)
    )
    built = load_checkpoint(save_checkpoint(checkpoint, tmp_path)).build()
    assert isinstance(built, TwoViewsGenerator)
    for name, tensor in two_views.state_dict().items():
        assert torch.equal(built.state_dict()[name], tensor), name


def test_a_cohort_covers_both_views(
    tiny_generator: LastLayerGenerator, table: FaceTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its moments are those of the scores, by brute force, though own views leave P's rows."""
    given = OwnView(
        mean=np.zeros(320, "f4"), axes=np.eye(320, dtype="f4")[:30], metric=np.eye(30, dtype="f4")
    )
    monkeypatch.setattr("hypernet.calibrate.own_view", lambda *_, **__: given)
    generator, cohort = with_cohort(tiny_generator, table, shrinkage=3.0, share=1.0)
    assert isinstance(generator, TwoViewsGenerator)
    features = shared_features(generator, table)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    with torch.no_grad():
        weight = enrolled_row(generator, table, 3)["head.weight"].numpy()[0]
    scores = unit @ weight / np.linalg.norm(weight)  # every person has as many photographs
    assert cohort.moments(weight) == pytest.approx((scores.mean(), scores.std()), rel=1e-3)
