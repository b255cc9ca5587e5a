"""The training loop on made faces."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch

from codegen.errors import HvError
from codegen.nets import Architecture
from hypernet.checkpoint import Checkpoint
from hypernet.data import FaceTable, Pairs
from hypernet.training.config import Config, config_from
from hypernet.training.curve import Step
from hypernet.training.loop import train
from hypernet.training.optimiser import MovingAverage

DISTIL = {
    "objective": "distil",
    "steps": 20,
    "batch": 16,
    "warm_up_steps": 4,
    "average": 0.8,
}
MATRIX = {
    "objective": "matrix",
    "steps": 3,
    "people": 3,
    "clusters": 2,
    "reach": 2,
    "warm_up_steps": 1,
}


def _config(*stages: dict[str, Any], **keys: object) -> Config:
    given = {
        "name": "made",
        "architecture": "tiny",
        "train_folds": [1],
        "watch_folds": [9],
        "watch_every": 10,
        "stages": list(stages),
        **keys,
    }
    return config_from(given, "made")


def _train(
    table: FaceTable,
    pairs: Pairs,
    architecture: Architecture,
    config: Config,
    start: Checkpoint | None = None,
) -> tuple[Checkpoint, list[Step]]:
    told: list[Step] = []
    made = train(
        table, pairs, architecture, config, encoder="stub", report=told.append, start=start
    )
    return made, told


def _assert_same(one: Checkpoint, two: Checkpoint) -> None:
    assert one.threshold == two.threshold
    assert one.ranges == two.ranges
    for name, values in one.tensors.items():
        np.testing.assert_array_equal(values, two.tensors[name])


def test_distillation_learns_and_tells(table: FaceTable, pairs: Pairs, tiny: Architecture) -> None:
    made, told = _train(table, pairs, tiny, _config(DISTIL))
    assert [step.step for step in told] == list(range(1, 21))
    assert [step.step for step in told if step.auc is not None] == [10, 20]
    assert np.mean([step.loss for step in told[-4:]]) < np.mean([step.loss for step in told[:4]])
    assert made.generator == "two-views"
    assert made.encoder == "stub"
    assert len(made.card["curve"]) == 2
    assert set(made.ranges) == {"conv0", "conv1", "wide", "sum", "conv2", "features"}
    assert all(lo < hi for lo, hi in made.ranges.values())


def test_the_same_config_gives_the_same_weights(
    table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    short = _config({**DISTIL, "steps": 3}, MATRIX)
    one, two = (_train(table, pairs, tiny, short)[0] for _ in range(2))
    _assert_same(one, two)


@pytest.mark.parametrize(
    ("kind", "map_name"),
    [("film", "film"), ("low-rank", "left.conv1"), ("full", "emission")],
)
@pytest.mark.parametrize("personal", [("*",), ("conv1.*", "wide.*", "head.*")])
def test_matrix_starts_from_a_distilled_checkpoint(
    kind: str,
    map_name: str,
    personal: tuple[str, ...],
    table: FaceTable,
    pairs: Pairs,
    tiny: Architecture,
) -> None:
    distilled, _ = _train(table, pairs, tiny, _config({**DISTIL, "steps": 2}))
    full = dataclasses.replace(tiny, name="tiny-full", personal=personal)
    config = _config({**MATRIX, "generator": kind, "rank": 2, "hidden": 4})
    made, told = _train(table, pairs, full, config, start=distilled)
    assert {step.objective for step in told} == {"matrix"}
    assert made.generator == kind
    assert made.card["start"] == "made"
    assert np.abs(made.tensors[map_name]).max() > 0
    assert made.build().kind == kind


def test_a_checkpoint_of_another_body_is_refused(
    table: FaceTable, pairs: Pairs, tiny: Architecture, tiny_checkpoint: Checkpoint
) -> None:
    layers = tuple(
        dataclasses.replace(layer, op=dataclasses.replace(layer.op, channels=9))  # type: ignore[type-var]
        if layer.name == "conv2"
        else layer
        for layer in tiny.layers
    )
    other = dataclasses.replace(tiny, name="other", layers=layers)
    with pytest.raises(HvError, match="another body than other"):
        _train(table, pairs, other, _config(MATRIX), start=tiny_checkpoint)


def test_matrix_starts_from_random_weights(
    table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    made, told = _train(table, pairs, tiny, _config(MATRIX))
    assert made.card["start"] is None
    assert told[0].facts["people"] == 3
    assert told[0].facts["positives"] == pytest.approx(1 / 5)  # 6 images, each with 1 partner


def test_folds_that_are_not_learnt_from_do_not_matter(
    table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    short = _config({**DISTIL, "steps": 2})
    other = dataclasses.replace(
        table, chips=np.where(table.folds[:, None, None, None] == 9, 255 - table.chips, table.chips)
    )
    one, two = (_train(own, pairs, tiny, short)[0] for own in (table, other))
    _assert_same(one, two)


@pytest.mark.parametrize(
    ("stage", "what"),
    [({**DISTIL, "batch": 33}, "at least 33 needed"), ({**MATRIX, "people": 9}, "needs 9")],
)
def test_too_little_data_is_an_error(
    stage: dict[str, Any], what: str, table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    with pytest.raises(HvError, match=what):
        _train(table, pairs, tiny, _config(stage))


def test_no_photographs_are_an_error(table: FaceTable, pairs: Pairs, tiny: Architecture) -> None:
    with pytest.raises(HvError, match="no photographs"):
        _train(table, pairs, tiny, _config(DISTIL, train_folds=[3]))


def test_a_personal_kind_needs_a_personal_body(
    table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    with pytest.raises(HvError, match="nothing in the body of tiny is personal"):
        _train(table, pairs, tiny, _config({**MATRIX, "generator": "film"}))


def test_a_checkpoint_too_large_is_refused_before_training(
    table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    full = dataclasses.replace(tiny, personal=("*",))
    with pytest.raises(HvError, match="at most 8388608 are kept"):
        _train(table, pairs, full, _config({**MATRIX, "generator": "full", "hidden": 4096}))


def test_a_diverging_training_stops(table: FaceTable, pairs: Pairs, tiny: Architecture) -> None:
    broken = dataclasses.replace(table, embeddings=table.embeddings * np.float32(np.nan))
    with pytest.raises(HvError, match="no longer finite"):
        _train(broken, pairs, tiny, _config(DISTIL))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_lower_precision_learns_nearly_the_same(
    precision: str, table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    """On the processor; losses stay in float32, so they start nearly alike."""
    stage = {**DISTIL, "steps": 4}
    _, exact = _train(table, pairs, tiny, _config(stage))
    made, told = _train(table, pairs, tiny, _config(stage, precision=precision))
    losses = [[step.loss for step in steps] for steps in (told, exact)]
    assert losses[0] != losses[1]
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.02)
    assert all(values.dtype == np.float32 for values in made.tensors.values())


def test_a_quantised_stage_leaves_its_ranges(
    table: FaceTable, pairs: Pairs, tiny: Architecture
) -> None:
    late = {**DISTIL, "steps": 8, "qat": True, "qat_from": 7}
    plain, _ = _train(table, pairs, tiny, _config({**DISTIL, "steps": 8}))
    made, told = _train(table, pairs, tiny, _config(late))
    assert made.ranges != plain.ranges
    assert set(made.ranges) == set(plain.ranges)
    assert made.build().shared_body().keys() == plain.build().shared_body().keys()
    again, _ = _train(table, pairs, tiny, _config({**DISTIL, "steps": 2, "qat": True}), start=made)
    assert again.ranges != made.ranges
    assert abs(told[-1].loss - told[-3].loss) < 0.5  # integers do not throw it back


def test_moving_average_follows() -> None:
    module = torch.nn.Linear(1, 1)
    average = MovingAverage(module, 0.5)
    start = module.weight.item()
    with torch.no_grad():
        module.weight.add_(1.0)
    average.update(module, 1)
    assert average.module.weight.item() == pytest.approx(start + 1 - 2 / 11)
