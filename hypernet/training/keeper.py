"""A training's folder: the log of every step, and the state from which it goes on."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import FrameType
from typing import Any

from codegen.errors import HvError
from hypernet.training.curve import Step
from hypernet.training.state import State, load_state, save_state

STATE, LOG = "state.pt", "log.jsonl"


class Stopped(Exception):
    """A training was asked to stop, has saved its state, and can go on."""


class Keeper:
    """Writes one training's files; every write is whole or not at all, the log line by line."""

    def __init__(self, folder: Path, deciding: Mapping[str, Any], *, log_bytes: int = 0) -> None:
        """Opens the folder.

        Args:
            folder: of this training alone.
            deciding: the config as far as it decides the result, and a digest of the data.
            log_bytes: how much of the log there was when the state was saved; what was written
                after that will be written again.
        """
        self.folder, self.deciding = folder, deciding
        folder.mkdir(parents=True, exist_ok=True)
        self._log = (folder / LOG).open("ab")
        self._log.truncate(log_bytes)

    def log(self, step: Step) -> None:
        """Adds a line."""
        self._log.write(json.dumps(asdict(step)).encode() + b"\n")

    def log_bytes(self) -> int:
        """Length of the log, all of it with the operating system."""
        self._log.flush()
        return self._log.tell()

    def save(self, state: State) -> None:
        """Replaces the state."""
        save_state(state, self.folder / STATE)

    def finish(self) -> None:
        """The training is over: nothing is left to go on with."""
        self._log.close()
        (self.folder / STATE).unlink(missing_ok=True)


def find_state(folder: Path, deciding: Mapping[str, Any], *, resume: bool) -> State | None:
    """The state in a folder, if it is to be gone on with.

    Raises:
        HvError: there is one that would be lost, or none to go on with.
    """
    path = folder / STATE
    if resume:
        return load_state(path, deciding)
    if path.exists():
        raise HvError(
            "there is an unfinished training",
            where=str(folder),
            hint="go on with --resume, or give another --output",
        )
    return None


class Interruption:
    """Whether somebody asked to stop: a flag, because a step must not be torn."""

    def __init__(self) -> None:
        """Nobody did yet."""
        self.asked = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Takes Ctrl-C and SIGTERM as a wish; a second Ctrl-C interrupts at once."""
        old = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in old:
            signal.signal(number, self._ask)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True
