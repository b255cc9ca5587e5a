"""The driver for the Picos' flash: what its boot ROM has and the other controllers have not."""

from __future__ import annotations

from pathlib import Path

import pytest
from driver_core import DriverCore, compile_driver
from rp2_models import Rp2, Rp2350
from storage_models import model_of

from host_tools.boards import load_board
from host_tools.sizes import read_symbols

pytest.importorskip("unicorn")

OK, ERROR_FLASH = 0, 32


@pytest.fixture(scope="module", params=["pico", "pico2"])
def elf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_driver(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def model(elf: Path) -> Rp2:
    model = model_of(elf.stem)
    assert isinstance(model, Rp2)
    return model


@pytest.fixture
def core(elf: Path, model: Rp2) -> DriverCore:
    return DriverCore(elf.stem, elf, model)


def test_what_runs_without_flash_lies_in_ram(elf: Path) -> None:
    board = load_board(elf.stem)
    (perform,) = [symbol for symbol in read_symbols(elf) if symbol.name == "perform"]
    assert 0 <= perform.address - board.ram.origin < board.ram.size_bytes


@pytest.mark.parametrize(("at", "size"), [(0, 256), (252, 8), (240, 44), (200, 600), (4092, 4)])
def test_bytes_that_cross_pages(core: DriverCore, model: Rp2, at: int, size: int) -> None:
    flash = core.flash("data")
    data = bytes(number % 251 for number in range(size))
    assert core.erase(flash, 2) == OK
    start = 2 * flash.block_bytes + at
    assert core.program(flash, start, data) == OK
    first = flash.base - model.origin + 2 * flash.block_bytes
    block = bytes(model.content[first : first + flash.block_bytes])
    assert block == b"\xff" * at + data + b"\xff" * (flash.block_bytes - at - size)
    assert model.is_at_rest
    assert not model.faults


def test_a_page_is_filled_in_pieces(core: DriverCore, model: Rp2) -> None:
    flash = core.flash("journal")
    assert core.erase(flash, 0) == OK
    for at in range(0, 256, 4):
        assert core.program(flash, at, bytes([at, 0, 1, 2])) == OK
    assert bytes(model.content[:256:4]) == bytes(range(0, 256, 4))
    assert model.is_at_rest
    assert not model.faults


@pytest.mark.parametrize("missing", ["IF", "EX", "RE", "RP", "FC"])
def test_a_rom_that_lacks_a_function_is_told(core: DriverCore, model: Rp2, missing: str) -> None:
    flash = core.flash("data")
    model.without = frozenset({missing})
    before = bytes(model.content)
    if missing != "RP":
        assert core.erase(flash, 0) == ERROR_FLASH
    if missing != "RE":
        assert core.program(flash, 0, bytes(4)) == ERROR_FLASH
    assert bytes(model.content) == before
    assert model.is_at_rest
    assert not model.faults


def test_a_program_that_a_partition_table_moved_writes_nothing(
    core: DriverCore, model: Rp2
) -> None:
    if not isinstance(model, Rp2350):
        pytest.skip("the RP2040 has no partition tables")
    flash = core.flash("data")
    before = bytes(model.content)
    model.moved = True
    assert core.erase(flash, 0) == ERROR_FLASH
    assert core.program(flash, 0, bytes(4)) == ERROR_FLASH
    assert bytes(model.content) == before
    assert model.is_at_rest
