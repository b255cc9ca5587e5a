"""Several photographs: the protocol, against its own definition in plain loops."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from codegen.errors import HvError
from hypernet.checkpoint import Checkpoint
from hypernet.data import FOUND, NOT_FOUND, FaceTable
from hypernet.evaluation import equal_error_rate
from hypernet.scores import integer_scores
from hypernet.several import Order, several_photographs
from tests.hypernet.conftest import DIMENSIONS


@pytest.fixture
def table() -> FaceTable:
    """Four people of 5 photographs, a fifth of 2, and one photograph without a face."""
    people = np.array([*np.repeat(["a", "b", "c", "d"], 5), "e", "e", "a"])
    rng = np.random.default_rng(3)
    found = np.full(23, FOUND, np.int8)
    found[-1] = NOT_FOUND
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(23)]),
        people=people,
        folds=np.full(23, 9, np.int32),
        chips=rng.integers(0, 256, (23, 128, 128, 3), dtype=np.uint8),
        embeddings=rng.normal(0, 1, (23, DIMENSIONS)).astype(np.float32),
        found=found,
    )


def test_verdicts_are_counted(table: FaceTable, tiny_checkpoint: Checkpoint) -> None:
    one, three, frames = several_photographs(
        table,
        tiny_checkpoint,
        [Order(photos=1), Order(photos=3), Order(photos=3, frames=2, repeats=1)],
    )
    assert (one.people, one.genuine, one.impostor) == (4, 4 * 3 * 4, 4 * 3 * 17)
    assert (three.people, three.genuine, three.impostor) == (4, 4 * 3 * 2, 4 * 3 * 17)
    # two draws of the enrolled person's two photographs; four of each other's, of e's as many as 2
    assert (frames.people, frames.genuine, frames.impostor) == (4, 4 * 2, 4 * (3 * 4 + 2))


def test_the_same_order_gives_the_same_result(
    table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    order = Order(photos=2, frames=2)
    assert several_photographs(table, tiny_checkpoint, [order]) == several_photographs(
        table, tiny_checkpoint, [order]
    )


def test_one_photograph_and_one_frame_are_pairs(
    table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    """With photographs of which each shows the same thing, it cannot matter which one enrols."""
    first = np.array([np.flatnonzero(table.people == person)[0] for person in table.people])
    same_each = dataclasses.replace(
        table, chips=table.chips[first], embeddings=table.embeddings[first]
    )
    result = several_photographs(same_each, tiny_checkpoint, [Order(photos=1)])[0]
    score = integer_scores(tiny_checkpoint.build(), same_each, tiny_checkpoint.float_net)
    rows = np.arange(22)  # the last one has no face
    scores, same = [], []
    for person in "abcd":
        row = np.flatnonzero(table.people == person)[0]
        shown = rows[rows != row]
        scores.append(score(np.full(len(shown), row), shown))
        same.append(table.people[shown] == person)
    expected = equal_error_rate(np.concatenate(scores), np.concatenate(same))
    assert result.eer == pytest.approx(expected, abs=1e-9)
    accepted = np.concatenate(scores) >= tiny_checkpoint.threshold
    truth = np.concatenate(same)
    assert result.false_accept_rate == pytest.approx(accepted[~truth].mean())
    assert result.false_reject_rate == pytest.approx((~accepted[truth]).mean())


@pytest.mark.parametrize(
    ("order", "message"),
    [
        (Order(photos=4, frames=2), "more than the 5"),
        (Order(photos=3, at_least=9), "0 people have 9"),
    ],
)
def test_orders_that_cannot_be_measured(
    order: Order, message: str, table: FaceTable, tiny_checkpoint: Checkpoint
) -> None:
    with pytest.raises(HvError, match=message):
        several_photographs(table, tiny_checkpoint, [order])
