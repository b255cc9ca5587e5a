"""gdb: any debug server (OpenOCD, pyOCD, J-Link, st-util, Black Magic, an emulator).

    gdb-multiarch -nx -batch -x firmware.gdb firmware.elf

with `load`, and `compare-sections` when it shall verify. The firmware then begins at its reset
handler. It needs no parameter; `--port` is the server's host:port, a serial device, or a socket's
path. `load` is understood by the server: those of probes erase and program flash.
Source: Debugging with GDB, "Connecting to a Remote Target", `load`, `compare-sections`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from codegen.targets import CORTEX_M, RISCV32
from host_tools.flash.base import Call, FlashOrder, FlashPlan

DEFAULT_SERVER = "localhost:3333"  # OpenOCD's and pyOCD's
CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 30  # erasing the largest sector of an STM32H7 takes up to 4 s

# The first that is here is used; Debian's gdb-multiarch knows every core.
PROGRAMS = {
    CORTEX_M: ("gdb-multiarch", "arm-none-eabi-gdb"),
    RISCV32: ("gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv32-esp-elf-gdb"),
}

MISMATCH = "MIS-MATCHED"


@dataclass(frozen=True, kw_only=True)
class Gdb:
    """See the module."""

    name: str = "gdb"
    hint: str = "apt install gdb-multiarch"
    verifies: bool = True
    writes_parts: bool = True

    def plan(self, order: FlashOrder, parameter: str) -> FlashPlan:
        """Verifying compares every section, also when one person's weights alone are written."""
        script = order.file(".gdb")
        files: dict[Path, bytes] = {}
        what = ""
        if order.person:
            part = order.file(".hex")
            files[part] = order.image.intel_hex()
            what = f" {_quoted(part)}"
        commands = (
            *connect(order.port or DEFAULT_SERVER),
            f"load{what}",
            *(("compare-sections",) if order.verify else ()),
            *begin(order.board.core.family),
            "detach",
        )
        files[script] = script_bytes(commands)
        argv = call_argv(order.board.core.family, script, order.elf)
        return FlashPlan(files=files, steps=(Call(argv=argv, refuses=MISMATCH),))


def call_argv(family: str, script: Path, elf: Path) -> tuple[str, ...]:
    """Returns the call that runs a script of commands on a firmware."""
    return (program(family), "-nx", "-batch", "-x", str(script), str(elf))


def program(family: str) -> str:
    """Returns the name of a gdb for a family of cores: one that is here, else the preferred one."""
    names = PROGRAMS[family]
    return next((name for name in names if shutil.which(name)), names[0])


def connect(server: str) -> tuple[str, ...]:
    """Returns the commands that connect to a debug server, and wait for it only so long."""
    return (
        "set confirm off",
        "set pagination off",
        f"set tcp connect-timeout {CONNECT_TIMEOUT_S}",
        f"set remotetimeout {ANSWER_TIMEOUT_S}",
        f"target remote {server}",
    )


def begin(family: str) -> tuple[str, ...]:
    """Returns the commands that put a core where it is after reset, without the server's help."""
    if family == CORTEX_M:
        return (
            "set $sp = (unsigned int)&hv_stack_top",
            "set $xpsr = 0x01000000",  # Thumb, no exception
            "set $pc = (unsigned int)&hv_reset",
        )
    return ("set $pc = (unsigned int)&hv_entry",)


def script_bytes(commands: Sequence[str]) -> bytes:
    """Returns the file with the commands."""
    return "".join(f"{command}\n" for command in commands).encode("utf-8")


def _quoted(path: Path) -> str:
    """As a gdb word: blanks and backslashes in a path do not end it."""
    return str(path).replace("\\", "\\\\").replace(" ", "\\ ")
