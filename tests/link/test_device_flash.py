"""Flash that outlives the power, and flash that went bad: the micro:bit, started anew each time.

Its people lie in flash that QEMU's model of the controller wrote. QEMU ends, and another one
starts with those bytes, or with some that are not what was written.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from devices import BuildDevice, RunDevice
from lives import ALICE, BOB, bundle_of, check_decisions, hello, signed, user_of

from codegen import reference
from codegen.signing import SigningKey, new_key
from host_tools.boards import Storage
from host_tools.build import Firmware
from host_tools.flash.images import Segment, firmware_image
from host_tools.link.client import Refusal
from host_tools.link.device import Device
from host_tools.link.protocol import Code
from tests import networks

BOARD = "microbit"
EVERYBODY = {user_of(ALICE): ALICE, user_of(BOB): BOB}


@dataclass(frozen=True, kw_only=True)
class Lived:
    """A device that two people were sent to.

    Attributes:
        firmware: what it runs.
        storage: where people are.
        flash: what lay there when the power went.
        bundles: by user id, as they were sent.
        key: of the shop.
    """

    firmware: Firmware
    storage: Storage
    flash: bytes
    bundles: dict[bytes, bytes]
    key: SigningKey

    def with_flips(self, folder: Path, *bits: int) -> Firmware:
        """All of the chip's flash, some bits of the people's part with another value."""
        people = bytearray(self.flash)
        for bit in bits:
            people[bit // 8] ^= 1 << (bit % 8)
        flash = self.firmware.order.board.flash
        whole = bytearray(b"\xff" * flash.size_bytes)
        segments = firmware_image(self.firmware.elf).segments
        for segment in (*segments, Segment(address=self.storage.origin, data=bytes(people))):
            start = segment.address - flash.origin
            whole[start : start + len(segment.data)] = segment.data
        assert len(whole) == flash.size_bytes
        file = folder / "flash.bin"
        file.write_bytes(whole)
        return dataclasses.replace(self.firmware, elf=file)

    def places_of(self, content: bytes) -> list[int]:
        """Where bytes lie in flash, as offsets."""
        found, start = [], self.flash.find(content)
        while start >= 0:
            found.append(start)
            start = self.flash.find(content, start + 1)
        return found


@pytest.fixture(scope="module")
def lived(
    build_device: BuildDevice, run_device: RunDevice, tmp_path_factory: pytest.TempPathFactory
) -> Lived:
    key = new_key(tmp_path_factory.mktemp("keys") / "shop.pem")
    firmware = build_device("conv_head", BOARD, key.public)
    storage = firmware.order.board.storage
    assert storage is not None
    bundles = {user: signed(bundle_of(seed, 3, BOARD), key) for user, seed in EVERYBODY.items()}
    with run_device(firmware) as port:
        device = hello(port)
        for bundle in bundles.values():
            device.send_bundle(bundle)
        flash = port.memory(storage.origin, storage.size_bytes)
    return Lived(firmware=firmware, storage=storage, flash=flash, bundles=bundles, key=key)


def test_people_outlive_the_power(lived: Lived, run_device: RunDevice, tmp_path: Path) -> None:
    with run_device(lived.with_flips(tmp_path)) as port:
        check_decisions(hello(port), EVERYBODY)
    with run_device(lived.firmware) as port:
        assert hello(port).people() == ()


@pytest.mark.parametrize("place", [0.0, 0.05, 0.3, 0.6, 0.9, 1.0])
def test_who_is_damaged_is_refused_and_said_and_the_other_stays(
    lived: Lived, run_device: RunDevice, tmp_path: Path, place: float
) -> None:
    """One bit of Alice's bundle: of its header, its tensors, its signature."""
    alice = lived.bundles[user_of(ALICE)]
    (start,) = lived.places_of(alice)
    bit = 8 * start + round(place * (8 * len(alice) - 1))
    with run_device(lived.with_flips(tmp_path, bit)) as port:
        device = hello(port)
        people = {person.user: person for person in device.people()}
        assert people[user_of(ALICE).hex()].size_bytes == 0
        assert people[user_of(BOB).hex()].size_bytes == len(lived.bundles[user_of(BOB)])
        _check_that_only_bob_is_known(device, people[user_of(ALICE).hex()].number)
        device.send_bundle(signed(bundle_of(ALICE, 4, BOARD), lived.key))
        check_decisions(device, EVERYBODY)


def _check_that_only_bob_is_known(device: Device, damaged: int) -> None:
    """Alice's number is refused; whoever the device says it is, Bob's own network accepts."""
    (batch, expected) = _images_and_bobs_verdicts()
    known = {person.user: person.number for person in device.people()}
    bob = known[user_of(BOB).hex()]
    for image, verdict in zip(batch, expected, strict=True):
        device.send_image(image.tobytes())
        assert device.run(bob).verdict == tuple(verdict)
        assert device.who().person == (bob if verdict[2] else None)
        with pytest.raises(Refusal) as caught:
            device.run(damaged)
        assert caught.value.code == Code.REFUSED


def _images_and_bobs_verdicts() -> tuple[np.ndarray, np.ndarray]:
    batch = networks.images(networks.conv_head().arch, 6, 8)
    return batch, np.asarray(reference.run(networks.conv_head(BOB), batch)["decision"])


def test_a_flipped_bit_of_the_journal_changes_nobody(
    lived: Lived, run_device: RunDevice, tmp_path: Path
) -> None:
    """Each entry lies there twice: one bit of any record of Alice's is made up for."""
    journal = lived.storage.journal_blocks * lived.storage.block_bytes
    records = [place for place in lived.places_of(user_of(ALICE)) if place < journal]
    assert len(records) >= 2
    for place in records:
        with run_device(lived.with_flips(tmp_path, 8 * place + 5)) as port:
            check_decisions(hello(port), EVERYBODY)
