"""QEMU's control socket: a reset while it runs, as when the power goes for a moment.

RAM keeps its content; the core, its registers and whatever it was doing are gone.
Source: QEMU Machine Protocol Specification; `system_reset` of the QMP reference manual.
"""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import TextIO

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
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(TIMEOUT_S)
            connection.connect(str(path))
            with connection.makefile("rw", encoding="utf-8") as lines:
                lines.readline()  # its greeting
                for command in ("qmp_capabilities", "system_reset"):
                    lines.write(json.dumps({"execute": command}) + "\n")
                    lines.flush()
                    _await_return(lines, command)
    except OSError as error:
        raise HvError(f"cannot reset the emulated board: {error}", where=str(path)) from error


def _await_return(lines: TextIO, command: str) -> None:
    """Skips events, of which there may be any number between commands."""
    for line in lines:
        answer = json.loads(line)
        if "return" in answer:
            return
        if "error" in answer:
            raise HvError(f"QEMU refuses {command}: {answer['error']}", where="QMP")
    raise HvError(f"QEMU ended during {command}", where="QMP")
