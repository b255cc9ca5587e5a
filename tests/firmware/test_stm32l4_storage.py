"""The STM32L4's driver where power was lost: its ECC finds errors, and an exception comes."""

from __future__ import annotations

from pathlib import Path

import pytest
from driver_core import DriverCore, compile_driver
from stm32l4_model import BANK_2, CORRECTED, DETECTED, TWO_BANKS, Stm32L4
from storage_models import model_of

from codegen.resources import resource

pytest.importorskip("unicorn")

BOARD = "nucleo-l4r5zi"
OK, ERROR_FLASH = 0, 32
RUNTIME = ("hv_slots", "hv_slots_state", "hv_areas", "hv_journal", "hv_stored", "hv_crc")
# operations of an update: 12 units of two records, 76 of a bundle, 12 of two records
CUTS = (0, 1, 5, 6, 11, 12, 50, 87, 88, 89, 90, 93, 94, 97, 98)


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    firmware = resource("firmware")
    more = [firmware / "runtime" / f"{name}.c" for name in RUNTIME]
    more += [firmware / "startup" / "hv_memory.c", Path(__file__).parent / "c" / "slots_life.c"]
    return compile_driver(BOARD, tmp_path_factory.mktemp(BOARD), more=more)


@pytest.fixture
def model() -> Stm32L4:
    model = model_of(BOARD)
    assert isinstance(model, Stm32L4)
    return model


def boot(elf: Path, model: Stm32L4) -> DriverCore:
    return DriverCore(BOARD, elf, model)


def test_a_torn_unit_is_not_programmed_and_an_erase_heals_it(elf: Path, model: Stm32L4) -> None:
    core = boot(elf, model)
    flash = core.flash("data")
    at = flash.base - model.origin
    assert core.erase(flash, 0) == OK
    model.torn.add(at + 16)
    assert core.program(flash, 16, b"abcdefgh") == ERROR_FLASH
    assert core.exceptions > 0
    assert core.program(flash, 24, b"abcdefgh") == OK
    assert core.erase(flash, 0) == OK
    assert core.program(flash, 16, b"abcdefgh") == OK
    assert bytes(model.content[at + 16 : at + 24]) == b"abcdefgh"
    assert model.is_at_rest
    assert not model.faults


def test_right_bytes_with_a_wrong_ecc_are_told(
    elf: Path, model: Stm32L4, monkeypatch: pytest.MonkeyPatch
) -> None:
    core = boot(elf, model)
    flash = core.flash("data")
    assert core.erase(flash, 0) == OK
    whole = model.put_word

    def tear(offset: int, value: int) -> None:
        whole(offset, value)
        model.torn.add(offset // 8 * 8)

    monkeypatch.setattr(model, "put_word", tear)
    assert core.program(flash, 0, b"abcdefgh") == ERROR_FLASH
    assert model.is_at_rest


@pytest.mark.parametrize(
    ("ecc", "forgives"),
    [
        (0, 0),
        (CORRECTED | 1 << 21, 0),
        (DETECTED, 0),  # in the first bank: the program itself
        (DETECTED | 1 << 22 | 1 << 21, 0),
        (DETECTED | 1 << 21, 1),
        (DETECTED | CORRECTED | 1 << 21 | 0x1234, 1),
    ],
)
def test_which_exceptions_are_forgiven(elf: Path, model: Stm32L4, ecc: int, forgives: int) -> None:
    core = boot(elf, model)
    model.ecc = ecc
    assert core.call_named("hv_storage_forgives") & 0xFF == forgives
    cleared = ecc & ~(DETECTED | CORRECTED) if forgives else ecc
    assert model.ecc == cleared


@pytest.mark.parametrize("options", [0, TWO_BANKS | 1 << 20])
def test_other_banks_are_left_alone(elf: Path, model: Stm32L4, options: int) -> None:
    core = boot(elf, model)
    flash = core.flash("data")
    model.options = options
    before = bytes(model.content)
    assert core.erase(flash, 0) == ERROR_FLASH
    assert core.program(flash, 0, bytes(8)) == ERROR_FLASH
    assert bytes(model.content) == before
    assert model.is_at_rest


def test_people_lie_in_the_second_bank(model: Stm32L4) -> None:
    assert model.origin >= BANK_2


def test_reading_what_is_torn_goes_on(elf: Path, model: Stm32L4) -> None:
    core = boot(elf, model)
    assert core.call_named("life_mount") == OK
    assert core.call_named("life_install", 1, 1) == OK
    half = 2 * 0x1000
    model.torn |= {unit for unit in range(0, half, 8) if unit % 0x900 == 0}
    core = boot(elf, model)
    assert core.call_named("life_mount") == OK
    assert core.exceptions > 0
    assert core.call_named("life_version", 1) == 1
    assert not model.faults


@pytest.mark.parametrize("cut_at", CUTS)
def test_power_is_lost_in_an_update(elf: Path, model: Stm32L4, cut_at: int) -> None:
    """Each time the old person or the new one is there, and the next update works."""
    core = boot(elf, model)
    assert core.call_named("life_mount") == OK
    for who in (1, 2):
        assert core.call_named("life_install", who, 1) == OK
    model.cut_at = model.operations + cut_at
    try:
        status = core.call_named("life_install", 1, 2)
    except AssertionError:
        status = None
    was_cut = model.dead
    assert was_cut == (status is None)
    model.cut_at = None
    core = boot(elf, model)
    assert core.call_named("life_mount") == OK
    assert core.call_named("life_version", 2) == 1
    assert core.call_named("life_version", 1) in ((1, 2) if was_cut else (2,))
    assert core.call_named("life_install", 1, 3) == OK
    assert core.call_named("life_version", 1) == 3
    assert core.call_named("life_version", 2) == 1
    assert not model.faults
