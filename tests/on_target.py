"""Runs a network on its target's emulated board."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from codegen.nets import QuantNet
from codegen.targets import find_target
from host_tools.boards import load_board
from host_tools.build import FirmwareOrder, build_firmware
from host_tools.emulators import emulators_here
from host_tools.manifest import load_manifest
from host_tools.run import run_trace
from host_tools.toolchain import Purpose, choose
from tests.c_host import emitted


def traces_on_target(
    net: QuantNet, batch: np.ndarray, folder: Path
) -> Iterator[tuple[str, Mapping[str, np.ndarray]]]:
    """Every tensor of every layer, from each emulator that is there; one must be.

    Args:
        net: the network; a Cortex-M4 is its target.
        batch: images, or rows of packed inputs.
        folder: where to work.
    """
    emitted(net, folder / "folder")
    order = FirmwareOrder(
        app="trace",
        board=load_board(find_target("cortex-m4").board or ""),
        toolchain=choose(Purpose.CORTEX_M),
        manifest=load_manifest(folder / "folder"),
        out=folder / "firmware",
    )
    firmware = build_firmware(order)
    emulators = emulators_here(order.board)
    assert emulators
    for emulator in emulators:
        yield emulator.name, run_trace(emulator, firmware, batch).trace.tensors
