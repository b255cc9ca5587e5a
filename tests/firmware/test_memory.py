"""The memory functions of the start-up code, compiled for this machine, against Python's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cffi
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codegen.resources import resource
from host_tools.processes import run_program
from host_tools.toolchain import Purpose, choose

NAMES = ("memcpy", "memmove", "memset", "memcmp", "strlen")
ROOM = 64

PLACES = st.integers(0, 8)
SIZES = st.integers(0, 40)
CONTENTS = st.binary(min_size=ROOM, max_size=ROOM)


@pytest.fixture(scope="module")
def functions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Compiles them under names of their own, so that the C library's are not called."""
    toolchain = choose(Purpose.HOST)
    startup = resource("firmware") / "startup"
    library: Path = tmp_path_factory.mktemp("memory") / "memory.so"
    finished = run_program(
        (
            *toolchain.argv,
            "-std=c11",
            "-O1",
            "-fno-builtin",
            "-shared",
            "-fPIC",
            "-isystem",
            str(startup / "libc"),
            *(f"-D{name}=hv_test_{name}" for name in NAMES),
            str(startup / "hv_memory.c"),
            "-o",
            str(library),
        ),
        timeout_s=60,
        environment=toolchain.environment(),
    )
    assert finished.exit_code == 0, finished.output
    ffi = cffi.FFI()
    ffi.cdef(
        """
        void *hv_test_memcpy(void *destination, const void *source, size_t size);
        void *hv_test_memmove(void *destination, const void *source, size_t size);
        void *hv_test_memset(void *destination, int value, size_t size);
        int hv_test_memcmp(const void *left, const void *right, size_t size);
        size_t hv_test_strlen(const char *text);
        """
    )
    return ffi, ffi.dlopen(str(library))


@given(contents=CONTENTS, to=PLACES, size=SIZES, source=CONTENTS, start=PLACES)
def test_memcpy(
    functions: tuple[Any, Any], contents: bytes, to: int, size: int, source: bytes, start: int
) -> None:
    ffi, library = functions
    room, other = ffi.new("uint8_t[]", contents), ffi.new("uint8_t[]", source)
    assert library.hv_test_memcpy(room + to, other + start, size) == room + to
    expected = contents[:to] + source[start : start + size] + contents[to + size :]
    assert bytes(ffi.buffer(room))[:ROOM] == expected


@given(contents=CONTENTS, to=PLACES, start=PLACES, size=SIZES)
def test_memmove_with_overlap(
    functions: tuple[Any, Any], contents: bytes, to: int, start: int, size: int
) -> None:
    ffi, library = functions
    room = ffi.new("uint8_t[]", contents)
    library.hv_test_memmove(room + to, room + start, size)
    expected = contents[:to] + contents[start : start + size] + contents[to + size :]
    assert bytes(ffi.buffer(room))[:ROOM] == expected


@given(contents=CONTENTS, to=PLACES, size=SIZES, value=st.integers(-128, 255))
def test_memset(
    functions: tuple[Any, Any], contents: bytes, to: int, size: int, value: int
) -> None:
    ffi, library = functions
    room = ffi.new("uint8_t[]", contents)
    library.hv_test_memset(room + to, value, size)
    expected = contents[:to] + bytes([value % 256]) * size + contents[to + size :]
    assert bytes(ffi.buffer(room))[:ROOM] == expected


@given(left=st.binary(max_size=12), right=st.binary(max_size=12))
def test_memcmp_orders_like_python(functions: tuple[Any, Any], left: bytes, right: bytes) -> None:
    ffi, library = functions
    size = min(len(left), len(right))
    answer = library.hv_test_memcmp(ffi.from_buffer(left), ffi.from_buffer(right), size)
    a, b = left[:size], right[:size]
    assert (answer > 0, answer < 0) == (a > b, a < b)


@given(text=st.binary(max_size=20).filter(lambda text: 0 not in text))
def test_strlen(functions: tuple[Any, Any], text: bytes) -> None:
    ffi, library = functions
    assert library.hv_test_strlen(ffi.new("char[]", text)) == len(text)
