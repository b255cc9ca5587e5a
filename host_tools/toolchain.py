"""Compilers: which ones are here, and which one is used.

Two kinds for each purpose. `gcc` is the distribution's own; `zig` is clang as the Python package
`ziglang` brings it, so that a machine without any system compiler can build and check firmware too.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from codegen.errors import HvError, ProgramMissing
from codegen.targets import CORTEX_M, RISCV32, Target
from host_tools.cache import cache_folder
from host_tools.processes import run_program

VERSION_TIMEOUT_S = 60.0


class Purpose(Enum):
    """What is to be compiled for: a family of cores, or this machine."""

    CORTEX_M = CORTEX_M
    RISCV32 = RISCV32
    HOST = "host"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A compiler that may be on this machine.

    Attributes:
        name: what a user calls it.
        purpose: what it compiles for.
        program: its executable, or "" for the one inside the Python package `ziglang`.
        hint: how to install it.
    """

    name: str
    purpose: Purpose
    program: str
    hint: str


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A compiler that was found.

    Attributes:
        name: the candidate's name.
        purpose: what it compiles for.
        argv: how each call begins.
        version: the first line it says about itself.
        path: its executable.
    """

    name: str
    purpose: Purpose
    argv: tuple[str, ...]
    version: str
    path: Path

    @property
    def is_zig(self) -> bool:
        """Whether this is the compiler of the package `ziglang`."""
        return self.name == ZIG

    def target_flags(self, target: Target) -> tuple[str, ...]:
        """Returns the options that select a target's core, in this compiler's words."""
        return target.zig_flags if self.is_zig else target.gcc_flags

    def environment(self) -> dict[str, str]:
        """Returns the variables each call needs: zig keeps its intermediate files in our cache."""
        if not self.is_zig:
            return {}
        folder = os.environ.get(ZIG_CACHE_VARIABLE) or str(cache_folder("zig"))
        return {ZIG_CACHE_VARIABLE: folder, "ZIG_LOCAL_CACHE_DIR": folder}


ZIG = "zig"
ZIG_CACHE_VARIABLE = "ZIG_GLOBAL_CACHE_DIR"  # zig's own; who sets it keeps it
_ZIG_HINT = "pip install ziglang"

# In order of preference. The distribution's gcc first: it is the compiler most boards are shipped
# with, it reports its stack use (stack.py), and it starts faster.
CANDIDATES = (
    Candidate(
        name="gcc",
        purpose=Purpose.CORTEX_M,
        program="arm-none-eabi-gcc",
        hint="apt install gcc-arm-none-eabi",
    ),
    Candidate(name=ZIG, purpose=Purpose.CORTEX_M, program="", hint=_ZIG_HINT),
    Candidate(
        name="gcc",
        purpose=Purpose.RISCV32,
        program="riscv64-unknown-elf-gcc",
        hint="apt install gcc-riscv64-unknown-elf",
    ),
    Candidate(name=ZIG, purpose=Purpose.RISCV32, program="", hint=_ZIG_HINT),
    Candidate(name="gcc", purpose=Purpose.HOST, program="gcc", hint="apt install gcc libc6-dev"),
    Candidate(name="clang", purpose=Purpose.HOST, program="clang", hint="apt install clang"),
    Candidate(name="cc", purpose=Purpose.HOST, program="cc", hint="install a C compiler"),
    Candidate(name=ZIG, purpose=Purpose.HOST, program="", hint=_ZIG_HINT),
)


def candidates(purpose: Purpose) -> tuple[Candidate, ...]:
    """Returns the compilers known for a purpose, the preferred one first."""
    return tuple(candidate for candidate in CANDIDATES if candidate.purpose is purpose)


def all_available(purpose: Purpose) -> tuple[Toolchain, ...]:
    """Returns the compilers found on this machine, the preferred one first."""
    found = (find(candidate) for candidate in candidates(purpose))
    return tuple(toolchain for toolchain in found if toolchain is not None)


def choose(purpose: Purpose, name: str | None = None) -> Toolchain:
    """Returns the compiler called `name`, or the preferred one of those that are here.

    Raises:
        HvError: no compiler of that name is known.
        ProgramMissing: it, or every one of them, is not installed.
    """
    known = candidates(purpose)
    wanted = tuple(candidate for candidate in known if name in (None, candidate.name))
    if not wanted:
        names = ", ".join(candidate.name for candidate in known)
        raise HvError(
            f"no compiler for {purpose.value} is called {name!r}", hint=f"choose one of {names}"
        )
    for candidate in wanted:
        toolchain = find(candidate)
        if toolchain is not None:
            return toolchain
    what = f"the compiler {name}" if name else "a compiler"
    raise ProgramMissing(
        f"{what} for {purpose.value} is not installed",
        hint=", or ".join(candidate.hint for candidate in wanted),
    )


def find(candidate: Candidate) -> Toolchain | None:
    """Returns the candidate as found on this machine, or None."""
    path = _program_path(candidate.program) if candidate.program else _zig_path()
    if path is None:
        return None
    is_zig = candidate.name == ZIG
    question = "version" if is_zig else "--version"
    answer = run_program((str(path), question), timeout_s=VERSION_TIMEOUT_S, hint=candidate.hint)
    if answer.exit_code != 0:
        return None
    version = answer.output.strip().partition("\n")[0]
    return Toolchain(
        name=candidate.name,
        purpose=candidate.purpose,
        argv=(str(path), "cc") if is_zig else (str(path),),
        version=f"zig {version}" if is_zig else version,
        path=path,
    )


def _program_path(program: str) -> Path | None:
    found = shutil.which(program)
    return Path(found) if found else None


def _zig_path() -> Path | None:
    """Returns the executable that `python -m ziglang` would start."""
    package = importlib.util.find_spec("ziglang")
    if package is None or not package.submodule_search_locations:
        return None
    found = shutil.which("zig", path=package.submodule_search_locations[0])
    return Path(found) if found else None
