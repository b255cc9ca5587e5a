"""Flashing for real: gdb against QEMU's debug server, as it would be against a probe's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from codegen import reference
from codegen.errors import HvError, OutputsDiffer
from codegen.nets import QuantNet
from host_tools.boards import load_board
from host_tools.build import Firmware
from host_tools.emulators.debug_server import debug_server
from host_tools.flash.base import FlashOrder, carry_out, plan_flash
from host_tools.flash.gdb import Gdb
from host_tools.flash.images import Image, Segment, firmware_image, person_image
from host_tools.flash.mailbox import Device, ask
from tests.boards.conftest import BuildFor
from tests.c_host import program
from tests.networks import conv_head, images

TIMEOUT_S = 120.0


@pytest.fixture(autouse=True)
def _gdb_is_here() -> None:
    program("gdb-multiarch", "apt install gdb-multiarch")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[str]:
    with debug_server(load_board(getattr(request, "param", "netduinoplus2"))) as place:
        yield place


def flashed(
    firmware: Firmware, image: Image, folder: Path, server: str, *, person: bool = False
) -> str:
    order = FlashOrder(
        board=firmware.order.board,
        elf=firmware.elf,
        image=image,
        person=".person" if person else "",
        folder=folder,
        verify=True,
        port=server,
    )
    return carry_out(plan_flash(Gdb(), order), Gdb())


def verdicts(net: QuantNet, batch: np.ndarray) -> np.ndarray:
    return np.asarray(reference.run(net, batch)["decision"])


def asked(firmware: Firmware, batch: np.ndarray, server: str) -> np.ndarray:
    device = Device(board=firmware.order.board, elf=firmware.elf, server=server)
    return ask(device, batch.reshape(len(batch), -1), timeout_s=TIMEOUT_S).view(np.int32)


def test_load_compare_run_and_another_persons_weights_alone(
    built: BuildFor, server: str, tmp_path: Path
) -> None:
    """Two persons on one kernel; of the second one, only the weights are written."""
    batch = images(conv_head().arch, 3, seed=6)
    one, other = (built("netduinoplus2", "mailbox", person=seed) for seed in (2, 5))
    said = flashed(one, firmware_image(one.elf), tmp_path, server)
    assert said.count(": matched.") == 4
    np.testing.assert_array_equal(asked(one, batch, server), verdicts(conv_head(2), batch))
    said = flashed(other, person_image(other.elf), tmp_path, server, person=True)
    assert said.count(": matched.") == 4
    assert "load size 16384" in said
    np.testing.assert_array_equal(asked(other, batch, server), verdicts(conv_head(5), batch))
    assert (verdicts(conv_head(2), batch) != verdicts(conv_head(5), batch)).any()


@pytest.mark.parametrize("server", ["qemu-virt32"], indirect=True)
def test_the_same_on_a_risc_v_core(built: BuildFor, server: str, tmp_path: Path) -> None:
    batch = images(conv_head().arch, 2, seed=6)
    firmware = built("qemu-virt32", "mailbox")
    flashed(firmware, firmware_image(firmware.elf), tmp_path, server)
    np.testing.assert_array_equal(asked(firmware, batch, server), verdicts(conv_head(), batch))


def test_bytes_that_differ_are_found(built: BuildFor, server: str, tmp_path: Path) -> None:
    firmware = built("netduinoplus2", "mailbox")
    good = person_image(firmware.elf)
    data = bytearray(good.segments[0].data)
    data[100] ^= 1
    bad = Image(segments=(Segment(address=good.address, data=bytes(data)),))
    flashed(firmware, firmware_image(firmware.elf), tmp_path, server)
    with pytest.raises(OutputsDiffer, match=r"Section \.person.*MIS-MATCHED"):
        flashed(firmware, bad, tmp_path, server, person=True)


def test_a_server_that_is_not_there_is_told(
    built: BuildFor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host_tools.flash.gdb.CONNECT_TIMEOUT_S", 1)
    firmware = built("netduinoplus2", "mailbox")
    with pytest.raises(HvError, match=r"gdb failed .*(refused|timed out)"):
        flashed(firmware, firmware_image(firmware.elf), tmp_path, "127.0.0.1:9")
