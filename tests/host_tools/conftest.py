"""Fixtures: a tiny emitted folder, and firmware built from it once for each board and compiler."""

from __future__ import annotations

import os
from collections.abc import Iterator

import platformdirs
import pytest
from toy import write_toy
from toy_firmware import Build, firmware_compiler

from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.manifest import Manifest, load_manifest
from host_tools.toolchain import ZIG_CACHE_VARIABLE


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return load_manifest(write_toy(tmp_path_factory.mktemp("toy") / "folder"))


@pytest.fixture(scope="session")
def build(toy: Manifest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds the application for a board with a compiler, once; skips when there is none."""
    built: dict[tuple[str, ...], Firmware] = {}

    def once(board: str, compiler: str = "gcc", app: str = "trace") -> Firmware:
        key = (board, compiler, app)
        if key not in built:
            order = FirmwareOrder(
                app=app,
                board=load_board(board),
                toolchain=firmware_compiler(compiler, board),
                manifest=toy if app == "trace" else None,
                out=tmp_path_factory.mktemp("-".join(key)),
            )
            built[key] = build_firmware(order)
        return built[key]

    return once


@pytest.fixture(scope="session", autouse=True)
def _zig_keeps_its_library() -> Iterator[None]:
    """Zig's compiled library of arithmetic outlives the tests; making it takes half a minute."""
    with pytest.MonkeyPatch.context() as patch:
        if not os.environ.get(ZIG_CACHE_VARIABLE):
            patch.setenv(ZIG_CACHE_VARIABLE, str(platformdirs.user_cache_path("hvcodegen") / "zig"))
        yield
