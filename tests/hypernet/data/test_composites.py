"""Faces of nobody: what they are made of, and that they are the same each time."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import HvError
from hypernet.data import FOUND, FaceTable
from hypernet.data.composites import Composer, compose_faces
from tests.face_files import CornerEncoder

COUNT = 40


@pytest.fixture
def faces() -> FaceTable:
    """Six people of two photographs: their chips are plain, their own grey level each."""
    rng = np.random.default_rng(3)
    people = np.repeat(np.arange(6), 2)
    levels = 20 + 35 * people
    chips = np.broadcast_to(levels[:, None, None, None], (12, 128, 128, 3)).astype(np.uint8)
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(12)]),
        people=np.array([f"p{person}" for person in people]),
        folds=np.ones(12, np.int32),
        chips=chips + rng.integers(0, 9, chips.shape, dtype=np.uint8),
        embeddings=rng.normal(0, 1, (12, 3)).astype(np.float32),
        found=np.full(12, FOUND, np.int8),
    )


def _composed(faces: FaceTable, folder: Path, **changed: object) -> FaceTable:
    settings = {"seed": 0, "encoder": CornerEncoder, "cache": folder / "composites", **changed}
    return compose_faces(faces, COUNT, **settings)  # type: ignore[arg-type]


def test_a_composite_is_described_as_it_is(faces: FaceTable, tmp_path: Path) -> None:
    made = _composed(faces, tmp_path)
    assert len(made.files) == COUNT
    assert len(np.unique(made.people)) == COUNT
    assert not np.isin(made.people, faces.people).any()
    encoder = CornerEncoder()
    for chip, embedding in zip(made.chips, made.embeddings, strict=True):
        np.testing.assert_array_equal(embedding, encoder.describe_chip(chip))


def test_number_so_and_so_is_the_same_for_everybody(faces: FaceTable, tmp_path: Path) -> None:
    one = _composed(faces, tmp_path / "one")
    two = _composed(faces, tmp_path / "two", workers=2)
    np.testing.assert_array_equal(one.chips, two.chips)
    other = _composed(faces, tmp_path / "other", seed=1)
    assert not np.array_equal(one.chips, other.chips)


def test_two_people_are_in_it(faces: FaceTable) -> None:
    """With the second's pattern of rows, each composite holds something of both."""
    composer = Composer(chips=faces.chips, people=faces.person_numbers(), seed=0)
    striped = faces.chips.copy()
    striped[:, ::2] += 40
    both = dataclasses.replace(composer, chips=striped)
    for row in range(COUNT):
        one, other = composer._two_people(np.random.default_rng([0, row]))
        assert composer.people[one] != composer.people[other]
        only = striped.copy()
        only[faces.person_numbers() == composer.people[other]] = 128
        without = dataclasses.replace(composer, chips=only).compose(row)
        assert not np.array_equal(both.compose(row), without)
        only = striped.copy()
        only[faces.person_numbers() == composer.people[one]] = 128
        without = dataclasses.replace(composer, chips=only).compose(row)
        assert not np.array_equal(both.compose(row), without)


def test_colours_are_those_of_the_first(faces: FaceTable) -> None:
    composer = Composer(chips=faces.chips, people=faces.person_numbers(), seed=0)
    for row in range(COUNT):
        one, _ = composer._two_people(np.random.default_rng([0, row]))
        difference = composer.compose(row).mean() - faces.chips[one].mean()
        assert abs(difference) < 2


def test_they_are_made_once(faces: FaceTable, tmp_path: Path) -> None:
    made = _composed(faces, tmp_path)

    def no_encoder() -> CornerEncoder:
        raise AssertionError("they were there already")

    again = _composed(faces, tmp_path, encoder=no_encoder)
    np.testing.assert_array_equal(made.chips, again.chips)


def test_one_person_makes_none(faces: FaceTable, tmp_path: Path) -> None:
    with pytest.raises(HvError, match="two people"):
        _composed(faces.select(np.arange(2)), tmp_path)


def test_tables_are_joined_row_by_row(faces: FaceTable, tmp_path: Path) -> None:
    made = _composed(faces, tmp_path)
    both = faces.joined(made)
    for field in (field for field in dataclasses.fields(FaceTable) if field.init):
        first, second = (getattr(table, field.name) for table in (faces, made))
        np.testing.assert_array_equal(getattr(both, field.name), np.concatenate([first, second]))
