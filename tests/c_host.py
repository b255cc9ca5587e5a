"""Compiles C for this machine, the plain way: what a user of the emitted folder would type."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from codegen.emit import Emission, emit, emit_network, write_emission
from codegen.nets import QuantNet
from codegen.resources import resource
from codegen.schedule import schedule
from codegen.targets import Target, find_target

CORTEX_M4 = find_target("cortex-m4")
RUNTIME = resource("firmware") / "runtime"
HERE = Path(__file__).resolve().parent

WARNINGS = (
    "-std=c11",
    "-Wall",
    "-Wextra",
    "-Wpedantic",
    "-Wconversion",
    "-Wshadow",
    "-Wundef",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Werror",
)
SANITISERS = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


def program(name: str, hint: str) -> str:
    """Path of a program, or skips the test and says how to install it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: {hint}")
    return found


def compiler(name: str) -> str:
    return program(name, f"apt install {name}")


def run(argv: Sequence[str | Path], *, cwd: Path | None = None, check: bool = True) -> str:
    """Runs a program to its end; returns what it said, or fails the test with it."""
    done = subprocess.run(
        [str(part) for part in argv], cwd=cwd, capture_output=True, text=True, check=False
    )
    said = done.stdout + done.stderr
    if check and done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, argv))}\nexit status {done.returncode}\n{said[:4000]}")
    return said


def shared_library(source: Path, folder: Path, *extra: str) -> Path:
    """A library for ctypes; undefined behaviour traps."""
    library = folder / f"{source.stem}.so"
    trap = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    flags = (*WARNINGS, "-O2", "-shared", "-fPIC", *trap, "-I", str(RUNTIME))
    run([compiler("gcc"), *flags, source, *extra, "-o", library])
    return library


def emitted(
    net: QuantNet, folder: Path, user: str = "someone", target: Target = CORTEX_M4
) -> Emission:
    """Emits a verifier or any other network into `folder`."""
    if net.arch.is_verifier:
        emission = emit(schedule(net, target), user)
    else:
        names = (*net.arch.input_names, *net.arch.outputs)
        emission = emit_network(schedule(net, target), dict.fromkeys(names, ""))
    write_emission(emission, folder)
    return emission
