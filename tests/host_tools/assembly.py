"""Thumb code for tests: assembled, decoded, and run as a layer of the toy."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from host_tools.cycles.estimate import Count
from host_tools.cycles.instructions import Code

ASSEMBLER = "arm-none-eabi-gcc"
ORIGIN = 0x8000


def assembled(folder: Path, text: str, core: str = "cortex-m4") -> Code:
    """The code of a program that begins at ORIGIN."""
    if shutil.which(ASSEMBLER) is None:
        pytest.skip(f"{ASSEMBLER} is not installed")
    source, elf = folder / "code.s", folder / "code.elf"
    source.write_text(f".syntax unified\n.thumb\n.global _start\n_start:\n{text}\n.ltorg\n")
    subprocess.run(
        [ASSEMBLER, f"-mcpu={core}", "-nostdlib", f"-Wl,-Ttext={ORIGIN:#x}", source, "-o", elf],
        check=True,
    )
    return Code(elf)


def once(code: Code, size_bytes: int, *, taken: bool = False) -> tuple[Count, ...]:
    """Each instruction once; the last one perhaps as a taken branch."""
    found = code.between(ORIGIN, ORIGIN + size_bytes)
    return tuple(
        Count(instruction=one, executions=1, taken=int(taken and one is found[-1])) for one in found
    )
