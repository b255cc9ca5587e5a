"""QEMU as a board behind a debug server: its flash is empty, and nothing runs until it is told to.

qemu-system-arm -machine netduinoplus2 -display none -monitor none -serial none -S -gdb tcp::3333
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from codegen.errors import ProgramMissing
from host_tools.boards import Board
from host_tools.emulators.base import machine_of
from host_tools.emulators.qemu import Qemu, serial_options
from host_tools.processes import started


def server_argv(board: Board, port: int, serial: str = "none") -> tuple[str, ...]:
    """Returns the call that starts the server on a port of this machine.

    `serial` is where the board's serial port goes, as QEMU's own option says it.

    Raises:
        HvError: QEMU does not run that board.
        ProgramMissing: QEMU is not installed.
    """
    qemu = Qemu()
    family = board.core.family
    machine = machine_of(qemu, board)
    path = qemu.path(family)
    if path is None:
        raise ProgramMissing(f"QEMU for {board.name} is not installed", hint=qemu.hint(family))
    return (
        str(path),
        *("-machine", machine),
        *("-display", "none", "-monitor", "none", *serial_options(board, serial)),
        *(("-bios", "none") if machine == "virt" else ()),
        *("-S", "-gdb", f"tcp:127.0.0.1:{port}"),
    )


@contextlib.contextmanager
def debug_server(board: Board, serial: str = "none") -> Iterator[str]:
    """Runs the server; yields its host:port at once, and ends it afterwards.

    Nobody waits for it here: gdb tries again until there is a server, and whoever connects first is
    the only debugger.
    """
    port = free_port()
    argv = server_argv(board, port, serial)
    with tempfile.TemporaryDirectory() as scratch, started(argv, folder=Path(scratch)):
        yield f"127.0.0.1:{port}"


def free_port() -> int:
    """Returns a port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
