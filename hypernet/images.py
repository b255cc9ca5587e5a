"""Reads a photograph from disk, whatever its format, into upright 8-bit RGB."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from codegen.errors import HvError

MAX_PIXELS = 64_000_000
"""Larger files are refused before they are decoded: 64 Mpx is 192 MB as RGB."""

MAX_SIDE_PX = 1600
"""Larger photographs are reduced to this: a face fills far more than 128 pixels of them."""

_DEEP_MODES = ("I", "I;16", "I;16L", "I;16B", "I;16N")


def load_image(path: Path) -> NDArray[np.uint8]:
    """Reads one photograph.

    Respects EXIF orientation; accepts grey, 16-bit grey, palette, RGBA (over white) and CMYK.

    Args:
        path: a file that Pillow can read.

    Returns:
        uint8 [H, W, 3] RGB, longer side at most `MAX_SIDE_PX`.

    Raises:
        HvError: no such file, not an image, truncated, or too many pixels.
    """
    return decode_image(read_photo(path), where=str(path))


def read_photo(path: Path) -> bytes:
    """Reads a photograph's file without looking inside.

    Raises:
        HvError: no such file, or it may not be read.
    """
    if not path.is_file():
        raise HvError("no such photograph", where=str(path), hint="give the path of an image file")
    try:
        return path.read_bytes()
    except OSError as error:
        raise HvError("the photograph cannot be read", where=f"{path}: {error}") from error


def decode_image(data: bytes, *, where: str) -> NDArray[np.uint8]:
    """Does what `load_image` does, from a file's bytes; `where` names it in errors."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as opened:
                _check_size(opened, where)
                opened.load()
                return _upright_rgb(opened)
    except HvError:
        raise
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(where) from error
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError, OverflowError) as error:
        # Pillow's words for an unknown format name an object in memory, not the file.
        detail = "" if isinstance(error, UnidentifiedImageError) else f": {error}"
        raise HvError(
            "not an image, or a damaged one",
            where=where + detail,
            hint="give a whole JPEG, PNG, WebP or TIFF file",
        ) from error


def _check_size(opened: Image.Image, where: str) -> None:
    if opened.width * opened.height > MAX_PIXELS:
        raise _too_many_pixels(where)


def _too_many_pixels(where: str) -> HvError:
    return HvError(
        f"the photograph has more than {MAX_PIXELS // 1_000_000} million pixels",
        where=where,
        hint="reduce it first; a face needs a few hundred pixels only",
    )


def _upright_rgb(opened: Image.Image) -> NDArray[np.uint8]:
    image = _to_rgb(ImageOps.exif_transpose(opened))
    if max(image.size) > MAX_SIDE_PX:
        image.thumbnail((MAX_SIDE_PX, MAX_SIDE_PX), Image.Resampling.LANCZOS)
    return np.array(image, dtype=np.uint8)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in _DEEP_MODES:
        # 16-bit grey: the high byte, as Pillow's own conversion would clip instead.
        deep = np.asarray(image).astype(np.int64)
        return Image.fromarray((deep.clip(0, 65535) >> 8).astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        return page.convert("RGB")
    return image.convert("RGB")
