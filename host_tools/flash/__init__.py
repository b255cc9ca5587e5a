"""The flash tools: each in a file of its own, and in one line here."""

from __future__ import annotations

from codegen.errors import HvError
from host_tools.boards import Board
from host_tools.flash.base import Runner
from host_tools.flash.daplink import Daplink
from host_tools.flash.dfu_util import DfuUtil
from host_tools.flash.esptool import Esptool
from host_tools.flash.gdb import Gdb
from host_tools.flash.jlink import Jlink
from host_tools.flash.openocd import Openocd
from host_tools.flash.picotool import Picotool
from host_tools.flash.pyocd import Pyocd
from host_tools.flash.st_flash import StFlash
from host_tools.flash.uf2 import Uf2

RUNNERS: tuple[Runner, ...] = (
    Daplink(),
    DfuUtil(),
    Esptool(),
    Gdb(),
    Jlink(),
    Openocd(),
    Picotool(),
    Pyocd(),
    StFlash(),
    Uf2(),
)


def find_runner(name: str) -> Runner:
    """Returns the flash tool called `name`, installed or not.

    Raises:
        HvError: there is none of that name.
    """
    for runner in RUNNERS:
        if runner.name == name:
            return runner
    names = ", ".join(runner.name for runner in RUNNERS)
    raise HvError(f"no flash tool is called {name!r}", hint=f"choose one of {names}")


def choose_runner(board: Board, name: str | None = None) -> Runner:
    """Returns the flash tool called `name`, or the board's own.

    Raises:
        HvError: no such tool, or none that is known to flash this board.
    """
    known = ", ".join(board.runners) or "none"
    if name is not None:
        runner = find_runner(name)
        if name not in board.runners:
            raise HvError(
                f"nothing is known of how {name} flashes this board",
                where=f"board {board.name}",
                hint=f"it is flashed by {known}; others need a line in board.toml, [runners]",
            )
        return runner
    if not board.runners:
        raise HvError(
            "no flash tool writes to this board: it is there to be emulated",
            where=f"board {board.name}",
            hint="choose another --board; `hvcodegen boards` lists them",
        )
    return find_runner(next(iter(board.runners)))
