"""From one photograph to one row of the table: which face is taken, and what if none is seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hypernet.backbone import CHIP_PX, Embedding, Face, FaceEncoder, Image
from hypernet.data.table import FOUND, FOUND_BY_TEMPLATE, FOUND_WEAKLY, NOT_FOUND

ALIGNED_PX = 112
"""Photographs of exactly this side are crops that were aligned to ArcFace's template."""

_BORDER_PX = ALIGNED_PX // 2
"""Replicated around an aligned crop before the search: a face that fills it reaches over."""

_OFF_CENTRE_PX = 0.2 * ALIGNED_PX
"""A face whose box lies further off the crop's middle is not the one that was aligned."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FaceRow:
    """What a table keeps of one photograph.

    Attributes:
        chip: uint8 [128, 128, 3] RGB; zero where no face was found.
        embedding: float32 [D]; zero where no face was found.
        found: how, see `table.NOT_FOUND` and the others.
    """

    chip: Image
    embedding: Embedding
    found: int


def describe_photo(encoder: FaceEncoder, image: Image) -> FaceRow:
    """Takes the most central face: LFW centres the person a photograph is named after.

    Args:
        encoder: finds and describes faces.
        image: uint8 [H, W, 3] RGB.
    """
    if image.shape[:2] == (ALIGNED_PX, ALIGNED_PX):
        return _describe_aligned(encoder, image)
    for weak, kind in ((False, FOUND), (True, FOUND_WEAKLY)):
        faces = encoder.faces(image, weak=weak)
        if faces:
            face = min(faces, key=lambda face: sum(_off_centre(face, image)))
            return _row(encoder, face, kind)
    nothing = np.zeros((CHIP_PX, CHIP_PX, 3), np.uint8)
    return FaceRow(
        chip=nothing, embedding=np.zeros(encoder.dimensions, np.float32), found=NOT_FOUND
    )


def _describe_aligned(encoder: FaceEncoder, image: Image) -> FaceRow:
    """An aligned crop shows one face in its middle: if it is not seen, its place is known."""
    border = (_BORDER_PX, _BORDER_PX)
    padded = np.pad(image, (border, border, (0, 0)), mode="edge")
    central = [
        face for face in encoder.faces(padded) if max(_off_centre(face, padded)) <= _OFF_CENTRE_PX
    ]
    if central:
        return _row(encoder, central[0], FOUND)
    return _row(encoder, encoder.aligned_face(image), FOUND_BY_TEMPLATE)


def _off_centre(face: Face, image: Image) -> tuple[float, float]:
    """How far a face's box lies off the middle: columns and rows, in pixels."""
    height, width = image.shape[:2]
    column, row = face.box.centre
    return abs(column - width / 2), abs(row - height / 2)


def _row(encoder: FaceEncoder, face: Face, kind: int) -> FaceRow:
    return FaceRow(chip=face.chip, embedding=encoder.embed(face), found=kind)
