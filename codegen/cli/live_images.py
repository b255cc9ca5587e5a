"""Images one after the other: from files, a camera or a recording, cut out as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codegen.cli.photos import aligned_crop, face_crop, find_files
from codegen.errors import HvError, ProgramMissing
from host_tools.link.recording import Recording


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What is sent to a device next.

    Attributes:
        name: of the photograph, or the number of the camera's frame.
        image: uint8 [H, W, C], or None.
        reason: why there is no image.
    """

    name: str
    image: np.ndarray | None
    reason: str = ""


def from_folder(folder: Path, shape: tuple[int, int, int], *, aligned: bool) -> Iterator[Frame]:
    """All images below a folder, sorted."""
    from hypernet.images import load_image

    for file in find_files((), folder):
        yield _frame(file.name, load_image(file), shape, aligned=aligned, where=str(file))


def from_camera(number: int, shape: tuple[int, int, int]) -> Iterator[Frame]:
    """What a camera sees, until it ends.

    Raises:
        ProgramMissing: OpenCV is not installed.
        HvError: there is no such camera.
    """
    try:
        import cv2
    except ImportError as error:
        raise ProgramMissing(
            "OpenCV is not installed", where="--camera", hint="pip install 'hvcodegen[camera]'"
        ) from error
    camera = cv2.VideoCapture(number)
    try:
        if not camera.isOpened():
            raise HvError(f"there is no camera {number}", where="--camera")
        count = 0
        while True:
            seen, picture = camera.read()
            if not seen:
                return
            count += 1
            rgb = np.ascontiguousarray(picture[:, :, ::-1])  # OpenCV has blue first
            yield _frame(f"frame {count}", rgb, shape, aligned=False, where="--camera")
    finally:
        camera.release()


def from_recording(recording: Recording, shape: tuple[int, int, int]) -> Iterator[Frame]:
    """The images that were sent then."""
    for name, data in recording.images:
        if not data:
            yield Frame(name=name, image=None, reason="none was sent")
        elif len(data) != np.prod(shape):
            raise HvError(f"an image of {len(data)} bytes", where=f"recording, {name}")
        else:
            yield Frame(name=name, image=np.frombuffer(data, np.uint8).reshape(shape))


def _frame(
    name: str, photo: np.ndarray, shape: tuple[int, int, int], *, aligned: bool, where: str
) -> Frame:
    crop = aligned_crop(photo, shape) if aligned else face_crop(photo, shape)
    if crop is None:
        return Frame(name=name, image=None, reason="no face found")
    if crop.shape != shape:
        raise HvError(
            f"an image of {crop.shape}, the device takes {shape}",
            where=where,
            hint="without --aligned the face is found and cut out",
        )
    return Frame(name=name, image=crop)
