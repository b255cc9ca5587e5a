"""The rules of the house that concern rooms: who may import whom, what lies where."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codegen.kernels import KERNELS
from codegen.kernels.base import Kernel
from codegen.ops import OPS

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("codegen", "hypernet", "host_tools")
MAY_IMPORT = {
    "codegen": {"codegen"},
    "hypernet": {"codegen", "hypernet"},
    "host_tools": {"codegen", "host_tools"},
}
HEAVY = (
    "torch",
    "numpy",
    "dlib",
    "_dlib_pybind11",
    "PIL",
    "cffi",
    "unicorn",
    "safetensors",
    "jinja2",
    "onnx",
    "onnxruntime",
    "capstone",
    "cryptography",
    "matplotlib",
)
PHOTOGRAPHS = {
    ".jpg", ".jpeg", ".png", ".gif", ".bmp", ".tif", ".tiff", ".webp", ".heic", ".ppm", ".pgm",
    ".tar", ".zip", ".npz", ".npy", ".mp4",
}  # fmt: skip
LINES = 400


def _modules(room: str) -> Iterator[Path]:
    return (path for path in sorted((ROOT / room).rglob("*.py")))


def _imports(path: Path) -> Iterator[tuple[str, int]]:
    """Names of the rooms a file imports from, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            names = [node.module or ""]
        yield from ((name.partition(".")[0], node.lineno) for name in names)  # type: ignore[attr-defined]


def tracked() -> list[Path]:
    """Files in git; outside a checkout the rule cannot be checked."""
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"not a git checkout: {done.stderr.strip()}")
    return [ROOT / name for name in done.stdout.split("\0") if name]


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_from_rooms_above(room: str) -> None:
    front_door = ROOT / "codegen" / "cli"
    for path in _modules(room):
        if front_door in path.parents:
            continue
        for name, line in _imports(path):
            allowed = name not in (*ROOMS, "tests") or name in MAY_IMPORT[room]
            assert allowed, f"{path.relative_to(ROOT)}:{line} imports {name}"


def test_only_tests_import_tests() -> None:
    for room in ROOMS:
        for path in _modules(room):
            assert "tests" not in {name for name, _ in _imports(path)}, path


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["enroll", "--help"]])
def test_help_imports_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['hvcodegen', *{arguments}]\n"
        "from codegen.cli import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        f"print('HEAVY', [n for n in {HEAVY} if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.kind)
def test_an_operator_has_a_file_a_template_and_a_test(op: type) -> None:
    kind = op.kind  # type: ignore[attr-defined]
    for path in (
        f"codegen/ops/{kind}.py",
        f"templates/kernels/{kind}.c.j2",
        f"tests/ops/test_{kind}.py",
    ):
        assert (ROOT / path).is_file(), path
    assert op.__module__ == f"codegen.ops.{kind}"


def test_nothing_is_left_over_from_an_operator() -> None:
    kinds = {op.kind for op in OPS}
    templates = (ROOT / "templates/kernels").glob("*.j2")
    assert {path.name.removesuffix(".c.j2") for path in templates} == kinds


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_a_kernel_has_a_file_of_its_name(kernel: type[Kernel]) -> None:
    assert kernel.__module__ == f"codegen.kernels.{kernel.name}"


def test_no_photographs_are_committed() -> None:
    found = [path for path in tracked() if path.suffix.lower() in PHOTOGRAPHS]
    assert not found


def test_no_object_files_or_large_files_are_committed() -> None:
    for path in tracked():
        if path.is_file():
            assert path.suffix not in {".o", ".so", ".elf", ".pyc", ".whl", ".bin"}, path
            assert path.stat().st_size < 2**20 or path.suffix == ".safetensors", path


def test_files_fit_in_the_head() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for room in (*ROOMS, "firmware", "templates", "tests")
        for path in sorted((ROOT / room).rglob("*"))
        if path.suffix in {".py", ".c", ".h", ".j2"} and "golden" not in path.parts
        if (lines := len(path.read_text().splitlines())) > LINES
    }
    assert not long


def test_generated_text_asks_no_clock() -> None:
    """Same input, same bytes: nothing in the compiler knows the time, the machine or chance."""
    for path in _modules("codegen"):
        if "cli" in path.parts:
            continue
        for name, line in _imports(path):
            assert name not in {"time", "datetime", "random", "uuid", "socket", "platform"}, (
                path,
                line,
            )
    for path in sorted((ROOT / "templates").rglob("*.j2")):
        assert "now(" not in path.read_text(), path
