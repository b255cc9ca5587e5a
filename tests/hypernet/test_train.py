"""The training loop on made faces, and the scores that judge it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from codegen.errors import HvError
from codegen.nets import Architecture, float_forward
from codegen.quantise import quantise
from codegen.reference import run
from hypernet.augment import Augmentation, training_images
from hypernet.backbone import shrink_chips
from hypernet.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from hypernet.data import FaceTable, Pairs
from hypernet.generator import FilmGenerator, LastLayerGenerator
from hypernet.optimiser import MovingAverage
from hypernet.plans import DistilPlan, GeneratePlan, Plan
from hypernet.results import measure_checkpoint, with_card
from hypernet.scores import float_scores, integer_scores
from hypernet.train import Step, train
from hypernet.verifier import to_real

STILL = Augmentation(
    scale=0,
    aspect=0,
    angle=0,
    shift=0,
    contrast=0,
    brightness=0,
    cast=0,
    grey=0,
    blur=0,
    cover=0,
)


@pytest.fixture
def table() -> FaceTable:
    """Twelve people of four photographs: smooth patterns, and embeddings to match."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(12), 4)
    patterns = rng.uniform(0, 255, (12, 4, 4, 3))[people] + rng.normal(0, 10, (48, 4, 4, 3))
    chips = patterns.clip(0, 255).astype(np.uint8).repeat(32, axis=1).repeat(32, axis=2)
    embeddings = rng.normal(0, 1, (12, 8))[people] + rng.normal(0, 0.1, (48, 8))
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(48)]),
        people=np.array([f"p{person:02d}" for person in people]),
        folds=np.where(people < 8, 1, 9).astype(np.int32),
        chips=chips,
        embeddings=embeddings.astype(np.float32),
        found=np.ones(48, np.int8),
    )


@pytest.fixture
def pairs(table: FaceTable) -> Pairs:
    first = np.arange(0, 47)
    second = np.where(first % 2 == 0, first + 1, (first + 9) % 48)
    keep = table.folds[first] == table.folds[second]
    same = table.people[first] == table.people[second]
    return Pairs(first=first, second=second, same=same, folds=table.folds[first]).select(keep)


@pytest.fixture
def plan() -> Plan:
    return Plan(
        name="made",
        train_folds=(1,),
        watch_folds=(9,),
        watch_every=10,
        distil=DistilPlan(steps=20, batch=16, warm_up_steps=4, average=0.8),
    )


def _train(
    table: FaceTable, pairs: Pairs, architecture: Architecture, plan: Plan
) -> tuple[Checkpoint, list[Step]]:
    told: list[Step] = []
    made = train(table, pairs, architecture, plan, encoder="stub", report=told.append)
    return made, told


def test_distillation_learns_and_tells(
    table: FaceTable, pairs: Pairs, tiny: Architecture, plan: Plan
) -> None:
    made, told = _train(table, pairs, tiny, plan)
    assert [step.step for step in told] == list(range(1, 21))
    assert [step.step for step in told if step.auc is not None] == [10, 20]
    assert np.mean([step.loss for step in told[-4:]]) < np.mean([step.loss for step in told[:4]])
    assert made.generator == "last-layer"
    assert made.encoder == "stub"
    assert len(made.card["curve"]) == 2
    assert set(made.ranges) == {"conv0", "conv1", "wide", "sum", "conv2", "features"}
    assert all(lo < hi for lo, hi in made.ranges.values())


def test_the_same_plan_gives_the_same_weights(
    table: FaceTable, pairs: Pairs, tiny: Architecture, plan: Plan
) -> None:
    short = dataclasses.replace(plan, distil=dataclasses.replace(plan.distil, steps=3))
    one, two = (_train(table, pairs, tiny, short)[0] for _ in range(2))
    assert one.threshold == two.threshold
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, two.tensors[name])


def test_generate_starts_from_a_distilled_checkpoint(
    table: FaceTable, pairs: Pairs, tiny: Architecture, plan: Plan
) -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    distilled, _ = _train(table, pairs, tiny, plan)
    full = dataclasses.replace(tiny, name="tiny-full", personal=("*",))
    stage = GeneratePlan(steps=3, people=3, clusters=2, reach=2)
    told: list[Step] = []
    made = train(
        table,
        pairs,
        full,
        dataclasses.replace(plan, generate=stage),
        encoder="stub",
        report=told.append,
        start=distilled,
    )
    assert {step.stage for step in told} == {"generate"}
    assert made.generator == "film"
    assert np.abs(made.tensors["film"]).max() > 0
    assert isinstance(made.build(), FilmGenerator)


def test_folds_that_are_not_learnt_from_do_not_matter(
    table: FaceTable, pairs: Pairs, tiny: Architecture, plan: Plan
) -> None:
    short = dataclasses.replace(plan, distil=dataclasses.replace(plan.distil, steps=2))
    other = dataclasses.replace(
        table, chips=np.where(table.folds[:, None, None, None] == 9, 255 - table.chips, table.chips)
    )
    one, two = (_train(own, pairs, tiny, short)[0] for own in (table, other))
    assert one.threshold == two.threshold
    assert one.ranges == two.ranges
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, two.tensors[name])


def test_too_few_photographs_are_an_error(
    table: FaceTable, pairs: Pairs, tiny: Architecture, plan: Plan
) -> None:
    with pytest.raises(HvError, match="photographs to learn from"):
        _train(table, pairs, tiny, dataclasses.replace(plan, train_folds=(3,)))


def test_a_diverging_training_stops(
    table: FaceTable, pairs: Pairs, tiny: Architecture, plan: Plan
) -> None:
    broken = dataclasses.replace(table, embeddings=table.embeddings * np.float32(np.nan))
    with pytest.raises(HvError, match="no longer finite"):
        _train(broken, pairs, tiny, plan)


def test_unmoved_training_images_are_the_crops(table: FaceTable, tiny: Architecture) -> None:
    rng = np.random.default_rng(5)
    chips = torch.from_numpy(rng.integers(0, 256, (16, 128, 128, 3), dtype=np.uint8))
    made = training_images(chips, STILL, 1 / 64, torch.Generator().manual_seed(0))
    plain = to_real(torch.from_numpy(shrink_chips(chips.numpy())), tiny)
    mirrored = plain.flip(2)
    distance = torch.minimum(
        (made - plain).abs().amax((1, 2, 3)), (made - mirrored).abs().amax((1, 2, 3))
    )
    assert distance.max() <= 0.5 / 64 + 1e-4  # the crop's rounding to a whole grey level


def test_training_images_stay_in_reach(table: FaceTable) -> None:
    images = training_images(
        torch.from_numpy(table.chips), Augmentation(), 1 / 64, torch.Generator().manual_seed(1)
    )
    assert images.shape == (48, 64, 64, 3)
    assert images.abs().max() < 4


def test_moving_average_follows() -> None:
    module = torch.nn.Linear(1, 1)
    average = MovingAverage(module, 0.5)
    start = module.weight.item()
    with torch.no_grad():
        module.weight.add_(1.0)
    average.update(module)
    assert average.module.weight.item() == pytest.approx(start + 1 - 2 / 11)


@pytest.mark.parametrize("personal", [("head.*", "decision.*"), ("conv2.*", "head.*"), ("*",)])
def test_scores_are_those_of_the_whole_network(
    personal: tuple[str, ...], table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    """Whatever is shared and cached: the same as running every pair's network alone."""
    architecture = dataclasses.replace(tiny_checkpoint.architecture, personal=personal)
    checkpoint = dataclasses.replace(tiny_checkpoint, architecture=architecture)
    generator = checkpoint.build()
    enrolled, streamed = np.array([0, 5, 0, 9]), np.array([3, 3, 7, 9])
    real = float_scores(generator, table)(enrolled, streamed)
    integer = integer_scores(generator, table, checkpoint.float_net)(enrolled, streamed)
    crops = shrink_chips(table.chips[streamed])
    for place, row in enumerate(enrolled):
        with torch.no_grad():
            theta = generator(generator.centre(torch.from_numpy(table.embeddings[row])))
            values = float_forward(
                architecture,
                theta,
                to_real(torch.from_numpy(crops[place : place + 1]), architecture),
            )
        weight = theta["head.weight"].norm()
        expected = float(values["decision"][0, 0] / weight)
        assert real[place] == pytest.approx(expected, abs=1e-5)
        net = quantise(checkpoint.float_net(theta))
        score, norm_squared, _ = run(net, crops[place : place + 1])["decision"][0]
        q_weight = np.linalg.norm(net.tensors()["head.weight"].astype(float))
        assert integer[place] == pytest.approx(score / np.sqrt(norm_squared) / q_weight)
        assert integer[place] == pytest.approx(expected, abs=0.1)


def test_integer_scores_accept_what_the_device_accepts(
    table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    generator = tiny_checkpoint.build()
    assert isinstance(generator, LastLayerGenerator)
    streamed = np.arange(48)
    scores = integer_scores(generator, table, tiny_checkpoint.float_net)(
        np.zeros(48, np.intp), streamed
    )
    checkpoint = dataclasses.replace(
        tiny_checkpoint, threshold=float(np.median(scores[scores > 0])) + 1e-4
    )
    with torch.no_grad():
        theta = generator(generator.centre(torch.from_numpy(table.embeddings[0])))
    decided = run(quantise(checkpoint.float_net(theta)), shrink_chips(table.chips))["decision"]
    np.testing.assert_array_equal(decided[:, 2] == 1, scores >= checkpoint.threshold)


def test_a_measured_checkpoint_carries_its_results(
    table: FaceTable, pairs: Pairs, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    result = measure_checkpoint(
        tiny_checkpoint, table, pairs, test_folds=[9], tuning_folds=[1], arithmetic="int8"
    )
    told = with_card(
        tiny_checkpoint,
        command="hvcodegen train",
        data="made",
        measured={"int8": result},
        tuning_folds=[1],
        test_folds=[9],
    )
    save_checkpoint(told, tmp_path)
    card = load_checkpoint(tmp_path / "tiny").card
    assert card["measured"]["int8"]["left_out"]["mean"]["auc"] == pytest.approx(
        result.left_out.mean.auc, abs=1e-5
    )
    assert card["command"] == "hvcodegen train"
    assert "liveness" in card["limits"]
