"""What carries the link's bytes: a serial port, a socket, or whatever has the same functions."""

from __future__ import annotations

import socket
import time
from typing import Any, Protocol
from urllib.parse import urlsplit

from codegen.errors import HvError, ProgramMissing
from host_tools.boards import DEFAULT_BAUD

SOCKET_SCHEME = "socket"
CONNECT_TIMEOUT_S = 5.0
WRITE_TIMEOUT_S = 10.0
READ_BYTES = 4096


class Transport(Protocol):
    """A way to and from one device. It may lose, alter and repeat bytes."""

    def write(self, data: bytes) -> None:
        """Sends all of it.

        Raises:
            HvError: the other end is gone.
        """

    def read(self, timeout_s: float) -> bytes:
        """Returns what has come, after at most that time; b"" if nothing has.

        Raises:
            HvError: the other end is gone.
        """

    def now(self) -> float:
        """The time in seconds since some beginning."""

    def close(self) -> None:
        """Gives the port back; may be called twice."""


class SocketTransport:
    """Bytes through a connected socket."""

    def __init__(self, connection: socket.socket, where: str) -> None:
        self._connection = connection
        self._where = where

    def write(self, data: bytes) -> None:
        """See `Transport`."""
        try:
            self._connection.settimeout(WRITE_TIMEOUT_S)
            self._connection.sendall(data)
        except OSError as error:
            raise self._gone(error) from error

    def read(self, timeout_s: float) -> bytes:
        """See `Transport`."""
        try:
            self._connection.settimeout(max(timeout_s, 1e-3))
            data = self._connection.recv(READ_BYTES)
        except TimeoutError:
            return b""
        except OSError as error:
            raise self._gone(error) from error
        if not data:
            raise self._gone(None)
        return data

    def now(self) -> float:
        """See `Transport`."""
        return time.monotonic()

    def close(self) -> None:
        """See `Transport`."""
        self._connection.close()

    def _gone(self, error: OSError | None) -> HvError:
        why = f": {error.strerror or error}" if error else ""
        return HvError(f"the other end of the link is gone{why}", where=self._where)


class SerialTransport:
    """Bytes through a serial port."""

    def __init__(self, port: Any, where: str) -> None:  # noqa: ANN401 - serial.Serial has no types
        self._port = port
        self._where = where

    def write(self, data: bytes) -> None:
        """See `Transport`."""
        try:
            self._port.write(data)
            self._port.flush()
        except OSError as error:
            raise self._gone(error) from error

    def read(self, timeout_s: float) -> bytes:
        """See `Transport`."""
        try:
            self._port.timeout = timeout_s
            first: bytes = self._port.read(1)
            waiting: int = self._port.in_waiting
            return first + (self._port.read(waiting) if first and waiting else b"")
        except OSError as error:
            raise self._gone(error) from error

    def now(self) -> float:
        """See `Transport`."""
        return time.monotonic()

    def close(self) -> None:
        """See `Transport`."""
        self._port.close()

    def _gone(self, error: OSError) -> HvError:
        return HvError(
            f"the serial port is gone: {error}", where=self._where, hint="is it still plugged in?"
        )


def open_port(port: str, *, baud: int = DEFAULT_BAUD) -> Transport:
    """Opens a port.

    Args:
        port: `socket://HOST:NUMBER`, or what pyserial opens: /dev/ttyACM0, COM3, rfc2217://...
        baud: bits a second, of a serial port.

    Raises:
        ProgramMissing: a serial port, and pyserial is not installed.
        HvError: it cannot be opened.
    """
    if urlsplit(port).scheme == SOCKET_SCHEME:
        return _open_socket(port)
    try:
        import serial
    except ImportError as error:
        raise ProgramMissing(
            "pyserial is not installed", where=port, hint="pip install 'hvcodegen[link]'"
        ) from error
    try:
        opened = serial.serial_for_url(port, baudrate=baud, write_timeout=WRITE_TIMEOUT_S)
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise HvError(
            f"cannot open the port: {error}",
            where=port,
            hint="`python -m serial.tools.list_ports` lists the ports of this machine",
        ) from error
    return SerialTransport(opened, port)


def _open_socket(port: str) -> SocketTransport:
    hint = "give socket://HOST:NUMBER"
    try:
        parts = urlsplit(port)
        host, number = parts.hostname, parts.port
    except ValueError as error:
        raise HvError(f"not a port: {error}", where=port, hint=hint) from error
    if not host or number is None:
        raise HvError("not a port: host and number are needed", where=port, hint=hint)
    try:
        connection = socket.create_connection((host, number), timeout=CONNECT_TIMEOUT_S)
    except OSError as error:
        raise HvError(
            f"cannot connect: {error.strerror or error}",
            where=port,
            hint="is anything listening there?",
        ) from error
    return SocketTransport(connection, port)
