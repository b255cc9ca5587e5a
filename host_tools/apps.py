"""Applications: a folder each under firmware/apps, with an app.toml if it needs more than that."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError
from codegen.resources import resource
from host_tools.boards import Board

UART = "uart"
STORAGE = "storage"
KEPT = "kept"  # in RAM that outlives a reset
HANDLER = "fault"  # of firmware/startup/cortex-m/hv_core.c
# driver -> the file of a board's folder that replaces what serves all others
_OWN = {"board": "board.c", "storage": "storage.c"}


@dataclass(frozen=True, kw_only=True)
class App:
    """An application, as its app.toml describes it.

    Attributes:
        name: its folder's name.
        runtime: files of firmware/runtime that it uses and that not every kernel brings.
        drivers: what it uses of firmware/drivers: "uart", "board", "storage".
        pointed: the functions that its calls through pointers reach, see `stack.stack_bound`.
    """

    name: str
    runtime: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    pointed: tuple[str, ...] = ()


def app_names() -> tuple[str, ...]:
    """Returns the applications that can be built, sorted."""
    return tuple(sorted(path.parent.name for path in apps_folder().glob("*/main.c")))


def check_app(name: str, board: Board) -> None:
    """Checks that an application can be built for a board.

    Raises:
        HvError: there is no such application, or no driver for what it needs of the board.
    """
    if name not in app_names():
        raise HvError(
            f"there is no application called {name!r}",
            hint=f"choose one of {', '.join(app_names())}",
        )
    if UART in _load(name).drivers:
        _uart_source(board)
    if STORAGE in _load(name).drivers:
        _storage_source(board)


def app_sources(name: str, board: Board) -> tuple[Path, ...]:
    """Returns what to compile for an application beside the start-up code and the kernel."""
    app = _load(name)
    firmware = resource("firmware")
    sources = sorted((apps_folder() / name).glob("*.c"))
    sources += [firmware / "runtime" / file for file in app.runtime]
    if UART in app.drivers:
        sources.append(_uart_source(board))
    usual = {"board": firmware / "drivers" / "hv_board.c", STORAGE: _storage_source(board)}
    for driver, own in _OWN.items():
        replaced = (firmware / "boards" / board.name / own).is_file()  # compiled with the board's
        if driver in app.drivers and not replaced:
            sources.append(usual[driver])
    return tuple(sources)


def app_flags(name: str, board: Board) -> tuple[str, ...]:
    """Returns the options that tell an application's sources about its board."""
    app = _load(name)
    if not app.drivers:
        return ()
    flags = ["-I", str(resource("firmware") / "drivers"), f'-DHV_BOARD_NAME="{board.name}"']
    uart = board.uart
    if UART in app.drivers and uart is not None:
        flags += [
            f"-DHV_UART_BASE={uart.base:#x}u",
            f"-DHV_UART_CLOCK_HZ={uart.clock_hz}u",
            f"-DHV_UART_BAUD={uart.baud}u",
        ]
        numbers = (("TX_PIN", uart.tx_pin), ("RX_PIN", uart.rx_pin), ("IRQ", uart.irq))
        flags += [f"-DHV_UART_{what}={number}u" for what, number in numbers if number >= 0]
    storage = board.storage
    if STORAGE in app.drivers and storage is not None:
        flags += [
            f"-DHV_STORAGE_BASE={storage.origin:#x}u",
            f"-DHV_STORAGE_BLOCK_BYTES={storage.block_bytes:#x}u",
            f"-DHV_STORAGE_JOURNAL_BLOCKS={storage.journal_blocks}u",
            f"-DHV_STORAGE_DATA_BLOCKS={storage.data_blocks}u",
            f"-DHV_STORAGE_CLOCK_HZ={board.clock_hz}u",
        ]
        if storage.exception:
            flags.append(f"-DHV_STORAGE_EXCEPTION={storage.exception}u")
    return tuple(flags)


def app_pointed(name: str) -> tuple[str, ...]:
    """Returns the functions that an application's calls through pointers reach."""
    return _load(name).pointed


def app_handler(name: str, board: Board) -> str:
    """Returns the handler of exceptions that come and go while an application runs, "" for none."""
    storage = board.storage if STORAGE in _load(name).drivers else None
    return HANDLER if storage is not None and storage.exception else ""


def own_sections(name: str) -> str:
    """Returns an application's part of the linker script, "" if it has none."""
    path = apps_folder() / name / "sections.ld"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def apps_folder() -> Path:
    """Returns the folder that has a folder for each application."""
    return resource("firmware") / "apps"


def _load(name: str) -> App:
    path = apps_folder() / name / "app.toml"
    if not path.is_file():
        return App(name=name)
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    return App(
        name=name,
        runtime=tuple(data.get("runtime", ())),
        drivers=tuple(data.get("drivers", ())),
        pointed=tuple(data.get("pointed", ())),
    )


def _uart_source(board: Board) -> Path:
    kind = board.uart.kind if board.uart else None
    source = resource("firmware") / "drivers" / f"hv_uart_{kind}.c"
    if kind is None or not source.is_file():
        raise HvError(
            "there is no driver for this board's serial port",
            where=f"board {board.name}",
            hint="name one in board.toml under [uart], see docs/link.md",
        )
    return source


def _storage_source(board: Board) -> Path:
    kind = board.storage.kind if board.storage else KEPT
    source = resource("firmware") / "drivers" / f"hv_storage_{kind}.c"
    if not source.is_file():
        raise HvError(
            f"there is no driver called {kind!r} for flash",
            where=f"board {board.name}",
            hint="name another one in board.toml under [storage], or leave that out",
        )
    return source
