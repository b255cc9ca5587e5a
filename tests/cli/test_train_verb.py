"""`hvcodegen train`, from a config to a checkpoint, on drawn faces."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

import hypernet.data
from hypernet.checkpoint import load_checkpoint
from hypernet.training.keeper import Keeper
from tests.cli.conftest import Run
from tests.hypernet.drawn_faces import drawn_pairs, drawn_table

CONFIG = """
name = "short"
architecture = "pq"
train_folds = [1]
watch_every = 2
save_every = 2

[[stages]]
objective = "distil"
steps = 4
batch = 8
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config file; reading photographs gives drawn ones."""
    table = drawn_table(people=10, photographs=2, dimensions=8, seed=1)
    monkeypatch.setattr(hypernet.data, "load_faces", lambda *_, **__: table)
    monkeypatch.setattr(hypernet.data, "read_pairs", lambda *_, **__: drawn_pairs(table, seed=2))
    path = tmp_path / "short.toml"
    path.write_text(CONFIG)
    return path


def test_a_config_becomes_a_checkpoint(run: Run, config: Path, tmp_path: Path) -> None:
    answer = run("train", config, "--images", tmp_path, "-o", tmp_path / "out", "--json")
    assert answer.code == 0, answer.err
    card = Path(answer.json["checkpoint"])
    assert load_checkpoint(card).name == "short"
    lines = (tmp_path / "out" / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4]
    assert "AUC on the watched folds" in answer.err
    assert (tmp_path / "out" / "curves.svg").exists()


def test_ctrl_c_saves_and_resume_goes_on(
    run: Run, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", config, "--images", tmp_path, "-o", tmp_path / "out")
    with monkeypatch.context() as patched:
        patched.setattr(Keeper, "log", lambda *_: signal.raise_signal(signal.SIGINT))
        answer = run(*words)
    assert answer.code == 130
    assert "stopped after step 1 of 4; the same command with --resume goes on" in answer.err
    refused = run(*words)
    assert refused.code == 1
    assert "--resume" in refused.err
    other = run(*words, "--resume", "--set", "seed=4")
    assert other.code == 1
    assert "another seed" in other.err
    assert run(*words, "--resume").code == 0
    assert run(*words).code == 0  # nothing is left to go on with


def test_what_is_wrong_is_said(run: Run, config: Path, tmp_path: Path) -> None:
    missing = run("train", config)
    assert missing.code == 1
    assert "--images" in missing.err
    assert run("train", "nothing", "--images", tmp_path).code == 1
    wrong = run("train", config, "--images", tmp_path, "--set", "stages.0.batsh=8", "--json")
    assert wrong.code == 1
    assert wrong.json["error"]["breaches"][0]["hint"] == "did you mean batch?"
    start = run("train", config, "--images", tmp_path, "--set", "start=nobody")
    assert start.code == 1
