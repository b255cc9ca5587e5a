"""Made data for the hypernetwork's tests; LFW where the workplace has it."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from codegen.nets import Architecture
from hypernet.backbone import Box, Embedding, Face
from hypernet.checkpoint import Checkpoint, state_of
from hypernet.data import FaceTable, Pairs
from hypernet.generators import EmbeddingSpace, LastLayerGenerator
from hypernet.verifier import Verifier

DIMENSIONS = 8
LFW_ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "data" / "lfw250.tar"


def _conv(name: str, source: str, channels: int, activation: str) -> dict[str, object]:
    return {
        "name": name,
        "op": "conv2d",
        "inputs": [source],
        "channels": channels,
        "kernel": [3, 3],
        "stride": [2, 2],
        "padding": [1, 1, 1, 1],
        "activation": {"kind": activation},
    }


TINY = {
    "name": "tiny",
    "image": {"height": 64, "width": 64, "channels": 3, "scale": 1 / 64},
    "layers": [
        _conv("conv0", "image", 4, "prelu"),
        _conv("conv1", "conv0", 6, "relu"),
        {
            "name": "wide",
            "op": "depthwise",
            "inputs": ["conv1"],
            "kernel": [3, 3],
            "stride": [1, 1],
            "padding": [1, 1, 1, 1],
            "activation": {"kind": "prelu"},
        },
        {"name": "sum", "op": "add", "inputs": ["conv1", "wide"]},
        _conv("conv2", "sum", 5, "none"),
        {"name": "features", "op": "flatten", "inputs": ["conv2"]},
        {
            "name": "head",
            "op": "dense",
            "inputs": ["features"],
            "channels": 1,
            "output": "int32",
        },
        {"name": "decision", "op": "normalised_decision", "inputs": ["head", "features"]},
    ],
    "personal": ["head.*", "decision.*"],
}


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small networks are faster so, and pytest-xdist already uses every core."""
    torch.set_num_threads(1)


@pytest.fixture
def tiny() -> Architecture:
    return Architecture.from_json(TINY)


@pytest.fixture
def tiny_verifier(tiny: Architecture) -> Verifier:
    """Batch norm with statistics of its own, so that folding has something to fold."""
    torch.manual_seed(3)
    verifier = Verifier(tiny, seed=1)
    for layer in verifier.layers.values():
        with torch.no_grad():
            layer.mean.normal_(0, 0.3)
            layer.variance.uniform_(0.5, 2.0)
            layer.gain.uniform_(0.5, 1.5)
            layer.shift.normal_(0, 0.2)
            if hasattr(layer, "slope"):
                layer.slope.copy_(torch.linspace(-0.5, 1.5, len(layer.slope)))
    return verifier.eval()


SPACE = EmbeddingSpace(mean=torch.full((DIMENSIONS,), 0.1), whitening=torch.eye(DIMENSIONS))


@pytest.fixture
def tiny_generator(tiny: Architecture, tiny_verifier: Verifier) -> LastLayerGenerator:
    torch.manual_seed(4)
    projection = torch.linalg.qr(torch.randn(tiny_verifier.feature_count, DIMENSIONS))[0].T
    return LastLayerGenerator(tiny, tiny_verifier.fold(), projection, SPACE)


@pytest.fixture
def tiny_checkpoint(tiny: Architecture, tiny_generator: LastLayerGenerator) -> Checkpoint:
    ranges = {layer.name: (-6.0, 6.0) for layer in tiny.layers[:-2]}
    return Checkpoint(
        name="tiny",
        architecture=tiny,
        encoder="stub",
        generator="last-layer",
        tensors=state_of(tiny_generator),
        ranges=ranges,
        threshold=0.25,
        card={"terms": "none"},
    )


@pytest.fixture
def table() -> FaceTable:
    """Twelve people of four photographs: smooth patterns, and embeddings to match."""
    rng = np.random.default_rng(0)
    people = np.repeat(np.arange(12), 4)
    patterns = rng.uniform(0, 255, (12, 4, 4, 3))[people] + rng.normal(0, 10, (48, 4, 4, 3))
    chips = patterns.clip(0, 255).astype(np.uint8).repeat(32, axis=1).repeat(32, axis=2)
    embeddings = rng.normal(0, 1, (12, 8))[people] + rng.normal(0, 0.1, (48, 8))
    return FaceTable(
        files=np.array([f"{row}.jpg" for row in range(48)]),
        people=np.array([f"p{person:02d}" for person in people]),
        folds=np.where(people < 8, 1, 9).astype(np.int32),
        chips=chips,
        embeddings=embeddings.astype(np.float32),
        found=np.ones(48, np.int8),
    )


@pytest.fixture
def pairs(table: FaceTable) -> Pairs:
    first = np.arange(0, 47)
    second = np.where(first % 2 == 0, first + 1, (first + 9) % 48)
    keep = table.folds[first] == table.folds[second]
    same = table.people[first] == table.people[second]
    return Pairs(first=first, second=second, same=same, folds=table.folds[first]).select(keep)


@dataclass(frozen=True, kw_only=True)
class StubEncoder:
    """Says what it is told to have seen."""

    widths: tuple[int, ...] = (100,)
    scores: tuple[float, ...] = (1.0,) * 9
    embedding: tuple[float, ...] = tuple(range(DIMENSIONS))
    sharp: bool = True

    @property
    def name(self) -> str:
        return "stub"

    @property
    def dimensions(self) -> int:
        return DIMENSIONS

    def faces(self, image: np.ndarray, *, weak: bool = False) -> list[Face]:
        return [
            self._face(image, width, score)
            for width, score in zip(self.widths, self.scores, strict=False)
        ]

    def aligned_face(self, image: np.ndarray) -> Face:
        return self._face(image, image.shape[1], 0.0)

    def _face(self, image: np.ndarray, width: int, score: float) -> Face:
        chip = np.zeros((128, 128, 3), np.uint8)
        if self.sharp:
            chip[::2] = 255
        # what embed() and the tests look at: the photograph's first pixel, the box's width
        chip[0, :2] = image[0, 0], (width,) * 3
        box = Box(left=0, top=0, width=width, height=width)
        return Face(box=box, score=score, chip=chip, encoder_chip=chip)

    def describe_chip(self, chip: np.ndarray) -> Embedding:
        return np.full(self.dimensions, chip.mean() / 255, np.float32)

    def embed(self, face: Face) -> Embedding:
        sign = -1.0 if face.chip[0, 0, 0] else 1.0
        return np.array(self.embedding, np.float32) * sign


@pytest.fixture
def stub() -> Callable[..., StubEncoder]:
    return StubEncoder


class Lfw:
    """Photographs of LFW straight from the archive; nothing is unpacked."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive

    def photo(self, person: str, number: int) -> np.ndarray:
        member = self._archive.extractfile(f"lfw250/{person}/{person}_{number:04d}.jpg")
        assert member is not None
        return np.asarray(Image.open(io.BytesIO(member.read())).convert("RGB"))

    def text(self, name: str) -> str:
        member = self._archive.extractfile(f"lfw250/{name}")
        assert member is not None
        return member.read().decode()


@pytest.fixture(scope="session")
def lfw() -> Iterator[Lfw]:
    if not LFW_ARCHIVE.is_file():
        pytest.skip(f"no LFW here: {LFW_ARCHIVE.name} is not in ../shared/data")
    with tarfile.open(LFW_ARCHIVE) as archive:
        yield Lfw(archive)
