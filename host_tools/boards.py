"""Boards: one folder each under firmware/boards, described by its board.toml and nowhere else."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codegen.errors import HvError
from codegen.names import near_names
from codegen.resources import resource
from codegen.targets import Target, find_target

CODE_SECTION = "    .text :"  # of sections.ld
SCRIPT_MARK = "/* Written by host_tools/boards.py"  # every linker script of ours begins with it
DEFAULT_BAUD = 115_200


@dataclass(frozen=True, kw_only=True)
class Memory:
    """One memory of a board.

    Attributes:
        origin: address of its first byte; of flash: where code runs from.
        size_bytes: how much the board has.
        budget_bytes: how much of it the firmware may use.
        data_origin: where constants are read from, if that is another address of the same flash.
        erase_bytes: of flash: what is erased at once, where the firmware begins; 16 where the
            memory needs no erasing.
    """

    origin: int
    size_bytes: int
    budget_bytes: int
    data_origin: int
    erase_bytes: int = 16


@dataclass(frozen=True, kw_only=True)
class Uart:
    """The serial port that the link uses.

    Attributes:
        kind: firmware/drivers/hv_uart_<kind>.c drives it.
        base: address of its first register.
        clock_hz: what its baud rate is divided from, in hertz.
        baud: bits a second.
        tx_pin: number of the pin it sends on, where the driver has a choice; -1 where not.
        rx_pin: likewise of the pin it receives on.
        irq: number of the interrupt that tells of a byte; -1: the core stays awake and polls.
        qemu_port: which of the serial ports of QEMU's machine it is, from 0.
    """

    kind: str
    base: int
    clock_hz: int
    baud: int
    tx_pin: int
    rx_pin: int
    irq: int
    qemu_port: int = 0


@dataclass(frozen=True, kw_only=True)
class Storage:
    """The last blocks of flash, which belong to people and never to the firmware.

    Attributes:
        kind: firmware/drivers/hv_storage_<kind>.c writes them.
        origin: address of the first one.
        block_bytes: what is erased at once.
        journal_blocks: how many the journal has, an even number; they come first.
        data_blocks: how many bundles have.
        emulated: whether QEMU's model of the board can write flash.
        exception: number of the one that reading raises where power was lost; 0: it raises none.
    """

    kind: str
    origin: int
    block_bytes: int
    journal_blocks: int
    data_blocks: int
    emulated: bool
    exception: int

    @property
    def size_bytes(self) -> int:
        """All of it."""
        return (self.journal_blocks + self.data_blocks) * self.block_bytes


@dataclass(frozen=True, kw_only=True)
class Board:
    """A board, as board.toml describes it.

    Attributes:
        name: its folder's name.
        target: name of the codegen target that its core is.
        clock_hz: core clock, in hertz.
        stack_bytes: stack reserved by the linker.
        flash: where code and weights lie.
        ram: where the stack, variables and the arena lie.
        emulators: emulator name -> what that emulator calls this board.
        runners: flash tool -> what that tool has to be told of this board; the first is used when
            none is asked for.
        uart: None where no driver is written for it.
        storage: where the application `device` keeps people; None: in RAM, until the power goes.
    """

    name: str
    target: str
    clock_hz: int
    stack_bytes: int
    flash: Memory
    ram: Memory
    emulators: Mapping[str, str]
    runners: Mapping[str, str]
    uart: Uart | None = None
    storage: Storage | None = None

    @property
    def people_bytes(self) -> int:
        """Flash that belongs to people."""
        return self.storage.size_bytes if self.storage else 0

    @property
    def in_qemu(self) -> Board:
        """What to build for QEMU: where its model cannot write flash, people are kept in RAM."""
        writes = self.storage is None or self.storage.emulated
        return self if writes else replace(self, storage=None)

    @property
    def proof(self) -> str:
        """What the tests do with its firmware: "emulated" or "built"; see `Target.proof`."""
        return "emulated" if self.emulators else "built"

    @property
    def core(self) -> Target:
        """The codegen target that its core is."""
        return find_target(self.target)


def board_names() -> tuple[str, ...]:
    """Returns the names of all boards, sorted."""
    return tuple(sorted(path.parent.name for path in _boards_folder().glob("*/board.toml")))


def load_board(name: str) -> Board:
    """Reads a board's description.

    Raises:
        HvError: there is no such board, or its board.toml is not as it should be.
    """
    path = _boards_folder() / name / "board.toml"
    if name not in board_names():
        raise HvError(f"there is no board called {name!r}", hint=near_names(name, board_names()))
    return parse_board(name, path.read_text(encoding="utf-8"), where=str(path))


def parse_board(name: str, text: str, *, where: str) -> Board:
    """Turns the text of a board.toml into a Board.

    Raises:
        HvError: not TOML, or a key that is missing, unknown or of the wrong type.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise HvError(f"not valid TOML: {error}", where=where) from error
    table = _Table(data, where)
    clock_hz = table.take("clock_hz", int)
    flash = _memory(table.take("flash", dict), f"{where}, [flash]")
    storage = _storage(table.take("storage", dict, default={}), flash, f"{where}, [storage]")
    board = Board(
        name=name,
        target=table.take("target", str),
        clock_hz=clock_hz,
        stack_bytes=table.take("stack_bytes", int),
        flash=flash if storage is None else _without(flash, storage),
        ram=_memory(table.take("ram", dict), f"{where}, [ram]"),
        emulators=_texts(table.take("emulators", dict, default={}), f"{where}, [emulators]"),
        runners=_texts(table.take("runners", dict, default={}), f"{where}, [runners]"),
        uart=_uart(table.take("uart", dict, default={}), clock_hz, f"{where}, [uart]"),
        storage=storage,
    )
    table.refuse_rest()
    return board


def board_sources(board: Board) -> tuple[Path, ...]:
    """Returns the C files of a board's own: what its boot ROM wants to see before it starts us."""
    return tuple(sorted((_boards_folder() / board.name).glob("*.c")))


def linker_script(board: Board, *, extra_sections: str = "") -> str:
    """Returns the whole linker script: the board's memories, then firmware/startup/sections.ld.

    `extra_sections` of an application come before those of the code.
    """
    sections = (resource("firmware") / "startup" / "sections.ld").read_text(encoding="utf-8")
    flash_bytes = board.flash.size_bytes - board.people_bytes
    return f"""{SCRIPT_MARK} from firmware/boards/{board.name}/board.toml. */
MEMORY
{{
    FLASH (rx) : ORIGIN = {board.flash.origin:#010x}, LENGTH = {flash_bytes}
    RAM (rwx) : ORIGIN = {board.ram.origin:#010x}, LENGTH = {board.ram.size_bytes}
}}
{_constants(board.flash, flash_bytes)}

hv_stack_bytes = {board.stack_bytes};
hv_erase_bytes = {board.flash.erase_bytes};
hv_flash_budget_bytes = {board.flash.budget_bytes};
hv_ram_budget_bytes = {board.ram.budget_bytes};

{sections.replace(CODE_SECTION, extra_sections + CODE_SECTION, 1)}"""


def _constants(flash: Memory, size_bytes: int) -> str:
    """The linker's region for what is read: flash once more, or at its other address."""
    if flash.data_origin == flash.origin:
        return 'REGION_ALIAS("CONSTANTS", FLASH)'
    region = f"ORIGIN = {flash.data_origin:#010x}, LENGTH = {size_bytes}"
    return f"MEMORY {{ CONSTANTS (r) : {region} }}"


class _Table:
    """A TOML table that is read key by key and must be empty at the end."""

    def __init__(self, data: Mapping[str, Any], where: str) -> None:
        self._rest = dict(data)
        self._where = where

    def take(self, key: str, kind: type, default: Any = None) -> Any:  # noqa: ANN401
        value = self._rest.pop(key, default)
        if value is None:
            raise HvError(f"{key} is missing", where=self._where)
        if type(value) is not kind:
            raise HvError(f"{key} must be of type {kind.__name__}: {value!r}", where=self._where)
        return value

    def refuse_rest(self) -> None:
        if self._rest:
            raise HvError(f"unknown keys: {', '.join(sorted(self._rest))}", where=self._where)


def _memory(data: Mapping[str, Any], where: str) -> Memory:
    table = _Table(data, where)
    origin = table.take("origin", int)
    size_bytes = table.take("size_bytes", int)
    memory = Memory(
        origin=origin,
        size_bytes=size_bytes,
        budget_bytes=table.take("budget_bytes", int, default=size_bytes),
        data_origin=table.take("data_origin", int, default=origin),
        erase_bytes=table.take("erase_bytes", int, default=16),
    )
    table.refuse_rest()
    return memory


def _storage(data: Mapping[str, Any], flash: Memory, where: str) -> Storage | None:
    """At the end of flash."""
    if not data:
        return None
    table = _Table(data, where)
    kind = table.take("kind", str)
    block_bytes, journal_blocks, data_blocks = (
        table.take(key, int) for key in ("block_bytes", "journal_blocks", "data_blocks")
    )
    size_bytes = (journal_blocks + data_blocks) * block_bytes
    storage = Storage(
        kind=kind,
        origin=flash.origin + flash.size_bytes - size_bytes,
        block_bytes=block_bytes,
        journal_blocks=journal_blocks,
        data_blocks=data_blocks,
        emulated=table.take("emulated", bool, default=False),
        exception=table.take("exception", int, default=0),
    )
    table.refuse_rest()
    if journal_blocks < 2 or journal_blocks % 2:
        raise HvError("journal_blocks must be even: the journal has two halves", where=where)
    if data_blocks < 2:
        raise HvError("data_blocks must be two at least: one is always free", where=where)
    if block_bytes <= 0 or size_bytes >= flash.size_bytes or storage.origin % block_bytes:
        raise HvError("the blocks must be the last whole ones of [flash]", where=where)
    return storage


def _without(flash: Memory, storage: Storage) -> Memory:
    """The firmware's part of flash."""
    left_bytes = storage.origin - flash.origin
    return replace(flash, budget_bytes=min(flash.budget_bytes, left_bytes))


def _texts(data: Mapping[str, Any], where: str) -> Mapping[str, str]:
    """In the file's own order."""
    table = _Table(data, where)
    return {key: table.take(key, str) for key in data}


def _uart(data: Mapping[str, Any], clock_hz: int, where: str) -> Uart | None:
    if not data:
        return None
    table = _Table(data, where)
    uart = Uart(
        kind=table.take("kind", str),
        base=table.take("base", int),
        clock_hz=table.take("clock_hz", int, default=clock_hz),
        baud=table.take("baud", int, default=DEFAULT_BAUD),
        tx_pin=table.take("tx_pin", int, default=-1),
        rx_pin=table.take("rx_pin", int, default=-1),
        irq=table.take("irq", int, default=-1),
        qemu_port=table.take("qemu_port", int, default=0),
    )
    table.refuse_rest()
    return uart


def _boards_folder() -> Path:
    return resource("firmware") / "boards"
