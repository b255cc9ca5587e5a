"""A store with one small made-up user, crops, real portraits, and a runner of verbs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from codegen.cli import cli
from codegen.nets import Architecture
from codegen.quantise import quantise
from codegen.store import User, save_user
from tests import networks
from tests.architectures import CONV_HEAD
from tests.cli.onnx_files import (
    CALIBRATION,
    picture_model,
    random,
    samples,
    saved,
    two_model,
    vector_model,
)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a verb said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401 - whatever the verb prints
        return json.loads(self.out)


Run = Callable[..., Answer]
Words = tuple[str, Path, str, Path]  # --onnx FILE --calibration FILE


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def run(store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a verb in an empty folder; an exception that escapes fails the test."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HVCODEGEN_STORE", str(store))
    monkeypatch.setenv("HVCODEGEN_KEYS", str(tmp_path / "keys"))

    def call(*words: object) -> Answer:
        result = CliRunner().invoke(cli, [str(word) for word in words], prog_name="hvcodegen")
        escaped = result.exception
        assert escaped is None or isinstance(escaped, SystemExit), repr(escaped)
        assert "Traceback" not in result.output
        return Answer(code=result.exit_code, out=result.stdout, err=result.stderr)

    return call


@pytest.fixture
def alice(store: Path) -> User:
    """A user with a small network of random weights."""
    net = networks.float_net(Architecture.from_json(CONV_HEAD))
    facts = {"checkpoint": "made", "encoder": "none", "photographs": 1, "gate": {"drift": 0.0}}
    user = User(name="alice", float_net=net, quant_net=quantise(net), facts=facts)
    save_user(store, user)
    return user


@pytest.fixture
def crops(alice: User, tmp_path: Path) -> Path:
    """A folder of five images of the network's own size."""
    folder = tmp_path / "crops"
    folder.mkdir()
    for index, image in enumerate(networks.images(alice.quant_net.arch, 5, seed=3)):
        channels = image.shape[2]
        Image.fromarray(image if channels == 3 else image[:, :, 0]).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """A photograph of nothing."""
    path = tmp_path / "noise.png"
    pixels = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def vector(run: Run) -> Words:
    """`--onnx FILE --calibration FILE` for vector_model, in the empty folder of `run`."""
    file = saved(vector_model(), "net.onnx")
    return "--onnx", file, "--calibration", samples("cal.npz", x=random(CALIBRATION, 10, seed=7))


@pytest.fixture
def picture(run: Run) -> Words:
    """The same for picture_model."""
    file = saved(picture_model(), "eye.onnx")
    shown = random(CALIBRATION, 3, 12, 12, seed=7)
    return "--onnx", file, "--calibration", samples("shown.npz", image=shown)


@pytest.fixture
def two(run: Run) -> Words:
    """The same for two_model."""
    file = saved(two_model(), "two.onnx")
    shown = {"picture": random(CALIBRATION, 2, 6, 6, seed=7), "vector": random(CALIBRATION, 5)}
    return "--onnx", file, "--calibration", samples("both.npz", **shown)
