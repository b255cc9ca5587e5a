"""Cohort normalisation: the statistics, what they do to scores, and what the device decides."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen.errors import HvError
from codegen.nets import Architecture
from codegen.quantise import quantise
from codegen.reference import run
from hypernet.calibrate import with_cohort
from hypernet.checkpoint import Checkpoint, load_checkpoint, save_checkpoint, state_of
from hypernet.cohort import Cohort, cohort_of
from hypernet.data import FOUND, FaceTable
from hypernet.enrol import network_for
from hypernet.generators import LastLayerGenerator
from hypernet.scores import float_scores, integer_scores, shared_features
from tests.hypernet.conftest import DIMENSIONS, TINY

PHOTOS = 60
CROP = (64, 64, 3)


@pytest.fixture
def table() -> FaceTable:
    rng = np.random.default_rng(7)
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(PHOTOS)]),
        people=np.array([f"p{row // 3:02}" for row in range(PHOTOS)]),
        folds=np.ones(PHOTOS, np.int32),
        chips=rng.integers(0, 256, (PHOTOS, 128, 128, 3), dtype=np.uint8),
        embeddings=rng.normal(0, 1, (PHOTOS, DIMENSIONS)).astype(np.float32),
        found=np.full(PHOTOS, FOUND, np.int8),
    )


@pytest.fixture(params=["normalised", "plain"])
def checkpoint(
    request: pytest.FixtureRequest,
    table: FaceTable,
    tiny_checkpoint: Checkpoint,
    tiny_generator: LastLayerGenerator,
) -> Checkpoint:
    """The tiny checkpoint with a cohort, of either decision."""
    architecture = tiny_checkpoint.architecture
    if request.param == "plain":
        layers = [*TINY["layers"][:-1], {"name": "d", "op": "plain_decision", "inputs": ["head"]}]  # type: ignore[index]
        architecture = Architecture.from_json(
            {**TINY, "layers": layers, "personal": ["head.*", "d.*"]}
        )
        tiny_generator.architecture = architecture
    generator, cohort = with_cohort(tiny_generator, table, shrinkage=3.0, share=0.35)
    return dataclasses.replace(
        tiny_checkpoint,
        architecture=architecture,
        generator=generator.kind,
        tensors=state_of(generator),
        cohort=cohort,
        threshold=3.0,  # deviations: above 0 as a cosine, whoever is enrolled
    )


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    people=st.integers(2, 6),
    rows=st.integers(0, 6),
    normalised=st.booleans(),
)
def test_moments_are_those_of_the_scores_themselves(
    seed: int, people: int, rows: int, normalised: bool
) -> None:
    """Mean and deviation over all photographs, people weighing the same, by brute force."""
    rng = np.random.default_rng(seed)
    who = np.concatenate([np.arange(people), rng.integers(0, people, 9)]).astype(np.intp)
    features = rng.normal(0.3, 1, (len(who), 5)).astype(np.float32)
    weight = rng.normal(0, 1, 5).astype(np.float32)
    bias = 0.0 if normalised else 0.7
    scores = features.astype(np.float64) @ weight + bias
    if normalised:
        scores /= np.linalg.norm(features, axis=1) * np.linalg.norm(weight)
    votes = np.array([1 / np.sum(who == person) for person in who]) / people
    mean = np.sum(votes * scores)
    deviation = np.sqrt(np.sum(votes * (scores - mean) ** 2))
    projection = np.stack([weight, *rng.normal(0, 1, (rows, 5))]).astype(np.float32)
    cohort = cohort_of(features, who, projection, normalised=normalised)
    assert cohort.moments(weight, bias) == pytest.approx((mean, deviation), rel=1e-4, abs=1e-5)
    normal = cohort.normalise(scores, weight, bias)
    assert np.sum(votes * normal) == pytest.approx(0, abs=1e-4)
    assert np.sum(votes * normal**2) == pytest.approx(1, rel=1e-3)
    threshold = cohort.threshold(0.4, weight, bias)
    clear = np.abs(scores - threshold) > 1e-9
    np.testing.assert_array_equal((normal >= 0.4)[clear], (scores >= threshold)[clear])


def test_an_empty_head_is_refused() -> None:
    cohort = Cohort(mean=np.ones(3, np.float32), spread=np.eye(3, dtype="f4"), normalised=True)
    with pytest.raises(HvError, match="says the same of everybody"):
        cohort.moments(np.zeros(3))


def _photograph(table: FaceTable, row: int) -> tuple[np.ndarray, np.ndarray]:
    return table.embeddings[row : row + 1], table.crops(CROP)[row : row + 1]


def test_the_device_accepts_what_the_normalised_score_accepts(
    checkpoint: Checkpoint, table: FaceTable
) -> None:
    """A threshold amid the scores; none of them lies within the integer threshold's rounding."""
    generator, cohort = checkpoint.build(), checkpoint.cohort
    assert cohort is not None
    score = integer_scores(generator, table, checkpoint.float_net, checkpoint.comparable)
    tried = 0
    for person in range(PHOTOS):
        net = network_for(*_photograph(table, person), checkpoint)
        mean, _ = cohort.moments(net.tensors["head.weight"])
        if cohort.normalised and mean < 0.05:
            continue  # made-up photographs are alike: all of them score below 0 here
        scores = score(np.full(PHOTOS, person, np.intp), np.arange(PHOTOS))
        ranked = np.sort(scores)
        chosen = dataclasses.replace(checkpoint, threshold=float(ranked[29:31].mean()))
        net = network_for(*_photograph(table, person), chosen)
        accepted = run(quantise(net), table.crops(CROP))[net.arch.layers[-1].name][:, 2] == 1
        np.testing.assert_array_equal(accepted, scores >= chosen.threshold)
        assert accepted.sum() == PHOTOS / 2
        tried += 1
        if tried == 3:
            return
    pytest.fail(f"only {tried} people score above 0")


def test_float_and_integer_scores_agree(checkpoint: Checkpoint, table: FaceTable) -> None:
    generator = checkpoint.build()
    enrolled, streamed = np.repeat(np.arange(4), 5), np.tile(np.arange(5, 10), 4)
    real = float_scores(generator, table, checkpoint.comparable)(enrolled, streamed)
    integer = integer_scores(generator, table, checkpoint.float_net, checkpoint.comparable)(
        enrolled, streamed
    )
    plain = float_scores(generator, table)(enrolled, streamed)
    assert not np.allclose(real, plain, atol=0.05)
    np.testing.assert_allclose(integer, real, atol=0.6)  # deviations; a cosine's error is 0.1
    assert np.corrcoef(integer, real)[0, 1] > 0.97


def test_a_cohort_is_kept_with_the_weights(checkpoint: Checkpoint, tmp_path: Path) -> None:
    loaded = load_checkpoint(save_checkpoint(checkpoint, tmp_path))
    assert checkpoint.cohort is not None
    assert loaded.cohort is not None
    assert loaded.cohort.normalised == checkpoint.cohort.normalised
    np.testing.assert_array_equal(loaded.cohort.mean, checkpoint.cohort.mean)
    np.testing.assert_array_equal(loaded.cohort.spread, checkpoint.cohort.spread)
    assert sorted(loaded.tensors) == sorted(checkpoint.tensors)


def test_a_cohort_of_other_features_is_refused(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert checkpoint.cohort is not None
    other = dataclasses.replace(checkpoint.cohort, mean=np.zeros(3, np.float32))
    card = save_checkpoint(dataclasses.replace(checkpoint, cohort=other), tmp_path)
    with pytest.raises(HvError, match=r"cohort of shapes \(3,\)"):
        load_checkpoint(card)


def test_checkpoints_without_a_cohort_keep_their_threshold(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    card = save_checkpoint(tiny_checkpoint, tmp_path)
    card.write_text(card.read_text().replace('"format": 2', '"format": 1'))
    loaded = load_checkpoint(card)
    assert loaded.cohort is None
    crop = np.zeros((1, 64, 64, 3), np.uint8)
    net = network_for(np.ones((1, DIMENSIONS), np.float32), crop, loaded)
    assert net.threshold == tiny_checkpoint.threshold


def test_shared_features_are_the_bodys(
    table: FaceTable, tiny_generator: LastLayerGenerator
) -> None:
    features = shared_features(tiny_generator, table)
    theta = tiny_generator(torch.zeros(DIMENSIONS))
    from codegen.nets import float_forward
    from hypernet.verifier import to_real

    images = to_real(torch.from_numpy(table.crops(CROP)[:3]), tiny_generator.architecture)
    expected = float_forward(tiny_generator.architecture, theta, images)["features"]
    torch.testing.assert_close(torch.from_numpy(features[:3]), expected.detach())
