"""The ablation's rows: each can be trained, fits a checkpoint, and differs from every other."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest

from hypernet.architectures import load_architecture
from hypernet.checkpoint import MAX_BYTES
from hypernet.training.config import Config, load_config
from hypernet.verifier import head_layer
from tests.bench.ablation import ROWS, Row
from tests.bench.pareto import TRAINED


def _config(row: Row) -> Config:
    return load_config(row.config, row.changes)


def test_no_two_rows_are_the_same_training() -> None:
    for one, other in itertools.combinations(ROWS, 2):
        assert one.name != other.name
        same = dataclasses.replace(_config(one), name="") == dataclasses.replace(
            _config(other), name=""
        )
        assert not same or one.start != other.start, f"{one.name} is {other.name}"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_last_layer_fits_a_checkpoint(row: Row) -> None:
    """A checkpoint holds 3,240 bytes for each feature: P, the own view's axes, the cohort."""
    architecture = load_architecture(_config(row).architecture)
    (shape,) = architecture.input_shapes(head_layer(architecture))
    assert 3_240 * math.prod(shape) < MAX_BYTES


def test_a_row_starts_from_one_before_it_and_the_pareto_front_from_some() -> None:
    names = [row.name for row in ROWS]
    for place, row in enumerate(ROWS):
        assert row.start is None or row.start in names[:place]
    assert set(TRAINED.values()) <= set(names)
