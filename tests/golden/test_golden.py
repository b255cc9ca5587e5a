"""Whole generated folders, reviewed as code: any changed byte shows up in a review.

`pytest tests/golden --update-golden` writes them anew.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from codegen.emit import emit, emit_network
from codegen.nets import QuantNet
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.networks import conv_head, depthwise_all, rows, two_inputs

HERE = Path(__file__).parent
HINT = "to write it: pytest tests/golden --update-golden, then review the difference"
MAKERS: tuple[Callable[[], QuantNet], ...] = (conv_head, depthwise_all, rows, two_inputs)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_generated_folder(make: Callable[[], QuantNet], update_golden: bool) -> None:
    net = make()
    files = emitted_files(net)
    folder = HERE / net.arch.name
    if update_golden:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in files.items():
            (folder / name).write_bytes(data)
    compare(folder, files)


def emitted_files(net: QuantNet) -> Mapping[str, bytes]:
    target = find_target("cortex-m4")
    if net.arch.name == "rows":
        return emit(schedule(net, target, "small"), "golden").files
    if net.arch.is_verifier:
        return emit(schedule(net, target), "golden").files
    names = (*net.arch.input_names, *net.arch.outputs)
    return emit_network(schedule(net, target), dict.fromkeys(names, ", as it is")).files


def compare(folder: Path, files: Mapping[str, bytes]) -> None:
    """Fails unless the folder holds exactly these files; shows the first difference."""
    if not folder.is_dir():
        pytest.fail(f"there is no golden {folder.name}; {HINT}")
    golden = {path.name: path.read_bytes() for path in folder.iterdir()}
    for name in sorted(golden.keys() | files.keys()):
        if name not in golden:
            pytest.fail(f"golden {folder.name} has no {name}; {HINT}")
        if name not in files:
            pytest.fail(f"{name} of golden {folder.name} is no longer emitted; {HINT}")
        if golden[name] != files[name]:
            pytest.fail(
                f"{folder.name}/{name} differs; {HINT}\n{_difference(golden[name], files[name])}"
            )


def test_a_missing_golden_fails_with_the_hint(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="--update-golden"):
        compare(tmp_path / "absent", {"a": b"1"})
    (tmp_path / "a").write_bytes(b"1\n")
    compare(tmp_path, {"a": b"1\n"})
    for files in ({"a": b"2\n"}, {"a": b"1\n", "b": b""}, {}):
        with pytest.raises(pytest.fail.Exception, match="--update-golden"):
            compare(tmp_path, files)


def _difference(golden: bytes, emitted: bytes) -> str:
    one, two = (data.decode("utf-8", "replace").splitlines() for data in (golden, emitted))
    lines = difflib.unified_diff(one, two, "golden", "emitted", lineterm="", n=1)
    return "\n".join(list(lines)[:30])
