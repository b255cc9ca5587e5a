"""What a face encoder (h_bb) offers, whichever network is behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

CHIP_PX = 128
"""Side of the aligned, square chip that is kept of a face, in pixels."""

Image = NDArray[np.uint8]
Embedding = NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Box:
    """A rectangle in pixels of the photograph; may reach over its edge.

    Attributes:
        left: first column.
        top: first row.
        width: columns.
        height: rows.
    """

    left: int
    top: int
    width: int
    height: int

    @property
    def centre(self) -> tuple[float, float]:
        """Column and row of the middle, in pixels."""
        return self.left + self.width / 2, self.top + self.height / 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Face:
    """One face found in a photograph, upright and cut out.

    Attributes:
        box: where the detector saw it.
        score: the detector's confidence; comparable within one encoder only.
        chip: uint8 [128, 128, 3], RGB, aligned; `crops.crop_chip` makes of it what f sees.
        encoder_chip: uint8 [S, S, 3], RGB, what the encoder's own network sees.
    """

    box: Box
    score: float
    chip: Image
    encoder_chip: Image


class FaceEncoder(Protocol):
    """Finds faces and describes them. dlib's today; an ONNX network can take its place."""

    @property
    def name(self) -> str:
        """Detector, alignment and network together; a checkpoint serves one of them only."""
        ...

    @property
    def dimensions(self) -> int:
        """Length D of an embedding."""
        ...

    def faces(self, image: Image, *, weak: bool = False) -> list[Face]:
        """Finds every face of a photograph, uint8 [H, W, 3] RGB; best score first.

        `weak` also takes what the detector is not sure of: for labelled collections only.
        """
        ...

    def aligned_face(self, image: Image) -> Face:
        """The face of a crop aligned to ArcFace's template, uint8 [112, 112, 3] RGB, unseen."""
        ...

    def embed(self, face: Face) -> Embedding:
        """Describes one face: float32 [D]. Costly, so it is asked for, not computed ahead."""
        ...

    def describe_chip(self, chip: Image) -> Embedding:
        """Describes a face of which only the chip, uint8 [128, 128, 3], is left: float32 [D]."""
        ...
