"""What a training leaves to be looked at."""

from __future__ import annotations

import sys
import types
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from codegen.errors import ProgramMissing
from hypernet.training.board import tensorboard
from hypernet.training.curve import Step
from hypernet.training.keeper import LOG, Keeper
from hypernet.training.plots import draw_curves, smoothed


def _step(number: int, auc: float | None = None) -> Step:
    late = number > 70
    return Step(
        stage=int(late),
        objective="matrix" if late else "distil",
        step=number - 70 * late,
        steps=70,
        loss=3.0 / number,
        rate=1e-3,
        facts={"people": 24.0, "same_cosine": 0.5} if late else {"people": 24.0},
        auc=auc,
    )


@pytest.fixture
def log(tmp_path: Path) -> Path:
    keeper = Keeper(tmp_path, {})
    for number in range(1, 101):
        keeper.log(_step(number, auc=0.9 if number % 50 == 0 else None))
    keeper.log_bytes()
    return tmp_path / LOG


def test_curves_are_drawn_and_the_same_log_gives_the_same_picture(log: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    pictures = [log.parent / f"{name}.{kind}" for name in "ab" for kind in ("png", "svg")]
    draw_curves(log, pictures[:2])
    draw_curves(log, pictures[2:])
    assert pictures[1].read_bytes() == pictures[3].read_bytes()
    assert ElementTree.parse(pictures[1]).getroot().tag.endswith("svg")
    with Image.open(pictures[0]) as image:
        assert np.asarray(image.convert("L")).std() > 5  # something is drawn


def test_smoothing_keeps_means_and_lines() -> None:
    line = np.arange(200.0)
    np.testing.assert_allclose(smoothed(line)[20:-20], line[20:-20])
    np.testing.assert_allclose(smoothed(np.full(7, 3.0)), 3.0)


def test_without_matplotlib_it_says_so(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ProgramMissing, match="matplotlib"):
        draw_curves(log, [])


def test_tensorboard_hears_every_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for the package, which is too large to ask everybody to install."""
    heard: list[tuple[str, float, int]] = []

    class SummaryWriter:
        def __init__(self, folder: str) -> None:
            assert folder == str(tmp_path)

        def add_scalar(self, name: str, value: float, step: int) -> None:
            heard.append((name, value, step))

        def flush(self) -> None:
            heard.append(("flush", 0.0, 0))

    stub = types.ModuleType("torch.utils.tensorboard")
    stub.SummaryWriter = SummaryWriter  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", stub)
    write = tensorboard(tmp_path)
    write(_step(2))
    write(_step(71, auc=0.75))
    assert ("0-distil/loss", 1.5, 2) in heard
    assert ("1-matrix/same_cosine", 0.5, 1) in heard
    assert ("1-matrix/auc", 0.75, 1) in heard
    assert heard[-1][0] == "flush"


def test_without_tensorboard_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ProgramMissing, match="tensorboard"):
        tensorboard(tmp_path)
