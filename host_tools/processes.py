"""Runs other programs: never through a shell, never with a keyboard, never without a time limit."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.errors import HvError, ProgramMissing

GRACE_S = 2.0  # from the polite signal to the one that cannot be ignored


@dataclass(frozen=True, kw_only=True)
class Finished:
    """What a program left behind.

    Attributes:
        exit_code: its exit status; negative for the signal that ended it.
        output: standard output and standard error, in the order they came, as text.
    """

    exit_code: int
    output: str


def run_program(
    argv: Sequence[str],
    *,
    timeout_s: float,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
    hint: str = "",
) -> Finished:
    """Runs one program to its end.

    Args:
        argv: the program and its arguments, exactly as passed on.
        timeout_s: wall-clock limit in seconds; the program is killed when it is reached.
        folder: its working folder.
        environment: variables added to this process's own.
        hint: how to install the program, told when it is missing.

    Raises:
        ProgramMissing: there is no such program.
        HvError: the time limit was reached.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            start_new_session=True,  # a group of its own, so that all of it can be ended
        )
    except (FileNotFoundError, PermissionError) as error:
        raise ProgramMissing(
            f"cannot run {argv[0]}: {error.strerror}", where=shlex.join(argv), hint=hint
        ) from error
    try:
        output, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise HvError(
            f"{Path(argv[0]).name} did not finish within {timeout_s:g} seconds",
            where=shlex.join(argv),
            hint="allow more time, or fewer images",
        ) from error
    finally:
        _stop(process)
    return Finished(exit_code=process.returncode, output=output.decode("utf-8", errors="replace"))


@contextlib.contextmanager
def started(argv: Sequence[str], *, folder: Path, hint: str = "") -> Iterator[None]:
    """Runs a program beside this one, and ends it, with all it has started, at the end.

    What it says goes to a file of the folder.

    Args:
        argv: the program and its arguments, exactly as passed on.
        folder: its working folder.
        hint: how to install the program, told when it is missing.

    Raises:
        ProgramMissing: there is no such program.
    """
    with (folder / "output.txt").open("wb") as output:
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
            )
        except (FileNotFoundError, PermissionError) as error:
            raise ProgramMissing(
                f"cannot run {argv[0]}: {error.strerror}", where=shlex.join(argv), hint=hint
            ) from error
        try:
            yield
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a program that still runs, with all it has started.

    Asked first, so that it can remove its own files. Its output is not read to the end: a program
    it left behind may hold the pipe open for ever.
    """
    if process.poll() is None:
        _signal(process, signal.SIGTERM)
        try:
            process.wait(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            _signal(process, signal.SIGKILL)
            process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
