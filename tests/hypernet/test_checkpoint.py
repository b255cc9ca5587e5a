"""Checkpoints on disk: whole, bound to their card, and refused when damaged."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from codegen.errors import HvError
from hypernet.checkpoint import Checkpoint, load_checkpoint, save_checkpoint


def test_what_is_saved_is_loaded(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    card = save_checkpoint(tiny_checkpoint, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tiny.json", "tiny.safetensors"]
    for name in (card, tmp_path / "tiny", tmp_path / "tiny.safetensors"):
        loaded = load_checkpoint(name)
        assert loaded.architecture == tiny_checkpoint.architecture
        assert loaded.ranges == tiny_checkpoint.ranges
        assert loaded.threshold == tiny_checkpoint.threshold
        assert loaded.card == {"terms": "none"}
        for key, values in tiny_checkpoint.tensors.items():
            np.testing.assert_array_equal(loaded.tensors[key], values)


def test_the_same_checkpoint_gives_the_same_bytes(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    save_checkpoint(tiny_checkpoint, tmp_path / "a")
    save_checkpoint(load_checkpoint(tmp_path / "a" / "tiny"), tmp_path / "b")
    for name in ("tiny.json", "tiny.safetensors"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_weights_of_another_run_are_refused(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    save_checkpoint(tiny_checkpoint, tmp_path)
    path = tmp_path / "tiny.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(HvError, match="do not belong together"):
        load_checkpoint(path)


@pytest.mark.parametrize("key", ["ranges", "threshold", "architecture", "encoder", "format"])
def test_a_card_without_a_fact_is_damaged(
    key: str, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    card = save_checkpoint(tiny_checkpoint, tmp_path)
    facts = json.loads(card.read_text())
    del facts[key]
    card.write_text(json.dumps(facts))
    with pytest.raises(HvError, match="damaged"):
        load_checkpoint(card)


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(HvError, match="no checkpoint"):
        load_checkpoint(tmp_path / "nothing")


def test_tensors_must_fit_the_architecture(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    tensors = dict(tiny_checkpoint.tensors)
    tensors["body.conv0/weight"] = tensors["body.conv0/weight"][:2]
    save_checkpoint(dataclasses.replace(tiny_checkpoint, tensors=tensors), tmp_path)
    with pytest.raises(HvError, match="shape"):
        load_checkpoint(tmp_path / "tiny")


def test_nothing_is_written_of_weights_that_are_not_finite(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    tensors = {**tiny_checkpoint.tensors, "mean": np.full(8, np.nan, np.float32)}
    with pytest.raises(HvError, match="not finite"):
        save_checkpoint(dataclasses.replace(tiny_checkpoint, tensors=tensors), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_save_leaves_nothing(
    tiny_checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tiny_checkpoint, tmp_path)
    assert list(tmp_path.iterdir()) == []
