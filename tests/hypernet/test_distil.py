"""The distillation's targets."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from hypernet.training.objectives.distil import with_consensus


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
