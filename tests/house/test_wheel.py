"""The wheel: holds the templates and the firmware, and works outside a checkout."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from codegen.emit import emit
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import conv_head

ROOT = Path(__file__).resolve().parents[2]

_EMIT = """
import sys
from pathlib import Path
sys.path.append({tests!r})
import codegen, codegen.resources
from codegen.emit import emit, write_emission
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import conv_head
print(codegen.resources.resource("templates"))
write_emission(emit(schedule(conv_head(), find_target("cortex-m4")), "anna"), Path("out"))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in ("pip", "hatchling"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(
                f"{module} is not installed, so no wheel can be built: pip install {module}"
            )
    folder = tmp_path_factory.mktemp("wheel")
    _run("-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", folder, ROOT)
    (built,) = folder.glob("hvcodegen-*.whl")
    return built


def _run(*argv: str | Path, cwd: Path | None = None, path: Path | None = None) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    if path is not None:
        environment["PYTHONPATH"] = str(path)
    done = subprocess.run(
        [sys.executable, *(str(part) for part in argv)],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    return done.stdout


def test_the_wheel_holds_every_resource(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for kind in ("templates", "firmware"):
        for path in sorted((ROOT / kind).rglob("*")):
            if path.is_file():
                assert f"codegen/_resources/{path.relative_to(ROOT)}" in names
    for room in ("codegen", "hypernet", "host_tools"):
        for path in sorted((ROOT / room).rglob("*")):
            if path.is_file() and path.suffix in {".py", ".json", ".safetensors", ".c"}:
                assert str(path.relative_to(ROOT)) in names
    assert not [name for name in names if name.startswith("tests/")]


def test_an_installed_wheel_emits_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    _run("-m", "pip", "install", "--no-deps", "-q", "--target", site, wheel)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    # only the test's own networks come from the checkout, behind everything else
    helper = tmp_path / "helper"
    (helper / "tests").mkdir(parents=True)
    for name in ("__init__.py", "architectures.py", "networks.py"):
        (helper / "tests" / name).write_bytes((ROOT / "tests" / name).read_bytes())
    said = _run("-c", _EMIT.format(tests=str(helper)), cwd=elsewhere, path=site)
    assert Path(said.strip()) == site / "codegen" / "_resources" / "templates"
    files = {p.name: p.read_bytes() for p in (elsewhere / "out").iterdir()}
    assert files == emit(schedule(conv_head(), find_target("cortex-m4")), "anna").files


def test_the_command_starts_outside_a_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    _run("-m", "pip", "install", "--no-deps", "-q", "--target", site, wheel)
    code = "import sys; sys.argv[1:] = ['targets']; from codegen.cli import main; sys.exit(main())"
    assert "cortex-m4" in _run("-c", code, cwd=tmp_path, path=site)
