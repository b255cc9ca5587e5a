"""Faults that are planted in the flash drivers: a short life of each finds them all."""

from __future__ import annotations

from pathlib import Path

import pytest
from driver_core import DriverCore, compile_driver
from flash_models import Stm32F4
from storage_models import Model, model_of

pytest.importorskip("unicorn")

OK = 0

# board, what stands in the driver, what a careless person would have written
FAULTS = (
    ("nrf52840-dk", "can_set(CONFIG_WRITE)", "can_set(CONFIG_READ)"),
    ("nrf52840-dk", "const bool ready = is_ready();", "const bool ready = true;"),
    ("nrf52840-dk", "return (can_set(CONFIG_READ) && good)", "return good"),
    (
        "feather-f405",
        "controller->key = KEY_1;\n        controller->key = KEY_2;",
        "controller->key = KEY_2;\n        controller->key = KEY_1;",
    ),
    ("feather-f405", "good = has_worked(PROGRAM_LIMIT_MS);", "good = true;"),
    ("feather-f405", "    empty_caches();\n", ""),
    (
        "feather-f405",
        "        controller->control = CONTROL_LOCK;",
        "        controller->control = 0u;",
    ),
    ("nucleo-l4r5zi", "controller->key = KEY_1;", "controller->key = KEY_2;"),
    ("nucleo-l4r5zi", "good = has_worked(PROGRAM_LIMIT_MS);", "good = true;"),
    ("nucleo-l4r5zi", "words[(i / 4u) + 1u] =", "words[i / 4u] ="),
    ("nucleo-l4r5zi", "WRITE_BYTES 8u", "WRITE_BYTES 4u"),
    ("nucleo-l4r5zi", "CONTROL_BANK_2 | ", ""),
    ("nucleo-l4r5zi", "before & ~ACCESS_DATA_CACHE;\n    return", "before;\n    return"),
    ("nucleo-l4r5zi", "off | ACCESS_RESET_DATA_CACHE", "off"),
    ("nucleo-l4r5zi", "controller->access_control = before;\n", ""),
    ("nucleo-l4r5zi", "controller->control = CONTROL_LOCK;", "controller->control = 0u;"),
    ("pico", 'section(".ramcode"), ', ""),
    ("pico", "\\n\\tcpsid i", ""),
    ("pico", "(void)call_rom(rom->connect, 0u, 0u, 0u, 0u);", ""),
    ("pico", "(void)call_rom(rom->exit_xip, 0u, 0u, 0u, 0u);", ""),
    ("pico", "(void)call_rom(rom->flush, 0u, 0u, 0u, 0u);", ""),
    ("pico", "    read_as(&reading);\n", ""),
    ("pico", "    READ_ENABLE = 0u;\n", ""),
    ("pico", "    READ_DIVISOR = reading->divisor;\n", ""),
    ("pico", "CODE('R', 'E')", "CODE('E', 'R')"),
    ("pico", "page[i] = HV_FLASH_ERASED;", "page[i] = 0u;"),
    ("pico", "(uint32_t)page;", "(uint32_t)(address - first);"),
    ("pico", "(left < room) ? left : room", "left"),
    ("pico", "rom_pointer(0x14u)", "rom_pointer(0x16u)"),
    ("pico2", 'section(".ramcode"), ', ""),
    ("pico2", "    COPROCESSORS |= COPROCESSOR_7;\n", ""),
    ("pico2", "    READ_FORMAT = reading->format;\n", ""),
    ("pico2", "for_secure_arm = 4u", "for_secure_arm = 1u"),
    ("pico2", "msr primask, %0", "mrs r0, primask"),
)


def _lives(core: DriverCore, model: Model) -> bool:
    """Erases a block twice, programs two ranges of it, and looks at everything."""
    if isinstance(model, Stm32F4):
        model.access = 3 << 9  # both caches are on
    flash = core.flash("data")
    expected = bytearray(model.content)
    block = bytearray(b"\xff" * flash.block_bytes)
    statuses = [core.erase(flash, 1)]
    for _ in range(2):
        statuses.append(core.erase(flash, 1))
        for at, size in ((240, 48), (288, 8)):
            block[at : at + size] = bytes(range(1, size + 1))
            statuses.append(core.program(flash, flash.block_bytes + at, bytes(range(1, size + 1))))
    first = flash.base - model.origin + flash.block_bytes
    expected[first : first + flash.block_bytes] = block
    whole = bytes(model.content) == bytes(expected)
    return set(statuses) == {OK} and whole and model.is_at_rest and not model.faults


@pytest.mark.parametrize("board", sorted({board for board, _, _ in FAULTS}))
def test_the_driver_as_it_is(board: str, tmp_path: Path) -> None:
    model = model_of(board)
    assert _lives(DriverCore(board, compile_driver(board, tmp_path), model), model)


@pytest.mark.parametrize(
    ("board", "right", "wrong"), FAULTS, ids=[f"{fault[0]}-{fault[1].strip()}" for fault in FAULTS]
)
def test_a_planted_fault_is_found(board: str, right: str, wrong: str, tmp_path: Path) -> None:
    model = model_of(board)
    core = DriverCore(board, compile_driver(board, tmp_path, {right: wrong}), model)
    try:
        lives = _lives(core, model)
    except (AssertionError, core.error):
        lives = False  # it did not return
    assert not lives
