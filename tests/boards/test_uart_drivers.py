"""Every board's serial port: its application builds, and its driver does what the manual wants."""

from __future__ import annotations

import pytest

from host_tools.boards import board_names, load_board
from host_tools.build import Firmware
from tests.boards.conftest import BuildFor
from tests.boards.registers import Caller, Registers
from tests.boards.uart_models import MODELS, ONES, RP2040, RP2350, Model, Rp2

SMALL = {"stm32vldiscovery": "two_inputs"}  # its RAM has no room for people beside a network
BAUD = 115_200
WITHOUT_A_CORE = {"mps3-an547"}  # Unicorn has none with Helium; its driver is the other MPS boards'


def device(built: BuildFor, name: str) -> Firmware:
    return built(name, "device", network=SMALL.get(name, "conv_head"))


def started(built: BuildFor, name: str) -> tuple[Caller, Registers, Model]:
    model = MODELS[name]
    registers = model.fresh()
    caller = Caller(device(built, name), registers)
    caller.begin()
    return caller, registers, model


def test_every_board_has_a_serial_port_and_a_model() -> None:
    assert all(load_board(name).uart for name in board_names())
    assert set(MODELS) | WITHOUT_A_CORE == set(board_names())
    kinds = {name: uart.kind for name in board_names() if (uart := load_board(name).uart)}
    assert {kinds[name] for name in MODELS} == set(kinds.values())


@pytest.mark.parametrize("name", board_names())
def test_the_device_application_builds(built: BuildFor, name: str) -> None:
    board = load_board(name)
    firmware = device(built, name)
    assert firmware.sizes is not None
    assert 0 < firmware.sizes.ram <= board.ram.budget_bytes
    assert firmware.stack is not None
    assert 0 < firmware.stack.size_bytes <= board.stack_bytes


@pytest.mark.parametrize("name", MODELS)
def test_nothing_is_touched_before_its_gate_is_open(built: BuildFor, name: str) -> None:
    _, registers, model = started(built, name)
    for gate in model.gates:
        touched = [
            access
            for access in registers.log
            if gate.start <= access.address < gate.start + gate.size_bytes
        ]
        assert touched, f"{gate.start:#x} is never touched"
        for access in touched:
            assert access.before.get(gate.address, 0) & gate.mask == gate.value, hex(access.address)


@pytest.mark.parametrize("name", MODELS)
def test_pins_and_enables_are_those_of_the_manual(built: BuildFor, name: str) -> None:
    _, registers, model = started(built, name)
    for address, mask, value in model.after:
        assert registers.words.get(address, 0) & mask == value, hex(address)


@pytest.mark.parametrize("name", MODELS)
def test_the_divisor_gives_the_rate(built: BuildFor, name: str) -> None:
    _, registers, model = started(built, name)
    assert abs(model.baud(registers.words) / BAUD - 1) < 0.02


@pytest.mark.parametrize("name", MODELS)
def test_bytes_are_sent_where_there_is_room(built: BuildFor, name: str) -> None:
    caller, registers, model = started(built, name)
    before = len(registers.stored(model.data_out))
    registers.words.update([model.can_send])
    assert caller.put(0xA5)
    assert registers.stored(model.data_out)[before:] == [0xA5]
    registers.words.update([model.cannot_send])
    assert not caller.put(0x5A)
    assert len(registers.stored(model.data_out)) == before + 1
    registers.words.update([model.can_send])
    assert caller.put(0x5A)
    assert registers.stored(model.data_out)[before + 1 :] == [0x5A]


@pytest.mark.parametrize("name", MODELS)
def test_bytes_are_taken_when_they_came(built: BuildFor, name: str) -> None:
    caller, registers, model = started(built, name)
    for byte in (0x00, 0xC3, 0xFF):
        registers.words.update([model.has_none])
        assert caller.get() is None
        registers.words.update([(model.data_in, byte), model.has_byte])
        assert caller.get() == byte


@pytest.mark.parametrize("silent", [0, ONES])
@pytest.mark.parametrize("name", MODELS)
def test_beginning_ends_whatever_the_hardware_answers(
    built: BuildFor, name: str, silent: int
) -> None:
    Caller(device(built, name), Registers(every_load=silent)).begin()


@pytest.mark.parametrize(
    ("name", "chip", "ring_hz"), [("pico", RP2040, 6.5e6), ("pico2", RP2350, 11e6)]
)
def test_without_a_crystal_the_ring_oscillator_serves(
    built: BuildFor, name: str, chip: Rp2, ring_hz: float
) -> None:
    registers = chip.fresh(crystal=False)
    Caller(device(built, name), registers).begin()
    assert registers.words.get(chip.clocks + 0x30, 0) & 3 == 0
    assert registers.words[chip.clocks + 0x48] & (0b111 << 5) == 0
    assert registers.words[chip.clocks + 0x48] & (1 << 11)
    assert abs(chip.baud(ring_hz)(registers.words) / BAUD - 1) < 0.02
    assert registers.words[chip.uart + 0x30] == 0x301


@pytest.mark.parametrize("name", ["nucleo-l4r5zi", "nucleo-h743zi"])
def test_an_overrun_is_cleared(built: BuildFor, name: str) -> None:
    caller, registers, model = started(built, name)
    status, _ = model.has_byte
    registers.words.update([(status, (1 << 5) | (1 << 3)), (model.data_in, 0x42)])
    assert caller.get() == 0x42
    assert registers.stored(status + 4) == [1 << 3]  # ICR: ORECF
