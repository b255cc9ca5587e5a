"""Prints what the zoo's tests measure: `python -m tests.importing.zoo_table [FILE.onnx ...]`.

Files are float models of one picture; they are measured on the same made-up pictures.
With `--write FOLDER` the networks and their samples are written instead, to try the verbs with.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from codegen.cli.common import table
from codegen.importing.importer import Tensor, import_graph
from codegen.importing.reading import read_model
from tests.importing.zoo import signals
from tests.importing.zoo.figures import HEADINGS, Figures, measure, row
from tests.importing.zoo.sources import (
    CALIBRATION_SAMPLES,
    HELD_OUT_SAMPLES,
    SEED_OF_CALIBRATION,
    SEED_OF_TEST,
    SOURCES,
    export,
)


def main(words: list[str]) -> None:
    """The table of all networks, and of files; or the networks as files."""
    parser = argparse.ArgumentParser(prog="zoo_table", description="What seven networks measure.")
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE.onnx")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="write the networks there")
    given = parser.parse_args(words)
    if given.write:
        _write(given.write)
    else:
        _print(given.files)


def _write(folder: Path) -> None:
    """Of each network NAME.onnx, NAME-calibration.npy and NAME-test.npy."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in SOURCES:
        held_out = source.samples(SEED_OF_TEST, HELD_OUT_SAMPLES)
        calibration = source.samples(SEED_OF_CALIBRATION, CALIBRATION_SAMPLES)
        export(source.module(), held_out[0], folder / f"{source.name}.onnx", dynamo=False)
        np.save(folder / f"{source.name}-calibration.npy", calibration)
        np.save(folder / f"{source.name}-test.npy", held_out)


def _print(files: list[Path]) -> None:
    found = [*_networks(), *(_file(file) for file in files)]
    print("\n".join(table(HEADINGS, [row(figures) for figures in found])))
    print(
        f"{CALIBRATION_SAMPLES} samples to calibrate, {HELD_OUT_SAMPLES} others to measure; "
        "ORT is ONNX Runtime's static quantiser on the same samples"
    )


def _networks() -> Iterator[Figures]:
    for source in SOURCES:
        calibration = source.samples(SEED_OF_CALIBRATION, CALIBRATION_SAMPLES)
        held_out = source.samples(SEED_OF_TEST, HELD_OUT_SAMPLES)
        with tempfile.TemporaryDirectory() as scratch:
            model = Path(scratch) / f"{source.name}.onnx"
            export(source.module(), held_out[0], model, dynamo=False)
            yield measure(model, calibration, held_out, Path(scratch))


def _file(model: Path) -> Figures:
    (given,) = import_graph(read_model(model)).inputs
    calibration = _pictures(given, SEED_OF_CALIBRATION, CALIBRATION_SAMPLES)
    held_out = _pictures(given, SEED_OF_TEST, HELD_OUT_SAMPLES)
    with tempfile.TemporaryDirectory() as scratch:
        return measure(model, calibration, held_out, Path(scratch))


def _pictures(given: Tensor, seed: int, count: int) -> np.ndarray:
    """Faces, -1 to 1, for a square picture of three channels."""
    size = given.sample_shape[-1]
    if given.sample_shape != (3, size, size):
        sys.exit(f"{given.model_name} has the shape {list(given.sample_shape)}: no square picture")
    generator = torch.Generator().manual_seed(seed)
    return signals.faces(generator, count, size=size, kinds=8)[0].numpy()


if __name__ == "__main__":
    main(sys.argv[1:])
