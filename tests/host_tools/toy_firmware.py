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


def build_faulty(
    kernel: str, folder: Path, *, board: str = "mps2-an386", compiler: str = "gcc"
) -> Firmware:
    """Builds the toy with another kernel text."""
    manifest = load_manifest(write_toy(folder / "faulty", kernel=kernel))
    return build_firmware(
        FirmwareOrder(
            app="trace",
            board=load_board(board),
            toolchain=firmware_compiler(compiler),
            manifest=manifest,
            out=folder / "out",
        )
    )
