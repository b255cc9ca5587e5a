"""Every board: its firmware builds; where an emulator runs it, every tensor is the reference's."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from codegen import reference
from codegen.nets import QuantNet
from host_tools.boards import board_names, board_sources, load_board
from host_tools.build import Firmware
from host_tools.emulators import find_emulator
from host_tools.flash import RUNNERS
from host_tools.processes import run_program
from host_tools.run import run_trace
from host_tools.toolchain import Purpose, choose
from tests.boards.conftest import BuildFor
from tests.networks import images

EMULATED = [name for name in board_names() if load_board(name).emulators]


def start_of_flash(firmware: Firmware) -> bytes:
    with firmware.elf.open("rb") as stream:
        return bytes(ELFFile(stream).get_section_by_name(".vectors").data())


def crc_of_the_boot_rom(data: bytes) -> int:
    """RP2040 Datasheet, "Checksum": polynomial 0x04C11DB7, most significant bit first."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1) ^ (0x04C11DB7 if crc & 0x80000000 else 0)
            crc &= 0xFFFFFFFF
    return crc


@pytest.mark.parametrize("name", board_names())
def test_the_firmware_builds(built: BuildFor, name: str) -> None:
    board = load_board(name)
    firmware = built(name, "trace" if board.emulators else "mailbox")
    assert firmware.sizes is not None
    assert 0 < firmware.sizes.flash <= board.flash.budget_bytes
    assert 0 < firmware.sizes.ram <= board.ram.budget_bytes
    assert firmware.stack is not None
    assert firmware.stack.size_bytes <= board.stack_bytes


@pytest.mark.parametrize("name", EMULATED)
def test_every_tensor_of_every_layer(built: BuildFor, net: QuantNet, name: str) -> None:
    batch = images(net.arch, 3, seed=4)
    expected = reference.run(net, batch)
    firmware = built(name, "trace")
    for emulator in load_board(name).emulators:
        tensors = run_trace(find_emulator(emulator), firmware, batch).trace.tensors
        assert set(tensors) == set(expected)
        for layer, values in expected.items():
            np.testing.assert_array_equal(tensors[layer], values, f"{layer}, {emulator}")


@pytest.mark.parametrize("name", board_names())
def test_tools_and_blocks_are_known(name: str) -> None:
    board = load_board(name)
    assert set(board.runners) <= {runner.name for runner in RUNNERS}
    assert "gdb" in board.runners or "esptool" in board.runners
    assert board.flash.origin % board.flash.erase_bytes == 0
    assert board.flash.size_bytes % board.flash.erase_bytes == 0


def test_the_pico_boots_by_a_second_stage_with_the_right_crc(built: BuildFor) -> None:
    start = start_of_flash(built("pico", "mailbox"))
    (stored,) = struct.unpack_from("<I", start, 252)
    assert stored == crc_of_the_boot_rom(start[:252])
    stack, reset = struct.unpack_from("<II", start, 256)
    assert 0x20000000 < stack <= 0x20042000
    assert 0x10000100 < reset < 0x10200000


def test_both_assemblers_make_the_same_second_stage(built: BuildFor, tmp_path: Path) -> None:
    board = load_board("pico")
    zig = choose(Purpose(board.core.family), "zig")
    (source,) = board_sources(board)
    result = tmp_path / "boot2.o"
    argv = (*zig.argv, *zig.target_flags(board.core), "-c", str(source), "-o", str(result))
    done = run_program(argv, timeout_s=300.0, environment=zig.environment())
    assert done.exit_code == 0, done.output
    with result.open("rb") as stream:
        section = ELFFile(stream).get_section_by_name(".boot").data()
    assert section[:256] == start_of_flash(built("pico", "mailbox"))[:256]


def test_the_crc_is_that_of_the_datasheet() -> None:
    assert crc_of_the_boot_rom(b"123456789") == 0x0376E6E7  # CRC-32/MPEG-2's check value


def test_the_pico_2_finds_its_image_definition(built: BuildFor) -> None:
    start = start_of_flash(built("pico2", "mailbox"))
    block = struct.pack("<5I", 0xFFFFDED3, 0x10210142, 0x1FF, 0, 0xAB123579)
    assert 64 <= start.index(block) < 4096
    assert start.index(block) % 4 == 0
