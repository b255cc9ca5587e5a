"""Compilers and emulators for the tests, and firmware with planted faults."""

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
from host_tools.manifest import load_manifest
from host_tools.toolchain import Purpose, Toolchain, choose

Build = Callable[..., Firmware]


DEFAULT_BOARD = "mps2-an386"


def family_of_board(board: str) -> str:
    return load_board(board).core.family


def firmware_compiler(name: str, board: str = DEFAULT_BOARD) -> Toolchain:
    try:
        return choose(Purpose(family_of_board(board)), name)
    except ProgramMissing as error:
        pytest.skip(str(error))


def installed_emulator(name: str, board: str = DEFAULT_BOARD) -> Emulator:
    emulator = find_emulator(name)
    family = family_of_board(board)
    if emulator.version(family) is None:
        pytest.skip(f"{name} is not installed: {emulator.hint(family)}")
    return emulator


def build_faulty(
    kernel: str, folder: Path, *, board: str = DEFAULT_BOARD, compiler: str = "gcc"
) -> Firmware:
    """Builds the toy with another kernel text."""
    manifest = load_manifest(write_toy(folder / "faulty", kernel=kernel))
    return build_firmware(
        FirmwareOrder(
            app="trace",
            board=load_board(board),
            toolchain=firmware_compiler(compiler, board),
            manifest=manifest,
            out=folder / "out",
        )
    )
