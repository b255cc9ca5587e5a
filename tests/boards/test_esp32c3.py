"""The ESP32-C3: what its ROM looks for, the watchdogs it leaves on, and flash at two addresses.

Numbers are from Espressif's esp32c3-direct-boot-example and the ESP32-C3 Technical Reference
Manual, "Watchdog Timers"; nothing is taken from board.toml or from the code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from codegen.errors import HvError
from codegen.nets import QuantNet
from host_tools.boards import load_board
from host_tools.build import build_firmware
from host_tools.emulators import find_emulator
from host_tools.flash.images import firmware_image, joined_by_block, person_image
from host_tools.run import run_trace
from tests.boards.conftest import BuildFor
from tests.boards.registers import Caller, Registers
from tests.networks import images

CODE, DATA, FLASH_BYTES, SECTOR_BYTES = 0x4200_0000, 0x3C00_0000, 0x0040_0000, 4096
RTC, GROUP0 = 0x6000_8000, 0x6001_F000
WATCHDOG_KEY, SUPER_KEY = 0x50D8_3AA1, 0x8F1D_312A
RTC_GUARD, GROUP_GUARD, AUTO_FEED, UPDATE = 1 << 12, 1 << 14, 1 << 31, 1 << 22


def guarded(protect: int, key: int, address: int) -> Callable[[dict[int, int], int], None]:
    """A register that is written only while another holds its key."""

    def store(words: dict[int, int], value: int) -> None:
        if words.get(protect) == key:
            words[address] = value

    return store


def after_the_rom() -> Registers:
    """Both guards of the boot run, the super watchdog runs, and all are protected."""
    places = (
        (RTC + 0xA8, WATCHDOG_KEY, RTC + 0x90, RTC_GUARD | 0x1_3214),
        (RTC + 0xB0, SUPER_KEY, RTC + 0xAC, 300 << 18),
        (GROUP0 + 0x64, WATCHDOG_KEY, GROUP0 + 0x48, GROUP_GUARD | 0x4_8000),
    )
    return Registers(
        words={address: value for _, _, address, value in places},
        stores={address: guarded(protect, key, address) for protect, key, address, _ in places},
    )


@pytest.mark.parametrize("app", ["mailbox", "trace", "device"])
def test_the_rom_knows_the_image_and_no_watchdog_is_left(built: BuildFor, app: str) -> None:
    firmware = built("esp32-c3", app)
    first = firmware_image(firmware.elf).segments[0]
    assert first.address == CODE
    assert first.data[:8] == bytes.fromhex("1d04dbae 1d04dbae")
    registers = after_the_rom()
    Caller(firmware, registers).boot(CODE + 8)
    words = registers.words
    assert words[RTC + 0x90] & (1 << 31 | RTC_GUARD) == 0
    assert words[RTC + 0xAC] == AUTO_FEED | 300 << 18
    assert words[GROUP0 + 0x48] & (1 << 31 | GROUP_GUARD) == 0
    assert registers.stored(GROUP0 + 0x48)[-1] & UPDATE  # else it is not taken over
    assert words[RTC + 0xA8] == words[RTC + 0xB0] == words[GROUP0 + 0x64] == 0


@pytest.mark.parametrize(
    ("app", "compiler"), [("mailbox", None), ("trace", None), ("device", None), ("trace", "zig")]
)
def test_code_and_constants_lie_at_their_own_addresses(
    built: BuildFor, app: str, compiler: str | None
) -> None:
    with built("esp32-c3", app, compiler=compiler).elf.open("rb") as stream:
        segments = [s for s in ELFFile(stream).iter_segments("PT_LOAD") if s["p_filesz"]]
        for segment in segments:
            offset = segment["p_paddr"] - CODE
            assert 0 <= offset <= FLASH_BYTES - segment["p_filesz"]
            if segment["p_flags"] & 1:
                assert segment["p_vaddr"] == CODE + offset
            elif segment["p_vaddr"] < 0x3FC8_0000:
                assert segment["p_vaddr"] == DATA + offset
    assert any(segment["p_vaddr"] < CODE for segment in segments)


def test_a_constant_at_the_address_of_code_is_noticed(
    built: BuildFor, net: QuantNet, tmp_path: Path
) -> None:
    """What the comparison of every tensor rests on: the emulator refuses to read code."""
    order = built("esp32-c3", "trace").order
    flash = order.board.flash
    one_address = replace(order.board, flash=replace(flash, data_origin=flash.origin))
    wrong = build_firmware(replace(order, board=one_address, out=tmp_path))
    with pytest.raises(HvError, match="the firmware faulted"):
        run_trace(
            find_emulator("unicorn"), replace(wrong, order=order), images(net.arch, 1, seed=4)
        )


def test_no_two_files_share_a_sector(built: BuildFor) -> None:
    """esptool erases sectors and refuses two files in one."""
    for app in ("mailbox", "trace"):
        image = firmware_image(built("esp32-c3", app).elf)
        joined = joined_by_block(image, SECTOR_BYTES)
        ends = [-(-segment.end // SECTOR_BYTES) for segment in joined.segments]
        starts = [segment.address // SECTOR_BYTES for segment in joined.segments]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        whole = {s.address + i: byte for s in joined.segments for i, byte in enumerate(s.data)}
        for segment in image.segments:
            for i, byte in enumerate(segment.data):
                assert whole.pop(segment.address + i) == byte
        assert set(whole.values()) <= {0xFF}


def test_a_persons_weights_are_written_where_code_is_and_read_elsewhere(built: BuildFor) -> None:
    firmware = built("esp32-c3", "mailbox")
    person = person_image(firmware.elf)
    assert person.address == CODE + SECTOR_BYTES
    assert person.size_bytes == SECTOR_BYTES
    with firmware.elf.open("rb") as stream:
        (place,) = ELFFile(stream).get_section_by_name(".symtab").get_symbol_by_name("hv_person")
        assert place["st_value"] == DATA + SECTOR_BYTES


def test_the_ram_ends_before_the_roms() -> None:
    ram = load_board("esp32-c3").ram
    assert ram.origin == 0x3FC8_0000
    assert ram.origin + ram.size_bytes <= 0x3FCD_C710
