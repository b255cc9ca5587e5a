"""Which face of a photograph is taken, and what becomes of crops that were aligned before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from hypernet.backbone import FaceEncoder
from hypernet.data import (
    FOUND,
    FOUND_BY_TEMPLATE,
    NOT_FOUND,
    FaceTable,
    describe_photo,
    found_summary,
)
from hypernet.dlib_encoder import DlibEncoder
from hypernet.images import decode_image
from tests.face_files import picture

Stub = Callable[..., FaceEncoder]


def test_a_photograph_without_face_stays_in_the_table(stub: Stub) -> None:
    image = np.zeros((16, 16, 3), np.uint8)
    assert describe_photo(stub(), image).found == FOUND
    nothing = describe_photo(stub(widths=()), image)
    assert nothing.found == NOT_FOUND
    assert not nothing.chip.any()
    assert not nothing.embedding.any()


def test_the_most_central_face_is_taken(stub: Stub) -> None:
    """The stub's boxes begin at the corner: in a picture of 60 pixels one of 60 is central."""
    row = describe_photo(stub(widths=(10, 60, 200)), np.zeros((60, 60, 3), np.uint8))
    assert row.chip[0, 1].tolist() == [60, 60, 60]


@pytest.mark.parametrize(
    ("widths", "found"), [((), FOUND_BY_TEMPLATE), ((60,), FOUND_BY_TEMPLATE), ((224,), FOUND)]
)
def test_an_aligned_crop_always_has_its_face(
    widths: tuple[int, ...], found: int, stub: Stub
) -> None:
    """Looked for in a border of half a crop; a face in the corner is not the one meant."""
    assert describe_photo(stub(widths=widths), picture(1, size=112)).found == found


def test_the_template_is_where_dlib_sees_the_face(lfw: object) -> None:
    """dlib's own points, on a photograph aligned by its eyes and mouth to ArcFace's template.

    Its landmarks are from LFW's index here, found by another detector (MTCNN).
    """
    from PIL import Image

    photo = lfw.photo("AJ_Cook", 1)  # type: ignore[attr-defined]
    marks = np.array(
        [103.6 + 114.2j, 147.8 + 113.8j, 117.1 + 137.5j, 104.7 + 159.9j, 146.2 + 160.4j]
    )
    template = np.array(
        [
            38.2946 + 51.6963j,
            73.5318 + 51.5014j,
            56.0252 + 71.7366j,
            41.5493 + 92.3655j,
            70.7299 + 92.2041j,
        ]
    )
    turn, shift = np.polyfit(template, marks, 1)  # a similarity is a line in complex numbers
    crop = Image.fromarray(photo).transform(
        (112, 112),
        Image.Transform.AFFINE,
        (turn.real, -turn.imag, shift.real, turn.imag, turn.real, shift.imag),
        Image.Resampling.BICUBIC,
    )
    encoder = DlibEncoder()
    seen = encoder.embed(encoder.faces(photo)[0])
    placed = encoder.embed(encoder.aligned_face(np.asarray(crop)))
    off = encoder.embed(encoder.aligned_face(np.roll(np.asarray(crop), 25, axis=0)))
    assert np.linalg.norm(seen - placed) < 0.35, "dlib calls 0.6 the limit of one person"
    assert np.linalg.norm(seen - off) > np.linalg.norm(seen - placed) + 0.1


def test_a_chip_alone_is_described_nearly_as_its_photograph(portraits: dict[str, Path]) -> None:
    encoder = DlibEncoder()
    faces = {
        name: encoder.faces(decode_image(path.read_bytes(), where=name))[0]
        for name, path in portraits.items()
    }
    for name, face in faces.items():
        away = np.linalg.norm(encoder.describe_chip(face.chip) - encoder.embed(face))
        others = [
            np.linalg.norm(encoder.describe_chip(face.chip) - encoder.embed(other))
            for other_name, other in faces.items()
            if other_name[:4] != name[:4]
        ]
        assert away < 0.25, "dlib calls 0.6 the limit of one person"
        assert away < min(others) - 0.2


def test_what_was_found_is_told() -> None:
    found = np.array([FOUND] * 1200 + [FOUND_BY_TEMPLATE] * 30 + [NOT_FOUND], np.int8)
    column = np.zeros(len(found))
    table = FaceTable(
        files=column.astype(str),
        people=column.astype(str),
        folds=column.astype(np.int32),
        chips=np.zeros((len(found), 1), np.uint8),
        embeddings=np.zeros((len(found), 8), np.float32),
        found=found,
    )
    assert found_summary(table) == (
        "1,231 faces: 1,200 found, 30 placed by the crop's own alignment, 1 not found"
    )
