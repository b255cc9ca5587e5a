"""hv_<arch>_begin() and _push_row(): what they answer, and what they refuse, in every plan."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from codegen import reference
from codegen.emit import emit, write_emission
from codegen.layout import pack
from codegen.schedule import schedule
from codegen.targets import find_target
from tests.c_host import compiler, run
from tests.networks import images, rows

OK, ARGUMENT, ALIGNMENT, ABI, MORE = 0, 1, 2, 3, 7


@dataclass(frozen=True, kw_only=True)
class Kernel:
    """The emitted folder as a library, and memory for it."""

    library: ctypes.CDLL
    person: np.ndarray
    arena: np.ndarray  # uint8, aligned to 16, with 16 bytes to spare
    row_bytes: int

    def begin(self, shift: int = 0) -> int:
        answer: int = self.library.hv_rows_begin(self._at(self.arena[shift:]))
        return answer

    def push(self, row: np.ndarray | None, result: np.ndarray | None, shift: int = 0) -> int:
        answer: int = self.library.hv_rows_push_row(
            self._at(self.person), self._at(row), self._at(self.arena[shift:]), self._at(result)
        )
        return answer

    @staticmethod
    def _at(values: np.ndarray | None) -> ctypes.c_void_p | None:
        return None if values is None else ctypes.c_void_p(values.ctypes.data)


@pytest.fixture(params=["speed", "balanced", "small"])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kernel]:
    scheduled = schedule(rows(), find_target("cortex-m4"), request.param)
    emission = emit(scheduled, "someone")
    folder = tmp_path / "emitted"
    write_emission(emission, folder)
    library = tmp_path / "rows.so"
    sources = sorted(folder.glob("*.c"))
    run(
        [
            compiler("gcc"),
            "-std=c11",
            "-O1",
            "-shared",
            "-fPIC",
            "-I",
            folder,
            *sources,
            "-o",
            library,
        ]
    )
    program = emission.program
    person = pack(program.person, program.abi[: program.person.header_bytes], scheduled.stored())
    yield Kernel(
        library=ctypes.CDLL(str(library)),
        person=_aligned(np.frombuffer(person, np.uint8)),
        arena=_aligned(np.full(program.plan.arena_bytes + 16, 0xA5, np.uint8)),
        row_bytes=program.input_row_bytes,
    )


def test_the_last_row_brings_the_verdict_each_time(kernel: Kernel) -> None:
    net = rows()
    batch = images(net.arch, 3, seed=8)
    expected = reference.run(net, batch)[net.layers[-1].name]
    for image, verdict in zip(batch, expected, strict=True):
        result = np.full(3, -7, np.int32)
        assert kernel.begin() == OK
        for row in image[:-1]:
            assert kernel.push(row, result) == MORE
            assert (result == -7).all()
        assert kernel.push(image[-1], result) == OK
        np.testing.assert_array_equal(result, verdict)


def test_rows_without_an_image_and_one_too_many_are_refused(kernel: Kernel) -> None:
    net = rows()
    image, result = images(net.arch, 1, seed=8)[0], np.full(3, -7, np.int32)
    for left_over in (0, 0xA5):
        kernel.arena[:] = left_over
        assert kernel.push(image[0], result) == ARGUMENT  # nothing was begun
    assert kernel.begin() == OK
    answers = [kernel.push(row, result) for row in image]
    assert answers == [MORE] * (len(image) - 1) + [OK]
    kept = result.copy()
    assert kernel.push(image[0], result) == ARGUMENT
    np.testing.assert_array_equal(result, kept)


def test_a_new_image_forgets_the_rows_of_the_one_before(kernel: Kernel) -> None:
    net = rows()
    one, other = images(net.arch, 2, seed=8)
    result = np.zeros(3, np.int32)
    assert kernel.begin() == OK
    assert [kernel.push(row, result) for row in one[:5]] == [MORE] * 5
    assert kernel.begin() == OK
    for row in other:
        kernel.push(row, result)
    expected = reference.run(net, other[None])[net.layers[-1].name][0]
    np.testing.assert_array_equal(result, expected)


def test_memory_that_cannot_be_used_is_refused(kernel: Kernel) -> None:
    row, result = np.zeros(kernel.row_bytes, np.uint8), np.zeros(3, np.int32)
    assert kernel.begin(shift=4) == ALIGNMENT
    assert kernel.library.hv_rows_begin(None) == ARGUMENT
    assert kernel.begin() == OK
    assert kernel.push(None, result) == ARGUMENT
    assert kernel.push(row, None) == ARGUMENT
    assert kernel.push(row, result, shift=4) == ALIGNMENT
    kernel.person[0] ^= 1
    assert kernel.push(row, result) == ABI
    kernel.person[0] ^= 1
    assert kernel.push(row, result) == MORE  # none of these counted as a row


def _aligned(values: np.ndarray) -> np.ndarray:
    room = np.empty(len(values) + 15, np.uint8)
    start = -room.ctypes.data % 16
    room[start : start + len(values)] = values
    return room[start : start + len(values)]
