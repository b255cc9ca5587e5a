"""What every flash tool is given, and the steps it answers with."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from codegen.errors import HvError, OutputsDiffer, ProgramMissing
from host_tools.boards import Board
from host_tools.cache import write_atomically
from host_tools.flash.images import Image
from host_tools.processes import run_program

FLASH_TIMEOUT_S = (
    300.0  # the slowest of them, a megabyte by a serial boot loader, takes two minutes
)


@dataclass(frozen=True, kw_only=True)
class FlashOrder:
    """What to write, to which board, and how.

    Attributes:
        board: what it is written to.
        elf: the firmware; debuggers read its symbols.
        image: the bytes to write: all of the firmware's, or one person's weights alone.
        person: name of the section with those weights, if only it is written; else "".
        folder: where files for the tool are written; its own.
        verify: whether the tool shall read back what it wrote.
        port: where the board or its debug server is: a serial port, host:port, or a drive; "" for
            the tool's own default.
    """

    board: Board
    elf: Path
    image: Image
    person: str
    folder: Path
    verify: bool
    port: str = ""

    def file(self, suffix: str) -> Path:
        """Returns where a file for the tool is written."""
        part = "person" if self.person else "firmware"
        return self.folder / f"{part}{suffix}"


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call of a program.

    Attributes:
        argv: exactly as it is passed on.
        refuses: what it says when the bytes differ and its exit code does not tell; "" for nothing.
    """

    argv: tuple[str, ...]
    refuses: str = ""

    def text(self) -> str:
        """As a line for a shell."""
        return shlex.join(self.argv)


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A file copied to a drive that the board shows when it is in its boot loader.

    Attributes:
        source: the file.
        drive: where the drive is mounted.
        mark: the file that every such drive has.
    """

    source: Path
    drive: Path
    mark: str

    def text(self) -> str:
        """As a line for a shell."""
        return shlex.join(("cp", str(self.source), str(self.drive)))


@dataclass(frozen=True, kw_only=True)
class FlashPlan:
    """What flashing will write and run.

    Attributes:
        files: file -> contents, written before the first step.
        steps: in order.
    """

    files: Mapping[Path, bytes]
    steps: tuple[Call | Copy, ...]


class Runner(Protocol):
    """A tool that writes firmware to boards.

    Which boards it writes to is data: those with a line of its name under [runners] in board.toml.
    """

    @property
    def name(self) -> str:
        """What users call it, and the line in board.toml."""

    @property
    def hint(self) -> str:
        """How to install it."""

    @property
    def verifies(self) -> bool:
        """Whether it can read back what it wrote."""

    @property
    def writes_parts(self) -> bool:
        """Whether it can write one person's weights and leave the rest as it is."""

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """Returns what flashing takes, and runs nothing.

        Args:
            order: what to write.
            parameter: what board.toml says under the tool's name.

        Raises:
            HvError: the order needs something that was not given.
        """


def plan_flash(runner: Runner, order: FlashOrder) -> FlashPlan:
    """Returns what a tool will do.

    Raises:
        HvError: the tool cannot do what is asked for.
    """
    if order.verify and not runner.verifies:
        raise HvError(
            f"{runner.name} cannot read back what it wrote",
            where="--verify",
            hint="flash without --verify, or by another --runner",
        )
    if order.person and not runner.writes_parts:
        raise HvError(
            f"{runner.name} writes a whole firmware or nothing",
            where="--weights-only",
            hint="flash all of it, or by another --runner",
        )
    return runner.plan(order, order.board.runners[runner.name])


def carry_out(plan: FlashPlan, runner: Runner, *, timeout_s: float = FLASH_TIMEOUT_S) -> str:
    """Writes the plan's files and runs its steps, each to its end.

    Returns:
        What the programs said.

    Raises:
        ProgramMissing: the tool is not installed.
        OutputsDiffer: what was read back is not what was written.
        HvError: the tool failed, or took longer than the limit.
    """
    for step in plan.steps:
        if isinstance(step, Call) and shutil.which(step.argv[0]) is None:
            raise ProgramMissing(f"{step.argv[0]} is not installed", hint=runner.hint)
    for path, data in plan.files.items():
        write_atomically(path, data)
    return "".join(
        _call(step, runner, timeout_s) if isinstance(step, Call) else _copy(step)
        for step in plan.steps
    )


def _call(call: Call, runner: Runner, timeout_s: float) -> str:
    done = run_program(call.argv, timeout_s=timeout_s, hint=runner.hint)
    differs = re.search(call.refuses, done.output) if call.refuses else None
    if differs:
        raise OutputsDiffer(
            f"the board does not hold what was written: {_line_of(done.output, differs.start())}",
            where=call.text(),
            hint="flash it again; a board that keeps refusing may be write-protected",
        )
    if done.exit_code != 0:
        raise HvError(
            f"{runner.name} failed (exit code {done.exit_code}): {_last_line(done.output)}",
            where=call.text(),
            hint="is the board connected, powered, and used by no other program?",
        )
    return done.output


def _copy(copy: Copy) -> str:
    if not (copy.drive / copy.mark).is_file():
        raise HvError(
            f"not the drive of a board in its boot loader: it has no {copy.mark}",
            where=str(copy.drive),
            hint="put the board into its boot loader and give its drive with --port",
        )
    with (copy.drive / copy.source.name).open("wb") as file:
        file.write(copy.source.read_bytes())
    return f"copied {copy.source.name} to {copy.drive}\n"


def _line_of(text: str, position: int) -> str:
    start = text.rfind("\n", 0, position) + 1
    return text[start:].partition("\n")[0].strip()


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else "it said nothing"
