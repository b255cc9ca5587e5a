"""Bytes by address, and the files made of them, read back by other means."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intelhex import IntelHex

from codegen.errors import HvError
from host_tools.flash.images import Image, Segment, firmware_image, make_image, person_image
from host_tools.flash.uf2_file import uf2_bytes
from tests.boards.conftest import BuildFor
from tests.c_host import program

RP2040 = 0xE48BFF56


@st.composite
def some_images(draw: st.DrawFn) -> Image:
    address = draw(st.integers(0, 0xFFFF_0000 - 2**17))
    segments = []
    for _ in range(draw(st.integers(1, 4))):
        address += draw(st.integers(0, 3000))
        data = draw(st.binary(min_size=1, max_size=700))
        segments.append(Segment(address=address, data=data))
        address += len(data)
    return make_image(reversed(segments), "here")


def bytes_of(image: Image) -> dict[int, int]:
    return {s.address + i: byte for s in image.segments for i, byte in enumerate(s.data)}


def read_uf2(data: bytes) -> dict[int, int]:
    """As the format's own description reads: 512-byte blocks, each on its own."""
    assert len(data) % 512 == 0
    found: dict[int, int] = {}
    for at in range(0, len(data), 512):
        block = data[at : at + 512]
        first, second, flags, address, size, number, blocks, family = struct.unpack_from(
            "<8I", block
        )
        assert (first, second) == (0x0A324655, 0x9E5D5157)
        assert struct.unpack_from("<I", block, 508) == (0x0AB16F30,)
        assert flags == 0x2000
        assert family == RP2040
        assert size == 256 and address % 256 == 0
        assert number == at // 512 and blocks == len(data) // 512
        assert block[32 + 256 : 508] == bytes(220)
        new = {address + i: block[32 + i] for i in range(size)}
        assert not new.keys() & found.keys()
        found |= new
    return found


@given(some_images())
def test_uf2_holds_every_byte_and_erased_flash_around_them(image: Image) -> None:
    found, wanted = read_uf2(uf2_bytes(image, RP2040)), bytes_of(image)
    assert wanted.items() <= found.items()
    assert all(found[address] == 0xFF for address in found.keys() - wanted.keys())


@given(some_images())
def test_intel_hex_holds_every_byte(image: Image) -> None:
    """Read by hand: Intel, Hexadecimal Object File Format Specification, 1988."""
    found: dict[int, int] = {}
    base = 0
    lines = image.intel_hex().decode("ascii").splitlines()
    for line in lines:
        assert line[0] == ":"
        record = bytes.fromhex(line[1:])
        assert sum(record) % 256 == 0
        size, address, kind, data = record[0], record[1] << 8 | record[2], record[3], record[4:-1]
        assert len(data) == size
        if kind == 4:
            base = int.from_bytes(data) << 16
        elif kind == 0:
            found |= {base + address + i: byte for i, byte in enumerate(data)}
    assert lines[-1] == ":00000001FF"
    assert found == bytes_of(image)


def test_segments_over_each_other_and_nothing_at_all_are_refused() -> None:
    with pytest.raises(HvError, match="two segments lie at address 0x3"):
        make_image([Segment(address=0, data=b"1234"), Segment(address=3, data=b"5")], "here")
    with pytest.raises(HvError, match="nothing to write"):
        make_image([Segment(address=0, data=b"")], "here")


def test_objcopy_finds_the_same_bytes(built: BuildFor, tmp_path: Path) -> None:
    """It writes sections, we write segments, which have zeros between their sections."""
    firmware = built("netduinoplus2", "mailbox")
    objcopy = program("arm-none-eabi-objcopy", "apt install binutils-arm-none-eabi")
    result = tmp_path / "firmware.hex"
    subprocess.run([objcopy, "-O", "ihex", firmware.elf, result], check=True)
    theirs = IntelHex(str(result)).todict()
    theirs.pop("start_addr", None)
    mine = bytes_of(firmware_image(firmware.elf))
    assert {at for at, byte in theirs.items() if mine.get(at) != byte} == set()
    assert sum(mine[at] for at in mine.keys() - theirs.keys()) == 0
    assert len(mine) - len(theirs) < 16


def test_two_persons_differ_in_their_own_blocks_alone(built: BuildFor) -> None:
    """What --weights-only rests on: the kernel's bytes are the same for everybody."""
    one, other = (built("netduinoplus2", "mailbox", person=seed).elf for seed in (2, 5))
    blocks = person_image(one)
    assert blocks.address == person_image(other).address == 0x08004000
    assert blocks.size_bytes == person_image(other).size_bytes == 0x4000
    mine, others = bytes_of(firmware_image(one)), bytes_of(firmware_image(other))
    differing = {at for at in mine.keys() | others.keys() if mine.get(at) != others.get(at)}
    assert differing
    assert differing <= set(range(0x08004000, 0x08008000))


def test_a_firmware_without_blocks_of_a_persons_own_is_refused(
    built: BuildFor, tmp_path: Path
) -> None:
    with pytest.raises(HvError, match="no blocks of flash for one person"):
        person_image(built("netduinoplus2", "trace").elf)
    (tmp_path / "x.elf").write_bytes(b"not an ELF file")
    with pytest.raises(HvError, match="not an ELF file"):
        firmware_image(tmp_path / "x.elf")
