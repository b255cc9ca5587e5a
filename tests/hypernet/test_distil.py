"""The distillation's targets."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from codegen.nets import Architecture
from hypernet.data import FaceTable
from hypernet.generators import EmbeddingSpace
from hypernet.training.augment import Augmentation
from hypernet.training.distributed import ALONE
from hypernet.training.objectives.base import Learnt
from hypernet.training.objectives.distil import Distillation, DistilSettings, with_consensus


@given(seed=st.integers(0, 10**6), weight=st.floats(0, 8))
def test_consensus_equals_a_slow_reference(seed: int, weight: float) -> None:
    rng = np.random.default_rng(seed)
    person = np.concatenate([np.arange(4), rng.integers(0, 4, 7)])
    directions = rng.normal(0, 1, (11, 5))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    expected = []
    for row, who in zip(directions, person, strict=True):
        target = row + weight * directions[person == who].mean(axis=0)
        expected.append(target / np.linalg.norm(target))
    made = with_consensus(torch.from_numpy(directions), torch.from_numpy(person), weight)
    np.testing.assert_allclose(made.numpy(), expected, atol=1e-12)


def test_people_with_one_photograph_keep_their_direction() -> None:
    directions = F.normalize(torch.randn(6, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    torch.testing.assert_close(with_consensus(directions, torch.arange(6), 3.0), directions)


def test_composites_are_learnt_from_and_the_space_is_the_photographs(
    table: FaceTable, tiny: Architecture
) -> None:
    """Two halves of a table: its second one in the place of composites."""
    half = np.arange(len(table.files)) < len(table.files) // 2
    photographs, composites = table.select(half), table.select(~half)
    composites.embeddings[:] += 3
    learnt = Learnt(
        table=photographs,
        composites=composites,
        architecture=tiny,
        seed=3,
        augmentation=Augmentation(),
        processes=ALONE,
        device=torch.device("cpu"),
        precision=torch.float32,
    )
    whole = DistilSettings(objective="distil", batch=len(table.files))
    task = Distillation(whole, learnt, None)
    space = EmbeddingSpace.fitted(torch.from_numpy(photographs.embeddings), whole.whitening)
    generator = task.generator(task.module)
    torch.testing.assert_close(generator.mean, space.mean)
    alone = Distillation(
        dataclasses.replace(whole, batch=len(photographs.files)),
        dataclasses.replace(learnt, composites=None),
        None,
    )
    both = task.outcome(1, quantised=False).facts["people"]
    assert both > alone.outcome(1, quantised=False).facts["people"]
