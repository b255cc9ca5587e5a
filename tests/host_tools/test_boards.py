from __future__ import annotations

import pytest

from codegen.errors import HvError
from codegen.resources import resource
from codegen.targets import FAMILIES, TARGETS, find_target
from host_tools.apps import app_flags, app_handler
from host_tools.boards import board_names, linker_script, load_board, parse_board

TEXT = """
target = "cortex-m4"
clock_hz = 25_000_000
stack_bytes = 4096
[flash]
origin = 0x0000_0000
size_bytes = 0x0040_0000
[ram]
origin = 0x2000_0000
size_bytes = 0x0040_0000
budget_bytes = 65536
[emulators]
qemu = "mps2-an386"
"""


@pytest.mark.parametrize("name", board_names())
def test_every_board_has_a_known_core_and_aligned_memories(name: str) -> None:
    board = load_board(name)
    find_target(board.target)
    assert board.stack_bytes % 8 == 0
    assert board.flash.origin % 4096 == board.ram.origin % 4096 == 0


def test_every_target_with_a_board_finds_itself_there() -> None:
    for target in TARGETS:
        if target.board is not None:
            assert load_board(target.board).target == target.name


def test_every_family_has_a_board_and_a_start_up() -> None:
    startup = resource("firmware") / "startup"
    for family in FAMILIES:
        assert {"hv_core.c", "hv_core.h"} <= {path.name for path in (startup / family).iterdir()}
        assert any(target.board for target in TARGETS if target.family == family)
    assert {target.family for target in TARGETS if target.board} == set(FAMILIES)


def test_a_target_is_found_by_its_other_name() -> None:
    assert find_target("cortex-m0+") == find_target("cortex-m0plus")


def test_memories_and_budgets_reach_the_linker() -> None:
    script = linker_script(parse_board("mine", TEXT, where="board.toml"))
    assert "FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4194304" in script
    assert "RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 4194304" in script
    assert "hv_stack_bytes = 4096;" in script
    assert "hv_flash_budget_bytes = 4194304;" in script
    assert "hv_ram_budget_bytes = 65536;" in script
    assert "ASSERT(hv_ram_used_bytes <= hv_ram_budget_bytes" in script


def test_constants_may_have_an_address_of_their_own() -> None:
    script = linker_script(parse_board("mine", TEXT, where="board.toml"))
    assert 'REGION_ALIAS("CONSTANTS", FLASH)' in script
    text = TEXT.replace("[ram]", "data_origin = 0x3C00_0000\n[ram]")
    board = parse_board("mine", text, where="board.toml")
    assert (board.flash.origin, board.flash.data_origin) == (0, 0x3C00_0000)
    script = linker_script(board)
    assert "FLASH (rx) : ORIGIN = 0x00000000, LENGTH = 4194304" in script
    assert "CONSTANTS (r) : ORIGIN = 0x3c000000, LENGTH = 4194304" in script


STORAGE = """
[storage]
kind = "nvmc"
block_bytes = 0x1000
journal_blocks = 2
data_blocks = 6
"""


def test_the_peoples_blocks_are_the_last_and_never_the_linkers() -> None:
    board = parse_board("mine", TEXT + STORAGE, where="board.toml")
    assert board.storage is not None
    assert board.storage.origin == 0x0040_0000 - 8 * 0x1000
    assert board.flash.budget_bytes == board.storage.origin
    script = linker_script(board)
    assert f"FLASH (rx) : ORIGIN = 0x00000000, LENGTH = {board.storage.origin}" in script
    assert f"hv_flash_budget_bytes = {board.storage.origin};" in script
    assert board.in_qemu.storage is None
    assert app_handler("device", board) == app_handler("trace", board) == ""
    writable = parse_board("mine", TEXT + STORAGE + "emulated = true\n", where="board.toml")
    assert writable.in_qemu == writable


def test_the_exception_of_torn_flash_is_handled_where_flash_is_written() -> None:
    board = parse_board("mine", TEXT + STORAGE + "exception = 2\n", where="board.toml")
    assert "-DHV_STORAGE_EXCEPTION=2u" in app_flags("device", board)
    assert app_handler("device", board) == "fault"
    assert app_handler("trace", board) == ""


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("journal_blocks = 2", "journal_blocks = 3", "must be even"),
        ("journal_blocks = 2", "journal_blocks = 0", "must be even"),
        ("data_blocks = 6", "data_blocks = 1", "two at least"),
        ("data_blocks = 6", "data_blocks = 1022", "the last whole ones"),
        ("block_bytes = 0x1000", "block_bytes = 0x3000", "the last whole ones"),
        ("block_bytes = 0x1000", "block_bytes = 0", "the last whole ones"),
        ('kind = "nvmc"', "", "kind is missing"),
        ('kind = "nvmc"', 'kind = "nvmc"\ncolour = 1', "unknown keys: colour"),
    ],
)
def test_faulty_storage_is_refused(before: str, after: str, message: str) -> None:
    with pytest.raises(HvError, match=message) as caught:
        parse_board("mine", TEXT + STORAGE.replace(before, after, 1), where="board.toml")
    assert caught.value.where == "board.toml, [storage]"


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('target = "cortex-m4"', "", "target is missing"),
        ("4096", '"4096"', "stack_bytes must be of type int: '4096'"),
        ("4096", "true", "stack_bytes must be of type int: True"),
        ("clock_hz", "colour = 1\nclock_hz", "unknown keys: colour"),
        ("budget_bytes", "budget", "unknown keys: budget"),
        ("[flash]", "[flash", "not valid TOML"),
        ("[ram]", "[rom]", "ram is missing"),
    ],
)
def test_faulty_descriptions_are_refused(before: str, after: str, message: str) -> None:
    with pytest.raises(HvError, match=message) as caught:
        parse_board("mine", TEXT.replace(before, after, 1), where="board.toml")
    assert caught.value.where.startswith("board.toml")


@pytest.mark.parametrize("name", ["nowhere", "../startup", ""])
def test_an_unknown_board_is_refused(name: str) -> None:
    with pytest.raises(HvError, match="there is no board called") as caught:
        load_board(name)
    assert "mps2-an386" in caught.value.hint
