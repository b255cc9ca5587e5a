"""The emulators, in order of preference."""

from __future__ import annotations

from codegen.errors import HvError, ProgramMissing
from host_tools.boards import Board
from host_tools.emulators.base import Emulator, machine_of
from host_tools.emulators.qemu import Qemu
from host_tools.emulators.unicorn import Unicorn

EMULATORS: tuple[Emulator, ...] = (Qemu(), Unicorn())


def find_emulator(name: str) -> Emulator:
    """Returns the emulator called `name`, installed or not.

    Raises:
        HvError: there is none of that name.
    """
    for emulator in EMULATORS:
        if emulator.name == name:
            return emulator
    names = ", ".join(emulator.name for emulator in EMULATORS)
    raise HvError(f"no emulator is called {name!r}", hint=f"choose one of {names}")


def choose_profiler(board: Board) -> Emulator:
    """Returns the emulator that profiles.

    Raises:
        HvError: it does not run the board.
        ProgramMissing: it is not installed.
    """
    return choose_emulator(board, next(e.name for e in EMULATORS if e.profiles))


def emulators_here(board: Board) -> tuple[Emulator, ...]:
    """Returns the emulators that run the board and are installed, the preferred one first."""
    family = board.core.family
    able = (emulator for emulator in EMULATORS if emulator.name in board.emulators)
    return tuple(emulator for emulator in able if emulator.version(family) is not None)


def choose_emulator(board: Board, name: str | None = None) -> Emulator:
    """Returns the emulator called `name`, or the preferred one of those here that run the board.

    Raises:
        HvError: it does not run the board.
        ProgramMissing: it, or every one of them, is not installed.
    """
    wanted = (find_emulator(name),) if name else EMULATORS
    able = tuple(emulator for emulator in wanted if emulator.name in board.emulators)
    if not able:
        machine_of(wanted[0], board)
    for emulator in emulators_here(board):
        if emulator in able:
            return emulator
    family = board.core.family
    raise ProgramMissing(
        f"no emulator for {board.name} is installed",
        hint=", or ".join(emulator.hint(family) for emulator in able),
    )
