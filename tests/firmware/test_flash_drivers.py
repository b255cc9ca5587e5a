"""Flash drivers on their own core against models of the controllers: every board with one."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from driver_core import DriverCore, Flash, compile_driver
from flash_models import Nor, Stm32F4
from rp2_models import Rp2
from stm32l4_model import Stm32L4
from storage_models import MODELS, Model, model_of

from codegen.resources import resource
from host_tools.boards import board_names, load_board

pytest.importorskip("unicorn")

OK, ERROR_FLASH = 0, 32
BOARDS = [name for name in board_names() if load_board(name).storage]
WHICH = ("journal", "data")
WRITE_BYTES = {"stm32l4": 8}  # of the others: 4


@pytest.fixture(scope="module", params=BOARDS)
def elf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_driver(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def model(elf: Path) -> Model:
    return model_of(elf.stem)


@pytest.fixture
def core(elf: Path, model: Model) -> DriverCore:
    return DriverCore(elf.stem, elf, model)


def at_rest(model: Model) -> bool:
    return model.is_at_rest and not model.faults


def content(model: Nor, flash: Flash) -> bytes:
    start = flash.base - model.origin
    return bytes(model.content[start : start + flash.blocks * flash.block_bytes])


def test_every_kind_has_a_model() -> None:
    files = (resource("firmware") / "drivers").glob("hv_storage_*.c")
    assert {path.stem.removeprefix("hv_storage_") for path in files} == {*MODELS, "kept"}


def test_the_regions_lie_one_behind_the_other_at_the_end_of_flash(core: DriverCore) -> None:
    storage = core.storage
    journal, data = (core.flash(which) for which in WHICH)
    assert journal.base == storage.origin
    assert data.base == journal.base + journal.blocks * journal.block_bytes
    assert (journal.blocks, data.blocks) == (storage.journal_blocks, storage.data_blocks)
    assert journal.block_bytes == data.block_bytes == storage.block_bytes
    assert journal.write_bytes == data.write_bytes == WRITE_BYTES.get(storage.kind, 4)


@pytest.mark.parametrize("which", WHICH)
def test_every_block_is_erased_and_takes_bytes_once(
    core: DriverCore, model: Model, which: str
) -> None:
    """The whole region is erased; each block's ends and some bytes between are programmed."""
    generator = random.Random(3)
    flash = core.flash(which)
    other = core.flash(WHICH[1 - WHICH.index(which)])
    untouched = content(model, other)
    unit = flash.write_bytes
    expected = bytearray(b"\xff" * (flash.blocks * flash.block_bytes))
    for block in range(flash.blocks):
        assert core.erase(flash, block) == OK
    assert content(model, flash) == expected
    for block in range(flash.blocks):
        offset = block * flash.block_bytes
        middle = offset + 8 * generator.randrange(8, flash.block_bytes // 8 - 32)
        last = offset + flash.block_bytes - unit
        for at, size in ((offset, 32), (middle, 48 - unit % 8), (last, unit)):
            data = generator.randbytes(size)
            assert core.program(flash, at, data) == OK
            expected[at : at + size] = data
    assert content(model, flash) == expected
    assert content(model, other) == untouched
    assert core.erase(flash, 1) == OK
    expected[flash.block_bytes : 2 * flash.block_bytes] = b"\xff" * flash.block_bytes
    assert content(model, flash) == expected
    assert at_rest(model)


def test_a_whole_block_is_filled(core: DriverCore, model: Model) -> None:
    flash = core.flash("data")
    size = min(flash.block_bytes, 4096)
    data = random.Random(4).randbytes(size)
    assert core.erase(flash, flash.blocks - 1) == OK
    start = (flash.blocks - 1) * flash.block_bytes
    for at in range(0, size, 32):
        assert core.program(flash, start + at, data[at : at + 32]) == OK
    assert content(model, flash)[start : start + size] == data
    assert at_rest(model)


def test_what_is_not_of_the_region_is_refused_and_nothing_happens(
    core: DriverCore, model: Model
) -> None:
    before = bytes(model.content)
    for flash in (core.flash(which) for which in WHICH):
        end = flash.blocks * flash.block_bytes
        for at, size in ((2, 4), (0, 6), (end, 4), (end - 4, 8), (0xFFFF_FFFC, 4), (1 << 31, 32)):
            assert core.program(flash, at, bytes(size)) == ERROR_FLASH
        for block in (flash.blocks, 0xFFFF_FFFF):
            assert core.erase(flash, block) == ERROR_FLASH
    assert bytes(model.content) == before
    assert at_rest(model)


def test_protected_flash_is_told_and_the_next_operation_works(
    core: DriverCore, model: Model
) -> None:
    flash = core.flash("data")
    model.protected = True
    assert core.erase(flash, 0) == ERROR_FLASH
    assert at_rest(model)
    model.protected = False
    assert core.erase(flash, 0) == OK
    model.protected = True
    assert core.program(flash, 0, b"abcdefgh") == ERROR_FLASH
    assert at_rest(model)
    model.protected = False
    assert core.program(flash, 8, b"abcdefgh") == OK
    assert content(model, flash)[8:16] == b"abcdefgh"
    assert at_rest(model)


def test_a_controller_that_never_ends_is_told(core: DriverCore, model: Model) -> None:
    if isinstance(model, Rp2):
        pytest.skip("the ROM waits, for ever")
    flash = core.flash("data")
    assert core.erase(flash, 0) == OK
    model.stuck = True
    assert core.program(flash, 0, b"abcdefgh") == ERROR_FLASH
    assert core.program(flash, 8, b"abcdefgh") == ERROR_FLASH
    assert core.erase(flash, 0) == ERROR_FLASH
    assert content(model, flash)[flash.write_bytes : 16] == b"\xff" * (16 - flash.write_bytes)
    assert not model.faults
    model.stuck, model.busy = False, 0
    assert core.erase(flash, 1) == OK
    assert at_rest(model)


def test_an_erase_that_never_ends_is_told(core: DriverCore, model: Model) -> None:
    if isinstance(model, Rp2):
        pytest.skip("the ROM waits, for ever")
    flash = core.flash("data")
    model.stuck = True
    assert core.erase(flash, 0) == ERROR_FLASH
    assert not model.faults


def test_an_erase_that_leaves_a_bit_is_told(
    core: DriverCore, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    flash = core.flash("data")
    whole = model.erase_block

    def nearly(address: int) -> None:
        whole(address)
        model.content[address - model.origin + flash.block_bytes - 1] = 0x7F

    monkeypatch.setattr(model, "erase_block", nearly)
    assert core.erase(flash, 1) == ERROR_FLASH
    assert at_rest(model)


def test_a_flash_that_stays_locked_is_told(core: DriverCore, model: Model) -> None:
    if not isinstance(model, Stm32F4 | Stm32L4):
        pytest.skip("it has no lock")
    flash = core.flash("journal")
    model.write_register(8 if isinstance(model, Stm32L4) else 4, 1)  # no key
    assert model.jammed
    assert core.program(flash, 0, bytes(8)) == ERROR_FLASH
    assert core.erase(flash, 0) == ERROR_FLASH
    assert set(model.faults) == {"a key that cannot help"}


@pytest.mark.parametrize("access", [0, 3 << 9, 7 << 8 | 5])
def test_caches_forget_what_was_erased(core: DriverCore, model: Model, access: int) -> None:
    if not isinstance(model, Stm32F4):
        pytest.skip("no cache, one that is off, or one that the model watches always")
    model.access = access
    assert core.erase(core.flash("data"), 0) == OK
    assert model.access == access
    assert at_rest(model)
