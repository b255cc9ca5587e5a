"""The tools that keep the house in order, run over all of it."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
INSTALL = "pip install 'hvcodegen[dev]'"


def _tool(name: str) -> Path:
    path = Path(sys.executable).parent / name
    if not path.exists():
        pytest.skip(f"{name} is not installed: {INSTALL}")
    return path


def _run(*argv: str | Path) -> None:
    done = subprocess.run(
        [str(part) for part in argv], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]


def _tracked(*suffixes: str) -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    paths = [ROOT / name for name in done.stdout.split("\0") if name.endswith(suffixes)]
    return [path for path in paths if path.is_file()]


def test_ruff_check() -> None:
    _run(_tool("ruff"), "check", ".")


def test_ruff_format() -> None:
    _run(_tool("ruff"), "format", "--check", ".")


def test_mypy_strict() -> None:
    if importlib.util.find_spec("mypy") is None:
        pytest.skip(f"mypy is not installed: {INSTALL}")
    _run(sys.executable, "-m", "mypy")


def test_all_committed_c_is_formatted() -> None:
    _run(_tool("clang-format"), "--dry-run", "-Werror", *_tracked(".c", ".h"))
