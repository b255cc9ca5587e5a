"""The shipped recipe in short: the loss falls, and the AUC on unseen people rises."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hypernet.architectures import load_architecture
from hypernet.checkpoint import load_checkpoint, save_checkpoint
from hypernet.evaluation import roc_auc
from hypernet.scores import float_scores, integer_scores
from hypernet.training.config import load_config
from hypernet.training.curve import Step
from hypernet.training.loop import train
from tests.hypernet.drawn_faces import drawn_pairs, drawn_table

SHORT = [
    "stages.0.steps=120",
    "stages.0.batch=48",
    "stages.0.qat=true",
    "stages.0.qat_from=100",
    "stages.1.steps=12",
    "train_folds=[1]",
    "watch_every=30",
]


def test_the_smoke_config_learns(tmp_path: Path) -> None:
    table = drawn_table(people=120, photographs=4, dimensions=32, seed=1)
    pairs = drawn_pairs(table, seed=2)
    config = load_config("smoke", SHORT)
    told: list[Step] = []
    made = train(
        table,
        pairs,
        load_architecture(config.architecture),
        config,
        encoder="drawn",
        report=told.append,
    )
    distil = [step.loss for step in told if step.objective == "distil"]
    assert np.mean(distil[-20:]) < 0.75 * np.mean(distil[:20])
    aucs = [step.auc for step in told if step.auc is not None]
    assert aucs[0] < aucs[-1]
    assert aucs[-1] > 0.85

    save_checkpoint(made, tmp_path)
    checkpoint = load_checkpoint(tmp_path / "smoke")
    unseen = pairs.select(pairs.folds == 9)
    generator = checkpoint.build()
    for score in (
        float_scores(generator, table),
        integer_scores(generator, table, checkpoint.float_net),
    ):
        assert roc_auc(score(unseen.first, unseen.second), unseen.same) > 0.85
