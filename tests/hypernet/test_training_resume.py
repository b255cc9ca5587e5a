"""A training survives: killed at any moment and gone on with, it gives the same weights."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from codegen.errors import HvError
from codegen.nets import Architecture
from hypernet.checkpoint import load_checkpoint, save_checkpoint
from hypernet.data import FaceTable, Pairs
from hypernet.training.config import Config, config_from
from hypernet.training.curve import Step
from hypernet.training.keeper import LOG, STATE, Keeper, Stopped, find_state
from hypernet.training.loop import deciding, train

FORK = multiprocessing.get_context("fork")


def _config(**changed: object) -> Config:
    data: dict[str, Any] = {
        "name": "made",
        "architecture": "tiny",
        "train_folds": [1],
        "watch_every": 5,
        "save_every": 3,
        "stages": [
            {"objective": "distil", "steps": 11, "batch": 16, "warm_up_steps": 4},
            {"objective": "matrix", "steps": 10, "people": 3, "clusters": 2, "reach": 2},
        ],
        **changed,
    }
    return config_from(data, "made")


class Training:
    """One config, one table, any number of folders."""

    def __init__(self, table: FaceTable, pairs: Pairs, architecture: Architecture) -> None:
        self._given = table, pairs, architecture
        self.config = _config()

    def run(self, folder: Path, *, stop_at: tuple[int, int] | None = None) -> None:
        """Trains in this process, going on where there is a state."""
        table, pairs, architecture = self._given
        common = deciding(self.config, table)
        saved = find_state(folder, common, resume=(folder / STATE).exists())
        keeper = Keeper(folder, common, log_bytes=saved.log_bytes if saved else 0)

        def report(step: Step) -> None:
            if stop_at == (step.stage, step.step):
                os.kill(os.getpid(), signal.SIGINT)

        made = train(
            table,
            pairs,
            architecture,
            self.config,
            encoder="stub",
            report=report,
            saved=saved,
            keeper=keeper,
        )
        save_checkpoint(made, folder)
        keeper.finish()

    def run_killed(self, folder: Path, seconds: float) -> bool:
        """Trains in a process that is killed some time after its first step; whether it was."""
        process = FORK.Process(target=self.run, args=(folder,))
        log, length = folder / LOG, self._log_bytes(folder)
        process.start()
        while process.is_alive() and self._log_bytes(folder) == length:
            time.sleep(0.002)
        time.sleep(seconds)
        process.kill()
        process.join()
        assert process.exitcode in (0, -signal.SIGKILL), log
        return process.exitcode != 0

    @staticmethod
    def _log_bytes(folder: Path) -> int:
        path = folder / LOG
        return path.stat().st_size if path.exists() else 0


@pytest.fixture
def training(table: FaceTable, pairs: Pairs, tiny: Architecture) -> Training:
    return Training(table, pairs, tiny)


@pytest.fixture
def undisturbed(training: Training, tmp_path: Path) -> Path:
    folder = tmp_path / "undisturbed"
    training.run(folder)
    return folder


def _assert_same(one: Path, two: Path) -> None:
    for name in ("made.safetensors", "made.json", LOG):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    assert sorted(path.name for path in two.iterdir()) == sorted(
        path.name for path in one.iterdir()
    )


def test_killed_at_any_moment_it_gives_the_same_bits(
    training: Training, undisturbed: Path, tmp_path: Path
) -> None:
    folder, moments = tmp_path / "killed", random.Random(5)
    kills = 0
    while kills < 40 and training.run_killed(folder, moments.uniform(0, 0.25)):
        kills += 1
    assert kills >= 2
    _assert_same(undisturbed, folder)


@pytest.mark.parametrize("moment", [(0, 1), (0, 9), (0, 11), (1, 2)])
def test_interrupted_it_saves_and_goes_on(
    moment: tuple[int, int], training: Training, undisturbed: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "interrupted"
    with pytest.raises(Stopped, match=f"after step {moment[1]} of"):
        training.run(folder, stop_at=moment)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    training.run(folder)
    _assert_same(undisturbed, folder)


def test_a_state_is_neither_lost_nor_imagined(training: Training, tmp_path: Path) -> None:
    with pytest.raises(HvError, match="nothing to go on with"):
        find_state(tmp_path, {}, resume=True)
    with pytest.raises(Stopped):
        training.run(tmp_path, stop_at=(0, 2))
    with pytest.raises(HvError, match="unfinished training"):
        find_state(tmp_path, {}, resume=False)


def test_another_config_cannot_go_on(training: Training, table: FaceTable, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        training.run(tmp_path, stop_at=(0, 2))
    other = _config(seed=1, false_accept_rate=0.1, threads=2)
    with pytest.raises(HvError, match="another false_accept_rate, seed\n") as raised:
        find_state(tmp_path, deciding(other, table), resume=True)
    assert "another --output" in raised.value.hint
    darker = _config()
    with pytest.raises(HvError, match="another photographs"):
        find_state(tmp_path, deciding(darker, table.select(table.folds == 1)), resume=True)


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04nothing", None])
def test_a_damaged_state_is_an_error(
    damage: bytes | None, training: Training, table: FaceTable, tmp_path: Path
) -> None:
    with pytest.raises(Stopped):
        training.run(tmp_path, stop_at=(0, 2))
    path = tmp_path / STATE
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if damage is None else damage)
    with pytest.raises(HvError, match="cannot be read"):
        find_state(tmp_path, deciding(training.config, table), resume=True)


def test_a_state_cannot_run_code(tmp_path: Path) -> None:
    import torch

    class Hostile:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "owned"),)

    torch.save({"format": 1, "stage": Hostile()}, tmp_path / STATE)
    with pytest.raises(HvError, match="cannot be read"):
        find_state(tmp_path, {}, resume=True)
    assert not (tmp_path / "owned").exists()


def test_what_was_saved_can_be_loaded(undisturbed: Path) -> None:
    assert load_checkpoint(undisturbed / "made").name == "made"
    assert not (undisturbed / STATE).exists()
