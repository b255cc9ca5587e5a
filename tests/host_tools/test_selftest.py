from __future__ import annotations

import re

import numpy as np
import pytest
from toy_firmware import Build, installed_emulator

from codegen import arith
from codegen.errors import HvError
from codegen.resources import resource
from host_tools.emulators import EMULATORS
from host_tools.selftest import CASE, Case, Operation, pack_cases, run_selftest

INT32_MAX = 2**31 - 1
INT32_MIN = -(2**31)

# accumulators at every boundary, and ties: 2**31 / multiplier rounds to exactly one half
ACCUMULATORS = (INT32_MIN, INT32_MIN + 1, -4, -3, -2, -1, 0, 1, 2, 3, 4, INT32_MAX - 1, INT32_MAX)
MULTIPLIERS = (1, 2, 3, 2**29, 2**30, 2**31 - 1)


def _requantise_cases() -> list[Case]:
    random = np.random.default_rng(11)
    extremes = [(acc, multiplier) for acc in ACCUMULATORS for multiplier in MULTIPLIERS]
    drawn = zip(
        random.integers(INT32_MIN, INT32_MAX, 300),
        random.integers(1, INT32_MAX, 300) >> random.integers(0, 30, 300),
        strict=True,
    )
    return [
        Case(
            operation=Operation.REQUANTISE,
            arguments=(int(acc), max(int(multiplier), 1), 0, zero_point, -128, 127),
        )
        for acc, multiplier in (*extremes, *drawn)
        for zero_point in (-128, 0, 5)
    ]


def _requantise(case: Case) -> int:
    acc, multiplier, left_shift, zero_point, lo, hi = case.arguments
    answer = arith.requantise(
        np.array([acc], np.int64),
        np.array([multiplier], np.int64),
        left_shift=left_shift,
        zero_point=zero_point,
        lo=lo,
        hi=hi,
    )
    return int(answer[0])


@pytest.mark.parametrize("name", [emulator.name for emulator in EMULATORS])
@pytest.mark.parametrize("compiler", ["gcc", "zig"])
@pytest.mark.parametrize("board", ["mps2-an386", "microbit", "qemu-virt32"])
def test_the_target_requantises_as_the_contract_says(
    build: Build, board: str, compiler: str, name: str
) -> None:
    cases = _requantise_cases()
    firmware = build(board, compiler, app="selftest")
    answers = run_selftest(installed_emulator(name, board), firmware, cases)
    assert answers.tolist() == [_requantise(case) for case in cases]


def test_every_operation_reaches_its_function(build: Build) -> None:
    cases = [
        Case(operation=Operation.REQUANTISE, arguments=(1000, 2**30, 1, 3, -128, 127)),
        Case(operation=Operation.REQUANTISE, arguments=(100, 2**30, 1, 3, -128, 127)),
        Case(operation=Operation.REQUANTISE_PRELU, arguments=(40, 2**31 - 1, 2**30, 0, 0, -9, 9)),
        Case(operation=Operation.REQUANTISE_PRELU, arguments=(-20, 2**31 - 1, 2**30, 0, 1, -9, 9)),
        Case(operation=Operation.ACCEPT_PLAIN, arguments=(7, 7)),
        Case(operation=Operation.ACCEPT_PLAIN, arguments=(6, 7)),
        Case(operation=Operation.ACCEPT_NORMALISED, arguments=(10, 25, 4, 0)),
        Case(operation=Operation.ACCEPT_NORMALISED, arguments=(10, 26, 4, 0)),
        Case(operation=Operation.ACCEPT_NORMALISED, arguments=(-10, 25, 4, 0)),
    ]
    answers = run_selftest(
        installed_emulator("unicorn"), build("mps2-an386", app="selftest"), cases
    )
    assert answers.tolist() == [127, 53, 9, -4, 1, 0, 1, 0, 0]


def test_an_unknown_operation_is_told(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = CASE.pack(99, *(0,) * 7)
    monkeypatch.setattr("host_tools.selftest.pack_cases", lambda _cases: unknown)
    with pytest.raises(HvError, match="does not know an operation"):
        run_selftest(
            installed_emulator("unicorn"),
            build("mps2-an386", app="selftest"),
            [Case(operation=Operation.ACCEPT_PLAIN, arguments=(1, 1))],
        )


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(HvError, match="no case"):
        pack_cases([])
    for arguments in ((2**31,), (0,) * 8):
        with pytest.raises(HvError, match="cannot ask for"):
            pack_cases([Case(operation=Operation.REQUANTISE, arguments=arguments)])


def test_the_c_twin_has_the_same_operations() -> None:
    text = (resource("firmware") / "runtime" / "hv_selftest.h").read_text()
    in_c = {name: int(number) for name, number in re.findall(r"HV_SELFTEST_(\w+) = (\d+)", text)}
    assert in_c == {operation.name: operation.value for operation in Operation}
    assert f"sizeof(hv_selftest_case_t) == {CASE.size}u" in text
