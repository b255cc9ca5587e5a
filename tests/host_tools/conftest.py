"""Fixtures: a tiny emitted folder, and firmware built from it once for each board and compiler."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from toy import write_toy

from codegen.errors import ProgramMissing
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.emulators import find_emulator
from host_tools.emulators.base import Emulator
from host_tools.manifest import Manifest, load_manifest
from host_tools.toolchain import Purpose, Toolchain, choose

Build = Callable[..., Firmware]


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
                toolchain=firmware_compiler(compiler),
                manifest=toy if app == "trace" else None,
                out=tmp_path_factory.mktemp("-".join(key)),
            )
            built[key] = build_firmware(order)
        return built[key]

    return once


def firmware_compiler(name: str) -> Toolchain:
    try:
        return choose(Purpose.FIRMWARE, name)
    except ProgramMissing as error:
        pytest.skip(str(error))


def installed_emulator(name: str) -> Emulator:
    emulator = find_emulator(name)
    if emulator.version() is None:
        pytest.skip(f"{name} is not installed: {emulator.hint}")
    return emulator


def build_faulty(kernel: str, folder: Path, *, board: str = "mps2-an386") -> Firmware:
    """Builds the toy with another kernel text."""
    manifest = load_manifest(write_toy(folder / "faulty", kernel=kernel))
    return build_firmware(
        FirmwareOrder(
            app="trace",
            board=load_board(board),
            toolchain=firmware_compiler("gcc"),
            manifest=manifest,
            out=folder / "out",
        )
    )
