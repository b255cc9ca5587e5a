"""A store with two small users, and a record of them that was made once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from codegen.cli.regressing import Place, images_for, record
from codegen.quantise import quantise
from codegen.store import User, save_user
from codegen.targets import find_target
from tests import networks
from tests.architectures import CONV_HEAD, Json

NAMES = ("alice", "bob")


def made_user(name: str, architecture: Json, *, seed: int, threshold: float | None = None) -> User:
    from codegen.nets import Architecture

    net = networks.float_net(
        Architecture.from_json(architecture), person_seed=seed, threshold=threshold
    )
    facts = {"checkpoint": "made", "encoder": "none", "photographs": 1, "gate": {"drift": 0.0}}
    return User(name=name, float_net=net, quant_net=quantise(net), facts=facts)


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The store and the record; tests work on copies."""
    root = tmp_path_factory.mktemp("fleet")
    store, folder = root / "store", root / "record"
    for seed, name in enumerate(NAMES, start=2):
        save_user(store, made_user(name, CONV_HEAD, seed=seed))
    place = Place(
        store=store,
        target=find_target("cortex-m4"),
        board=None,
        compiler=None,
        report=lambda _: None,
    )
    record(folder, place, {name: images_for(place, name, None, aligned=True) for name in NAMES})
    return store, folder


@pytest.fixture
def store(made: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[0], tmp_path / "store"))


@pytest.fixture
def folder(made: tuple[Path, Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(made[1], tmp_path / "record"))
