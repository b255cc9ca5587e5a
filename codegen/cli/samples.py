"""Samples for a model's inputs: arrays in files, or pictures."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from codegen.cli.photos import SUFFIXES
from codegen.errors import GateBreach, HvError
from codegen.importing.importer import Tensor

ARRAYS = frozenset({".npy", ".npz"})
MADE_UP = 8  # samples: enough for ranges that nobody looks at
_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])  # of torchvision's and timm's models
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225])


def read_samples(path: Path, inputs: Sequence[Tensor], pixels: str) -> dict[str, np.ndarray]:
    """Samples from a file or a folder.

    Args:
        path: an .npz or .npy file, a picture, or a folder of these.
        inputs: what the model is given.
        pixels: how a picture's bytes become numbers, one of codegen.cli.subject.PIXELS.

    Returns:
        By the model's input names: float32 [N, *shape of one sample], N at least 1.

    Raises:
        HvError: nothing there, unreadable, other shapes, NaN, or not as many for every input.
    """
    if not path.exists():
        raise HvError("there is no such file or folder", where=str(path), hint=needs(inputs))
    files = _files_of(path, inputs)
    parts = [_read(file, inputs, pixels) for file in files]
    samples = {
        tensor.model_name: np.concatenate([part[tensor.model_name] for part in parts])
        for tensor in inputs
    }
    counts = {name: len(values) for name, values in samples.items()}
    if len(set(counts.values())) > 1:
        said = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise HvError(
            "not as many samples for every input", where=str(path), hint=f"there are: {said}"
        )
    if not min(counts.values()):
        raise HvError("there are no samples in it", where=str(path), hint=needs(inputs))
    return samples


def made_up_samples(inputs: Sequence[Tensor]) -> dict[str, np.ndarray]:
    """Normal numbers, the same each time; for what does not depend on the samples.

    Returns:
        By the model's input names: float32 [MADE_UP, *shape of one sample].
    """
    generator = np.random.default_rng(0)
    return {
        tensor.model_name: generator.standard_normal((MADE_UP, *tensor.sample_shape), np.float32)
        for tensor in inputs
    }


def needs(inputs: Sequence[Tensor]) -> str:
    """What samples must look like, for people."""
    wanted = "; ".join(
        f"{tensor.model_name} float32 [N, {', '.join(map(str, tensor.sample_shape))}]"
        for tensor in inputs
    )
    return (
        f"give an .npz with an array for each input: {wanted}; or a folder of such files"
        + (" or of pictures" if picture_size(inputs) else "")
        + "; 20 to 200 typical samples are enough"
    )


def picture_size(inputs: Sequence[Tensor]) -> tuple[int, int, int] | None:
    """Height, width and channels if the model's only input can be a picture."""
    if len(inputs) != 1 or len(inputs[0].sample_shape) != 3:
        return None
    first, second, third = inputs[0].sample_shape
    if first in (1, 3):
        return second, third, first
    return (first, second, third) if third in (1, 3) else None


def _files_of(path: Path, inputs: Sequence[Tensor]) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(p for p in path.rglob("*") if p.suffix.lower() in ARRAYS | SUFFIXES)
    if not found:
        raise HvError("there are no samples in the folder", where=str(path), hint=needs(inputs))
    return found


def _read(file: Path, inputs: Sequence[Tensor], pixels: str) -> dict[str, np.ndarray]:
    if file.suffix.lower() in SUFFIXES:
        return {inputs[0].model_name: _picture(file, inputs, pixels)}
    arrays = _arrays(file, inputs)
    faults, samples = [], {}
    for tensor in inputs:
        try:
            samples[tensor.model_name] = _as_samples(arrays[tensor.model_name], tensor, file)
        except HvError as error:
            faults.append(error)
    if faults:
        raise GateBreach("samples", tuple(faults))
    return samples


def _arrays(file: Path, inputs: Sequence[Tensor]) -> Mapping[str, np.ndarray]:
    """By input name; the name does not matter where there is one array for the one input."""
    try:
        loaded = np.load(file, allow_pickle=False)
        arrays = dict(loaded) if isinstance(loaded, np.lib.npyio.NpzFile) else {"": loaded}
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        why = "Python objects are not loaded" if "pickle" in str(error) else str(error)
        raise HvError(
            f"not a file of arrays, or a damaged one: {why}", where=str(file), hint=needs(inputs)
        ) from error
    if len(inputs) == 1 and len(arrays) == 1:
        return {inputs[0].model_name: next(iter(arrays.values()))}
    missing = [tensor.model_name for tensor in inputs if tensor.model_name not in arrays]
    if missing:
        raise HvError(
            f"it has no array called {', '.join(missing)}",
            where=str(file),
            hint=f"it has: {', '.join(arrays) or 'none'}. {needs(inputs)}",
        )
    return arrays


def _as_samples(array: np.ndarray, tensor: Tensor, file: Path) -> np.ndarray:
    where = f"{file}, input {tensor.model_name}"
    if array.dtype.kind not in "fiub":
        raise HvError(
            f"its elements are {array.dtype}, not numbers",
            where=where,
            hint="give real numbers as the model reads them, float32",
        )
    one, batched = tensor.sample_shape, tensor.model_shape
    if array.shape == one or array.shape == batched:
        array = array.reshape(1, *one)
    elif array.shape[1:] in (one, batched):
        array = array.reshape(len(array), *one)
    else:
        sizes = ", ".join(map(str, one))
        raise HvError(
            f"its shape is {list(array.shape)}, expected [N, {sizes}]",
            where=where,
            hint="samples are stacked along the first axis, in the model's order of axes",
        )
    with np.errstate(over="ignore"):  # what float32 cannot hold is found below
        values = array.astype(np.float32)
    bad = int((~np.isfinite(values)).sum())
    if bad:
        raise HvError(
            f"{bad:,} of {values.size:,} values are NaN, infinite, or beyond float32",
            where=where,
            hint="take these samples out, or look at how they were made",
        )
    return values


def _picture(file: Path, inputs: Sequence[Tensor], pixels: str) -> np.ndarray:
    from PIL import Image

    from hypernet.images import load_image

    size = picture_size(inputs)
    if size is None:
        raise HvError(
            "this is a picture, but the model does not take one",
            where=str(file),
            hint=needs(inputs),
        )
    height, width, channels = size
    photo = Image.fromarray(load_image(file)).convert("RGB" if channels == 3 else "L")
    resized = photo.resize((width, height), Image.Resampling.BILINEAR)
    levels = np.asarray(resized, np.float64).reshape(height, width, channels)
    values = _scaled(levels, pixels)
    is_channels_first = inputs[0].sample_shape == (channels, height, width)
    ordered = values.transpose(2, 0, 1) if is_channels_first else values
    return ordered[np.newaxis].astype(np.float32)


def _scaled(levels: np.ndarray, pixels: str) -> np.ndarray:
    """0 to 255 as the model expects it; [H, W, C]."""
    if pixels == "byte":
        return levels
    if pixels == "signed":
        return levels / 127.5 - 1
    if pixels == "imagenet":
        mean, deviation = _IMAGENET_MEAN, _IMAGENET_DEVIATION
        if levels.shape[2] == 1:
            mean, deviation = mean.mean(), deviation.mean()
        return np.asarray((levels / 255 - mean) / deviation)
    return levels / 255
