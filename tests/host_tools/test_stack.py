from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from codegen.errors import HvError
from host_tools.stack import LIBRARY_FRAMES, stack_before, stack_bound, stack_through


def _node(name: str, size: int, kind: str = "static") -> str:
    return rf'node: {{ title: "{name}" label: "{name}\nfile.c:1:1\n{size} bytes ({kind})" }}'


def _edge(caller: str, callee: str) -> str:
    return f'edge: {{ sourcename: "{caller}" targetname: "{callee}" label: "file.c:2:2" }}'


def _write(folder: Path, *lines: str) -> list[Path]:
    path = folder / "file.ci"
    path.write_text("\n".join(lines))
    return [path]


def test_the_deepest_path_wins(tmp_path: Path) -> None:
    files = _write(
        tmp_path,
        _node("main", 8),
        _node("file.c:shallow", 100),
        _node("wide", 40),
        _node("deep", 80),
        _edge("main", "file.c:shallow"),
        _edge("main", "wide"),
        _edge("wide", "deep"),
    )
    bound = stack_bound(files, "main")
    assert bound.size_bytes == 8 + 40 + 80
    assert bound.path == (("main", 8), ("wide", 40), ("deep", 80))


def test_static_functions_lose_their_path(tmp_path: Path) -> None:
    files = _write(
        tmp_path,
        _node("main", 8),
        _node("/tmp/x/file.c:inner", 16),
        _edge("main", "/tmp/x/file.c:inner"),
    )
    assert stack_bound(files, "main").path == (("main", 8), ("inner", 16))


def test_recursion_is_refused(tmp_path: Path) -> None:
    files = _write(
        tmp_path, _node("main", 8), _node("f", 8), _edge("main", "f"), _edge("f", "main")
    )
    with pytest.raises(HvError, match="recursion: main -> f -> main"):
        stack_bound(files, "main")


def test_calls_through_pointers_are_refused(tmp_path: Path) -> None:
    files = _write(tmp_path, _node("main", 8), _edge("main", "__indirect_call"))
    with pytest.raises(HvError, match="main calls through a pointer"):
        stack_bound(files, "main")


def test_calls_through_pointers_reach_what_is_named_in_its_order(tmp_path: Path) -> None:
    files = _write(
        tmp_path,
        _node("main", 8),
        _node("a.c:outer", 16),
        _node("b.c:inner", 32),
        _node("c.c:inner", 64),
        _edge("main", "__indirect_call"),
        _edge("a.c:outer", "__indirect_call"),
    )
    bound = stack_bound(files, "main", pointed=("outer", "inner"))
    assert bound.path == (("main", 8), ("outer", 16), ("inner", 64))
    assert stack_bound(files, "main", pointed=("inner", "outer", "inner")).size_bytes == 88
    with pytest.raises(HvError, match="no function other"):
        stack_bound(files, "main", pointed=("outer", "other"))
    with pytest.raises(HvError, match="outer calls through a pointer"):
        stack_bound(files, "main", pointed=("inner", "outer"))


def test_an_exception_comes_on_top_of_the_deepest_path(tmp_path: Path) -> None:
    files = _write(
        tmp_path,
        _node("main", 8),
        _node("a.c:outer", 16),
        _node("core.c:fault", 24),
        _node("clear", 32),
        _edge("main", "__indirect_call"),
        _edge("core.c:fault", "clear"),
    )
    bound = stack_bound(files, "main", pointed=("outer",), handler="fault")
    expected = (("main", 8), ("outer", 16), ("exception", 108), ("fault", 24), ("clear", 32))
    assert bound.path == expected
    assert bound.size_bytes == sum(size for _, size in expected)
    with pytest.raises(HvError, match="the frame of other is not known"):
        stack_bound(files, "main", pointed=("outer",), handler="other")


def test_frames_of_variable_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HvError, match=r"the frame of main has no fixed size \(dynamic\)"):
        stack_bound(_write(tmp_path, _node("main", 8, "dynamic")), "main")


def test_unknown_functions_are_refused(tmp_path: Path) -> None:
    files = _write(tmp_path, _node("main", 8), _edge("main", "printf"))
    with pytest.raises(HvError, match="the frame of printf is not known"):
        stack_bound(files, "main")


def test_a_missing_root_is_refused(tmp_path: Path) -> None:
    with pytest.raises(HvError, match="no function main"):
        stack_bound(_write(tmp_path, _node("other", 8)), "main")


def test_what_the_callers_hold(tmp_path: Path) -> None:
    files = _write(
        tmp_path,
        *(_node(name, size) for name, size in (("main", 8), ("way", 24), ("run", 40), ("in", 16))),
        _edge("main", "way"),
        _edge("way", "run"),
        _edge("run", "in"),
        _edge("main", "in"),
    )
    assert stack_before(files, "main", "run") == 8 + 24
    assert stack_before(files, "main", "main") == 0
    with pytest.raises(HvError, match="ways of different depths from main to in"):
        stack_before(files, "main", "in")
    with pytest.raises(HvError, match="no way from run to main"):
        stack_before(files, "run", "main")


def test_library_frames_are_those_of_the_library_for_arm() -> None:
    """Every push of each function, as libgcc for Armv6-M is disassembled."""
    listing = _listing("arm-none-eabi-", "-mcpu=cortex-m0", "-mthumb", "-mfloat-abi=soft")
    for function in _ARM_FRAMES:
        code = _code(listing, _SAME_CODE.get(function, function))
        pushes = re.findall(r"push\s+\{([^}]*)\}", code)
        pushed = sum(len(registers.split(",")) for registers in pushes) * 4
        assert pushed <= LIBRARY_FRAMES[function], function
        assert "sub\tsp" not in code, function


def test_library_frames_are_those_of_the_library_for_riscv() -> None:
    """None of these functions moves the stack pointer or calls another."""
    listing = _listing("riscv64-unknown-elf-", "-march=rv32imc", "-mabi=ilp32")
    for function in set(LIBRARY_FRAMES) - set(_ARM_FRAMES):
        assert LIBRARY_FRAMES[function] == 0
        assert not re.search(r"\bsp\b|\bjal\b", _code(listing, function)), function


_ARM_FRAMES = [name for name in LIBRARY_FRAMES if name.startswith(("__aeabi", "__gnu"))]


# libgcc gives some code two names; the disassembly shows one
_SAME_CODE = {"__aeabi_idiv": "__divsi3", "__aeabi_uidiv": "__udivsi3"}


def _listing(prefix: str, *core: str) -> str:
    if shutil.which(f"{prefix}objdump") is None:
        pytest.skip(f"{prefix}objdump is not installed")
    library = _output(f"{prefix}gcc", *core, "-print-libgcc-file-name").strip()
    return _output(f"{prefix}objdump", "-d", "--no-show-raw-insn", library)


def _code(listing: str, function: str) -> str:
    found = re.search(rf"^[0-9a-f]+ <{function}>:\n(.*?)(?:\n\n|\Z)", listing, re.M | re.S)
    assert found is not None, function
    return found[1]


def _output(*argv: str) -> str:
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout


def test_the_deepest_path_through_a_function(tmp_path: Path) -> None:
    files = _write(
        tmp_path,
        _node("main", 8),
        _node("file.c:one", 100),
        _node("two", 40),
        _edge("main", "file.c:one"),
        _edge("main", "two"),
        _edge("two", "part"),
        _edge("file.c:one", "two"),
    )
    found = stack_through(files, "main", ["one", "two"], {"part": 12})
    assert found == {"one": 8 + 100 + 40 + 12, "two": 8 + 100 + 40 + 12}
    assert stack_through(files, "two", ["two"], {"part": 12}) == {"two": 52}
    with pytest.raises(HvError, match="no way from two to one"):
        stack_through(files, "two", ["one"], {"part": 12})
