"""One small network for every board: emitted once for each core, built once for each board."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from codegen.nets import QuantNet
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.manifest import Manifest, load_manifest
from host_tools.toolchain import Purpose, choose
from tests import networks
from tests.c_host import emitted
from tests.networks import conv_head

BuildFor = Callable[..., Firmware]
MAKERS: dict[str, Callable[[int], QuantNet]] = {
    "conv_head": conv_head,
    "two_inputs": lambda _person: networks.two_inputs(),
}


@pytest.fixture(scope="session")
def net() -> QuantNet:
    return conv_head()


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> BuildFor:
    manifests: dict[tuple[str, str, int], Manifest] = {}
    firmwares: dict[tuple[str, str, str, int, str | None], Firmware] = {}

    def manifest_of(target: str, network: str, person: int) -> Manifest:
        key = (target, network, person)
        if key not in manifests:
            folder = tmp_path_factory.mktemp(target) / "folder"
            emitted(MAKERS[network](person), folder, target=load_board(target).core)
            manifests[key] = load_manifest(folder)
        return manifests[key]

    def build(
        name: str,
        app: str,
        *,
        network: str = "conv_head",
        person: int = 2,
        compiler: str | None = None,
    ) -> Firmware:
        key = (name, app, network, person, compiler)
        if key not in firmwares:
            board = load_board(name)
            manifest = manifest_of(board.core.board or name, network, person)
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
