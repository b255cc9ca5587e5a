"""What a network is run on: photographs of a person's verifier, samples of any other network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from codegen.packing import pack_inputs, packed_bytes, unpack_inputs

if TYPE_CHECKING:
    from codegen.cli.onnx_model import Model
    from codegen.cli.subject import Subject
    from codegen.nets import Architecture

MOST_CALIBRATION_SAMPLES = 20  # of those that are run where nothing else is given


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Samples of one network.

    Attributes:
        names: of the samples, for people.
        inputs: as codegen.reference.run takes them: uint8 images, or int8 by input name.
        real: float32 by the model's input names, of a model that was given real numbers.
        skipped: photographs without a usable face: (name, reason).
    """

    names: tuple[str, ...]
    inputs: np.ndarray | Mapping[str, np.ndarray]
    real: Mapping[str, np.ndarray] | None = None
    skipped: tuple[tuple[str, str], ...] = ()

    def rows(self, arch: Architecture) -> np.ndarray:
        """uint8 [N, bytes of a sample], for the simulator and the firmware."""
        return pack_inputs(arch, self.inputs)


def read_batch(
    subject: Subject,
    files: tuple[Path, ...],
    folder: Path | None,
    samples: Path | None,
    *,
    aligned: bool,
) -> Batch:
    """Reads what the options name.

    Without any, a verifier gets the images of its known answers, and any other network the first
    of its calibration samples.

    Raises:
        HvError: nothing that this network can be run on.
    """
    if subject.model is not None:
        return _model_batch(subject, subject.model, files, folder, samples)
    from codegen.cli.photos import find_files, read_crops

    paths = find_files(files, folder)
    if not paths:
        return made_up(subject.quant_net.arch)
    crops = read_crops(paths, subject.quant_net.arch.image, aligned=aligned)
    return Batch(names=crops.names, inputs=crops.images, skipped=crops.skipped)


def made_up(arch: Architecture) -> Batch:
    """The samples of the known answers."""
    from codegen.emit import VECTOR_SEEDS, vector_image

    rows = np.stack([vector_image(seed, packed_bytes(arch)) for seed in VECTOR_SEEDS])
    what = "test image" if arch.is_verifier else "test input"
    return Batch(
        names=tuple(f"{what} {seed}" for seed in VECTOR_SEEDS), inputs=unpack_inputs(arch, rows)
    )


def _model_batch(
    subject: Subject,
    model: Model,
    files: tuple[Path, ...],
    folder: Path | None,
    samples: Path | None,
) -> Batch:
    from codegen.cli.onnx_model import house_integers
    from codegen.cli.samples import read_samples

    inputs = model.imported.inputs
    sources = [*files, *([folder] if folder else []), *([samples] if samples else [])]
    if sources:
        parts = [read_samples(source, inputs, model.pixels) for source in sources]
        names = [
            f"{source} {index}" if len(part[inputs[0].model_name]) > 1 else str(source)
            for source, part in zip(sources, parts, strict=True)
            for index in range(len(part[inputs[0].model_name]))
        ]
        real = {t.model_name: np.concatenate([p[t.model_name] for p in parts]) for t in inputs}
    elif model.samples is not None:
        real = {name: values[:MOST_CALIBRATION_SAMPLES] for name, values in model.samples.items()}
        names = [f"calibration sample {i}" for i in range(len(real[inputs[0].model_name]))]
    else:
        return made_up(subject.quant_net.arch)
    integers = house_integers(subject.quant_net, model.imported, real)
    return Batch(names=tuple(names), inputs=integers, real=real)
