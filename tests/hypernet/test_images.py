"""Every kind of image file becomes upright 8-bit RGB, or an error a person understands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codegen.errors import HvError
from hypernet import images
from hypernet.images import load_image

GREY = 204  # a grey of the palette that Pillow uses


def _save(path: Path, mode: str) -> Path:
    if mode == "I;16":
        Image.fromarray(np.full((8, 6), GREY << 8, np.uint16)).save(path)
    else:
        Image.new("RGB", (6, 8), (GREY,) * 3).convert(mode).save(path)
    return path


@pytest.mark.parametrize(
    ("mode", "ending"),
    [
        ("RGB", "png"),
        ("L", "png"),
        ("LA", "png"),
        ("P", "png"),
        ("1", "png"),
        ("RGBA", "png"),
        ("I;16", "png"),
        ("I;16", "tiff"),
        ("CMYK", "jpg"),
        ("CMYK", "tiff"),
        ("YCbCr", "jpg"),
    ],
)
def test_modes_become_rgb(mode: str, ending: str, tmp_path: Path) -> None:
    image = load_image(_save(tmp_path / f"photo.{ending}", mode))
    assert image.shape == (8, 6, 3)
    assert image.dtype == np.uint8
    if mode != "1":
        assert np.abs(image.astype(int) - GREY).max() <= 3


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "empty.png")
    assert (load_image(tmp_path / "empty.png") == 255).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_respected(orientation: int, tmp_path: Path) -> None:
    """The same upright picture, stored in each of the eight ways."""
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = 255
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored[orientation])).save(
        tmp_path / "turned.png", exif=exif
    )
    np.testing.assert_array_equal(load_image(tmp_path / "turned.png"), upright)


def test_large_photographs_are_reduced(tmp_path: Path) -> None:
    Image.new("RGB", (3200, 800)).save(tmp_path / "wide.png")
    assert load_image(tmp_path / "wide.png").shape == (400, 1600, 3)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_what_is_no_image_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "photo.png").write_bytes(content)
    with pytest.raises(HvError, match="not an image"):
        load_image(tmp_path / "photo.png")


@pytest.mark.parametrize("ending", ["png", "jpg", "tiff", "webp"])
def test_truncated_images_are_refused(ending: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / f"photo.{ending}"
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(HvError, match="not an image, or a damaged one"):
        load_image(path)


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(HvError, match="no such photograph") as caught:
        load_image(tmp_path / "nobody.jpg")
    assert "nobody.jpg" in caught.value.where


def test_too_many_pixels_are_refused_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (100, 100)).save(tmp_path / "big.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 9_999)
    with pytest.raises(HvError, match="pixels"):
        load_image(tmp_path / "big.png")


def test_decompression_bombs_are_refused(tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    assert (tmp_path / "bomb.png").stat().st_size < 1_000_000
    with pytest.raises(HvError, match="more than 64 million pixels"):
        load_image(tmp_path / "bomb.png")
