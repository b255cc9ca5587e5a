"""One small network for every board: emitted once for each core, built once for each board."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from codegen.emit import emit, write_emission
from codegen.nets import QuantNet
from codegen.schedule import schedule
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.manifest import Manifest, load_manifest
from host_tools.toolchain import Purpose, choose
from tests.networks import conv_head

BuildFor = Callable[..., Firmware]


@pytest.fixture(scope="session")
def net() -> QuantNet:
    return conv_head()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuildFor:
    manifests: dict[tuple[str, int], Manifest] = {}
    firmwares: dict[tuple[str, str, int, str | None], Firmware] = {}

    def emitted(target: str, person: int) -> Manifest:
        if (target, person) not in manifests:
            folder = tmp_path_factory.mktemp(target) / "folder"
            core = load_board(target).core
            write_emission(emit(schedule(conv_head(person), core), "someone"), folder)
            manifests[target, person] = load_manifest(folder)
        return manifests[target, person]

    def build(name: str, app: str, *, person: int = 2, compiler: str | None = None) -> Firmware:
        key = (name, app, person, compiler)
        if key not in firmwares:
            board = load_board(name)
            manifest = emitted(board.core.board or name, person)
            firmwares[key] = build_firmware(
                FirmwareOrder(
                    app=app,
                    board=board,
                    toolchain=choose(Purpose(board.core.family), compiler),
                    manifest=manifest,
                    out=tmp_path_factory.mktemp(f"{name}-{app}"),
                )
            )
        return firmwares[key]

    return build
