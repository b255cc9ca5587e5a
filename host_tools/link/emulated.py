"""An emulated board whose serial port is a socket of ours.

    qemu-system-arm -machine mps2-an386 ... -chardev socket,id=link,path=... -serial chardev:link

QEMU calls us, so no port number has to be guessed; the socket lies in a folder of this user alone.
Not a pseudo-terminal: QEMU may hold back the last byte of a frame there.
"""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codegen.errors import HvError, ProgramMissing
from host_tools.build import Firmware
from host_tools.emulators.base import Job, family_of
from host_tools.emulators.control import control_options, read_memory, reset
from host_tools.emulators.qemu import Qemu
from host_tools.link.transports import SocketTransport
from host_tools.processes import started

APP = "device"
CONNECT_TIMEOUT_S = 30.0


class EmulatedPort(SocketTransport):
    """The serial port of an emulated board, and its reset button."""

    def __init__(self, connection: socket.socket, where: str, control: Path) -> None:
        super().__init__(connection, where)
        self._control = control

    def reset(self) -> None:
        """As if the power went for a moment, but for RAM, which keeps its content."""
        reset(self._control)

    def memory(self, address: int, size_bytes: int) -> bytes:
        """What lies there now, as a debugger would see it."""
        return read_memory(self._control, address, size_bytes)


@contextmanager
def emulated(firmware: Firmware) -> Iterator[EmulatedPort]:
    """Runs a firmware in QEMU; its serial port is the transport.

    Raises:
        ProgramMissing: QEMU is not installed.
        HvError: QEMU does not run this board, or it stopped at once.
    """
    qemu = Qemu()
    hint = qemu.hint(family_of(firmware))
    if qemu.path(family_of(firmware)) is None:
        raise ProgramMissing("QEMU is not installed for this core", hint=hint)
    with (
        tempfile.TemporaryDirectory(prefix="hvlink-") as scratch,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener,
    ):
        path = Path(scratch) / "uart"
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(CONNECT_TIMEOUT_S)
        argv = serving_argv(qemu, firmware, path)
        with started(argv, folder=Path(scratch), hint=hint):
            try:
                connection, _ = listener.accept()
            except TimeoutError as error:
                raise HvError("QEMU did not start", where=" ".join(argv), hint=hint) from error
            where = f"{firmware.order.board.name} in QEMU"
            transport = EmulatedPort(connection, where, _control(path))
            try:
                yield transport
            finally:
                transport.close()


def serving_argv(qemu: Qemu, firmware: Firmware, path: Path) -> tuple[str, ...]:
    """Returns the call, and runs nothing."""
    job = Job(firmware=firmware, inputs={}, outputs=())
    chardev = f"socket,id=link,path={str(path).replace(',', ',,')}"
    options = ("-chardev", chardev, *control_options(_control(path)))
    return (*qemu.argv(job, serial="chardev:link"), *options)


def _control(path: Path) -> Path:
    """Where the board is controlled whose serial port is at `path`."""
    return path.with_name("control")
