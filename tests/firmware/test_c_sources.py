"""Rules that every C file written by hand keeps."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codegen.resources import resource

ROOT = Path(__file__).resolve().parents[2]
FIRMWARE = resource("firmware")
SOURCES = sorted(
    path
    for folder in (FIRMWARE, ROOT / "host_tools" / "plugin")
    for path in folder.rglob("*")
    if path.suffix in (".c", ".h")
)


def _program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def _run(*argv: str) -> None:
    finished = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_every_file_is_formatted() -> None:
    _run(_program("clang-format"), "--dry-run", "-Werror", *map(str, SOURCES))


@pytest.mark.parametrize("folder", ["startup", "runtime", "apps"])
def test_cppcheck_finds_nothing(folder: str) -> None:
    _cppcheck(FIRMWARE / folder)


def test_cppcheck_finds_nothing_in_the_plugin() -> None:
    _cppcheck(ROOT / "host_tools" / "plugin")


def _cppcheck(folder: Path) -> None:
    _run(
        _program("cppcheck"),
        "--std=c11",
        "--enable=warning,style,performance,portability",
        "--error-exitcode=1",
        "--quiet",
        "-I",
        str(FIRMWARE / "runtime"),
        "-I",
        str(FIRMWARE / "startup"),
        str(folder),
    )


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_every_file_begins_with_what_it_is_for(path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first.startswith("/* ")
    assert ": " in first


ON_TARGET = [path for path in SOURCES if path.parent.name != "plugin"]  # that one runs in QEMU


@pytest.mark.parametrize("path", ON_TARGET, ids=lambda path: path.name)
def test_firmware_uses_no_heap_and_no_goto(path: Path) -> None:
    words = set(path.read_text().replace("(", " ").replace(";", " ").split())
    assert not words & {"malloc", "calloc", "realloc", "free", "goto", "float", "double"}
