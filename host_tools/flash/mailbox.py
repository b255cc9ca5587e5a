"""Asks a firmware of the application `mailbox` for verdicts, through any debug server.

The twin of firmware/apps/mailbox/hv_mailbox.h.
"""

from __future__ import annotations

import struct
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from host_tools.boards import Board
from host_tools.flash.base import Call, FlashPlan, carry_out
from host_tools.flash.gdb import (
    DEFAULT_SERVER,
    MISMATCH,
    Gdb,
    begin,
    call_argv,
    connect,
    script_bytes,
)

APP = "mailbox"
MAGIC = 0x31424D48
STATUS_OK = 0
IDLE = "hv_mailbox_idle"

# magic, request, answered, status; the result follows
HEADER = struct.Struct("<4I")
assert HEADER.size == 16


@dataclass(frozen=True, kw_only=True)
class Device:
    """A board with that firmware behind a debug server.

    Attributes:
        board: which board it is.
        elf: the firmware it runs: gdb finds the mailbox by its symbols.
        server: host:port, serial device or socket of the debug server; "" for the usual one.
    """

    board: Board
    elf: Path
    server: str = ""


def ask(device: Device, rows: NDArray[np.uint8], *, timeout_s: float) -> NDArray[np.uint8]:
    """Runs images on the device from its reset on, and leaves it running.

    Args:
        device: what runs them.
        rows: uint8 [N, image bytes].
        timeout_s: wall-clock limit of it all, in seconds.

    Returns:
        uint8 [N, result bytes].

    Raises:
        ProgramMissing: gdb is not installed.
        HvError: no answer within the limit, a refusal of the kernel, or another firmware.
    """
    with tempfile.TemporaryDirectory(prefix="hvcodegen-") as scratch:
        folder = Path(scratch)
        carry_out(plan_questions(device, rows, folder), Gdb(), timeout_s=timeout_s)
        answers = [_result(folder / f"answer-{n}.bin", n, device) for n in range(len(rows))]
    return np.stack([np.frombuffer(answer, np.uint8) for answer in answers])


def plan_questions(device: Device, rows: NDArray[np.uint8], folder: Path) -> FlashPlan:
    """Returns the call of gdb that `ask` makes, and runs nothing."""
    family = device.board.core.family
    script = folder / "questions.gdb"
    images = {folder / f"image-{number}.bin": row.tobytes() for number, row in enumerate(rows)}
    commands = [
        *connect(device.server or DEFAULT_SERVER),
        *begin(family),
        f"hbreak {IDLE}",
        "continue",
        *(
            command
            for number, path in enumerate(images)
            for command in (
                f"restore {path} binary &hv_mailbox_image",
                f"set var hv_mailbox.request = {number + 1}",
                "continue",
                f"dump binary value {folder}/answer-{number}.bin hv_mailbox",
            )
        ),
        "delete",
        "detach",
    ]
    return FlashPlan(
        files={**images, script: script_bytes(commands)},
        steps=(Call(argv=call_argv(family, script, device.elf), refuses=MISMATCH),),
    )


def _result(path: Path, number: int, device: Device) -> bytes:
    answer = path.read_bytes() if path.is_file() else b""
    if len(answer) <= HEADER.size:
        raise HvError("the device gave no answer", where=f"image {number}, {device.elf}")
    magic, request, answered, status = HEADER.unpack_from(answer)
    if magic != MAGIC or request != answered or request != number + 1:
        raise HvError(
            "the device did not answer the question",
            where=f"image {number}, {device.elf}",
            hint="is this the firmware that was flashed? flash it again",
        )
    if status != STATUS_OK:
        raise HvError(f"the kernel refused its arguments: status {status}", where=str(device.elf))
    return answer[HEADER.size :]
