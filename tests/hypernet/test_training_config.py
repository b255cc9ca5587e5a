"""Configs: what ships can be read, and every fault is named with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codegen.errors import GateBreach, HvError
from hypernet.architectures import load_architecture
from hypernet.training.config import config_from, load_config, shipped_configs
from hypernet.training.objectives.distil import DistilSettings
from hypernet.training.objectives.matrix import MatrixSettings

DISTIL = {"objective": "distil", "steps": 3}


def _data(**changed: object) -> dict[str, Any]:
    return {"name": "mine", "architecture": "pq", "stages": [DISTIL], **changed}


@pytest.mark.parametrize("name", shipped_configs())
def test_shipped_configs_can_be_read(name: str) -> None:
    config = load_config(name)
    assert config.name == name
    load_architecture(config.architecture)


def test_stages_have_their_own_schemas() -> None:
    matrix = {"objective": "matrix", "generator": "film"}
    config = config_from(_data(stages=[{**DISTIL, "batch": 8}, matrix]), "here")
    first, second = config.stages
    assert isinstance(first, DistilSettings)
    assert first.batch == 8
    assert isinstance(second, MatrixSettings)
    assert second.learning_rate == 1e-3
    assert config.deciding()["stages"][1]["generator"] == "film"


def test_whole_numbers_are_numbers() -> None:
    config = config_from(_data(stages=[{**DISTIL, "learning_rate": 1}]), "here")
    assert config.stages[0].learning_rate == 1.0


@pytest.mark.parametrize(
    ("changed", "what", "where", "hint"),
    [
        ({"sed": 1}, "unknown key sed", "here", "did you mean seed?"),
        ({"seed": "one"}, "a whole number is expected, not 'one'", "here: seed", ""),
        ({"seed": True}, "a whole number is expected, not True", "here: seed", ""),
        ({"seed": -1}, "-1 is too small", "here: seed", "at least 0"),
        ({"name": 3}, "a text is expected, not 3", "here: name", ""),
        ({"train_folds": 3}, "a list is expected, not 3", "here: train_folds", ""),
        ({"train_folds": [1, "x"]}, "a whole number is expected", "here: train_folds[1]", ""),
        ({"watch_folds": [1]}, "a fold is both in train_folds and in watch_folds", "here", ""),
        ({"precision": "int4"}, "cannot be 'int4'", "here: precision", "bfloat16"),
        ({"augmentation": 1}, "a table is expected, not 1", "here: augmentation", ""),
        ({"augmentation": {"blur": 2}}, "2.0 is too large", "here: augmentation: blur", "most 1"),
        (
            {"augmentation": {"blurr": 0}},
            "unknown key blurr",
            "here: augmentation",
            "did you mean blur?",
        ),
        ({"stages": []}, "there are no [[stages]]", "here", ""),
        ({"stages": [{}]}, "objective is missing", "here: stages[0]", "distil, matrix"),
        ({"stages": [{"objective": "x"}]}, "unknown objective 'x'", "here: stages[0]", "distil"),
        (
            {"stages": [{**DISTIL, "people": 3}]},
            "unknown key people",
            "here: stages[0]",
            "known are",
        ),
        ({"stages": [{**DISTIL, "steps": 0}]}, "0 is too small", "here: stages[0]: steps", ""),
        (
            {"stages": [{**DISTIL, "learning_rate": float("nan")}]},
            "a finite number is expected",
            "here: stages[0]: learning_rate",
            "",
        ),
        (
            {"stages": [{**DISTIL, "weights": {"contrast": -1}}]},
            "-1.0 is too small",
            "here: stages[0]: weights: contrast",
            "at least 0",
        ),
    ],
)
def test_a_fault_is_named(changed: dict[str, Any], what: str, where: str, hint: str) -> None:
    with pytest.raises(GateBreach) as raised:
        config_from(_data(**changed), "here")
    (fault,) = raised.value.breaches
    assert fault.what.startswith(what)
    assert fault.where == where
    assert hint in fault.hint


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(GateBreach) as raised:
        config_from({"stages": [{"objective": "distil", "stepps": 1}], "seed": 1.5}, "here")
    assert sorted(fault.what for fault in raised.value.breaches) == [
        "a whole number is expected, not 1.5",
        "architecture is missing",
        "name is missing",
        "unknown key stepps",
    ]


def test_keys_can_be_changed_from_outside() -> None:
    config = load_config("pq", ["seed=7", "stages.1.people=8", "name=other", "augmentation.blur=0"])
    assert config.seed == 7
    assert config.stages[1].people == 8  # type: ignore[attr-defined]
    assert config.name == "other"
    assert config.augmentation.blur == 0


@pytest.mark.parametrize("override", ["seed", "stages.9.steps=1", "stages.x.steps=1", "name.x=1"])
def test_an_impossible_change_is_an_error(override: str) -> None:
    with pytest.raises(HvError) as raised:
        load_config("pq", [override])
    assert override in raised.value.where


def test_a_file_that_is_missing_or_no_toml_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HvError, match="no config"):
        load_config(tmp_path / "none.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("name = ")
    with pytest.raises(HvError, match="not TOML"):
        load_config(broken)
