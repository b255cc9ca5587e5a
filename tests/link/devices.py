"""Device firmware of small networks, built once; emulated boards that run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from codegen.emit import emit, write_emission
from codegen.errors import ProgramMissing
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.verification import Verification
from host_tools.boards import load_board
from host_tools.build import Firmware, FirmwareOrder, build_firmware
from host_tools.link.emulated import APP, EmulatedPort, emulated
from host_tools.manifest import load_manifest
from host_tools.monocypher import fetch_monocypher
from host_tools.toolchain import Purpose, choose
from tests import networks
from tests.c_host import emitted

MAKERS: dict[str, Callable[[], QuantNet]] = {
    "conv_head": networks.conv_head,
    "rows": networks.rows,
    "two_inputs": networks.two_inputs,
}
BuildDevice = Callable[..., Firmware]
RunDevice = Callable[[Firmware], AbstractContextManager[EmulatedPort]]


@pytest.fixture(scope="session")
def build_device(tmp_path_factory: pytest.TempPathFactory) -> BuildDevice:
    """The firmware of a network for a board; with a public key, it takes bundles by that alone."""
    built: dict[tuple[str, str, bytes], Firmware] = {}

    def once(
        network: str = "conv_head", board: str = "mps2-an386", public_key: bytes = b""
    ) -> Firmware:
        key = network, board, public_key
        if key not in built:
            described = load_board(board).in_qemu
            folder = tmp_path_factory.mktemp(f"{network}-{board}")
            if public_key:
                checks = Verification(public_key=public_key, library=fetch_monocypher(print))
                scheduled = schedule(MAKERS[network](), described.core)
                emission = emit(scheduled, "someone", verification=checks)
                write_emission(emission, folder / "kernel")
            else:
                emitted(MAKERS[network](), folder / "kernel", target=described.core)
            try:
                toolchain = choose(Purpose(described.core.family))
            except ProgramMissing as error:
                pytest.skip(str(error))
            built[key] = build_firmware(
                FirmwareOrder(
                    app=APP,
                    board=described,
                    toolchain=toolchain,
                    manifest=load_manifest(folder / "kernel"),
                    out=folder / "firmware",
                )
            )
        return built[key]

    return once


@pytest.fixture(scope="session")
def run_device() -> RunDevice:
    """Runs a firmware; skips where there is no QEMU."""

    @contextmanager
    def running(firmware: Firmware) -> Iterator[EmulatedPort]:
        try:
            with emulated(firmware) as transport:
                yield transport
        except ProgramMissing as error:
            pytest.skip(str(error))

    return running
