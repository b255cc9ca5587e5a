"""Photographs on their way to the verifier: files, faces, crops."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.cli.common import progress, talk
from codegen.errors import HvError
from codegen.nets import Image
from hypernet.crops import Shape, crop_chip, with_channels

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})


@dataclass(frozen=True, kw_only=True)
class Crops:
    """What the verifier sees.

    Attributes:
        names: of the photographs the crops come from.
        images: uint8 [N, H, W, C].
        skipped: photographs without a usable face: (name, reason).
    """

    names: tuple[str, ...]
    images: np.ndarray
    skipped: tuple[tuple[str, str], ...]


def find_files(files: Sequence[Path], folder: Path | None) -> list[Path]:
    """The given files, and all images below the folder, sorted."""
    found = list(files)
    if folder is not None:
        inside = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
        if not inside:
            raise HvError(
                "there is no image in the folder",
                where=str(folder),
                hint=f"it is searched for {', '.join(sorted(SUFFIXES))}",
            )
        found += inside
    return found


def read_crops(files: Sequence[Path], image: Image, *, aligned: bool) -> Crops:
    """Reads photographs, finds the face of each, cuts it out.

    Args:
        files: the photographs.
        image: what the architecture takes.
        aligned: the files are crops of that size already.

    Raises:
        HvError: a file is no image or of the wrong size, or no photograph has a face.
    """
    from hypernet.images import load_image

    names, crops, skipped = [], [], []
    cut = aligned_crop if aligned else _face_cutter()
    for file in progress(files, "reading photographs"):
        try:
            crop = cut(load_image(file), image.shape)
        except _NoFace as reason:
            skipped.append((str(file), str(reason)))
            continue
        if crop.shape != image.shape:
            raise HvError(
                f"a crop of {crop.shape}, the network takes {image.shape}",
                where=str(file),
                hint="without --aligned the face is found and cut out",
            )
        names.append(str(file))
        crops.append(crop)
    for name, text in skipped:
        talk(f"skipped {name}: {text}")
    if not crops:
        raise HvError(
            "no photograph shows a face that can be used",
            where=", ".join(name for name, _ in skipped[:3]),
            hint="use photographs of a face seen from the front",
        )
    return Crops(names=tuple(names), images=np.stack(crops), skipped=tuple(skipped))


@functools.cache
def _cutter() -> _face_cutter:
    return _face_cutter()  # the detector takes a second to load


def face_crop(photo: np.ndarray, shape: Shape) -> np.ndarray | None:
    """The largest face of a photograph, cut out; None if there is none that can be used.

    Args:
        photo: uint8 [H, W, 3].
        shape: (H, W, C) of what the network takes.
    """
    try:
        return _cutter()(photo, shape)
    except _NoFace:
        return None


class _NoFace(Exception):
    """A photograph cannot be scored; the text says why."""


def aligned_crop(photo: np.ndarray, shape: Shape) -> np.ndarray:
    """A file that is a crop already: its grey where one channel is taken, else as it is."""
    return with_channels(photo, 1) if shape[2] == 1 else photo


class _face_cutter:  # noqa: N801 - used as a function that keeps its detector
    def __init__(self) -> None:
        from hypernet.dlib_encoder import DlibEncoder

        self._encoder = DlibEncoder()

    def __call__(self, photo: np.ndarray, shape: Shape) -> np.ndarray:
        faces = self._encoder.faces(photo)
        if not faces:
            raise _NoFace("no face found")
        return crop_chip(max(faces, key=lambda face: face.box.width).chip, shape)
