"""QEMU's control socket: a reset, as when the power goes for a moment, and what lies in memory.

RAM keeps its content; the core, its registers and whatever it was doing are gone.
Source: QEMU Machine Protocol Specification; `system_reset` and `memsave`, QMP reference manual.
"""

from __future__ import annotations

import json
import socket
import tempfile
from pathlib import Path
from typing import Any, TextIO

from codegen.errors import HvError

TIMEOUT_S = 10.0


def control_options(path: Path) -> tuple[str, ...]:
    """Returns what to add to QEMU's call."""
    return ("-qmp", f"unix:{str(path).replace(',', ',,')},server=on,wait=off")


def reset(path: Path) -> None:
    """Resets the machine behind a control socket.

    Raises:
        HvError: it does not answer as QEMU does.
    """
    _execute(path, "system_reset")


def read_memory(path: Path, address: int, size_bytes: int) -> bytes:
    """Reads what the first core of the machine behind a control socket sees at an address.

    Raises:
        HvError: it does not answer as QEMU does.
    """
    with tempfile.TemporaryDirectory(prefix="hvmemory-") as scratch:
        file = Path(scratch) / "memory"
        _execute(path, "memsave", val=address, size=size_bytes, filename=str(file))
        return file.read_bytes()


def _execute(path: Path, command: str, **arguments: int | str) -> None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            with connection.makefile("rw", encoding="utf-8") as lines:
                lines.readline()  # its greeting
                _ask(lines, {"execute": "qmp_capabilities"})
                _ask(lines, {"execute": command, "arguments": arguments})
    except OSError as error:
        raise HvError(f"no {command} of the emulated board: {error}", where=str(path)) from error


def _ask(lines: TextIO, request: dict[str, Any]) -> None:
    lines.write(json.dumps(request) + "\n")
    lines.flush()
    _await_return(lines, request["execute"])


def _await_return(lines: TextIO, command: str) -> None:
    """Skips events, of which there may be any number between commands."""
    for line in lines:
        answer = json.loads(line)
        if "return" in answer:
            return
        if "error" in answer:
            raise HvError(f"QEMU refuses {command}: {answer['error']}", where="QMP")
    raise HvError(f"QEMU ended during {command}", where="QMP")
