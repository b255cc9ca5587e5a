"""The arithmetic self-test: cases that the target answers, to compare with codegen/arith.py.

The C twin is firmware/runtime/hv_selftest.h. All numbers are little-endian.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from codegen.errors import HvError
from host_tools.build import Firmware
from host_tools.emulators.base import DEFAULT_TIMEOUT_S, Emulator, Job
from host_tools.exits import check_exit
from host_tools.run import output_file

ARGUMENTS = 7

# operation, arguments
CASE = struct.Struct("<I7i")
assert CASE.size == 32

ANSWER = struct.Struct("<i")
assert ANSWER.size == 4


class Operation(IntEnum):
    """Which function of hv_arith.h a case calls; the twin of hv_selftest_operation_t."""

    REQUANTISE = 1
    REQUANTISE_PRELU = 2
    ACCEPT_PLAIN = 3
    ACCEPT_NORMALISED = 4


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call.

    Attributes:
        operation: the function.
        arguments: in the order of its C declaration.
    """

    operation: Operation
    arguments: tuple[int, ...]


def pack_cases(cases: Sequence[Case]) -> bytes:
    """Returns vectors.bin.

    Raises:
        HvError: no case, too many arguments, or one that does not fit 32 bits.
    """
    if not cases:
        raise HvError("no case to test")
    return b"".join(_pack_case(case) for case in cases)


def run_selftest(
    emulator: Emulator,
    firmware: Firmware,
    cases: Sequence[Case],
    *,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> NDArray[np.int32]:
    """Lets the target answer every case.

    Args:
        emulator: where to run.
        firmware: built from the application `selftest`.
        cases: what to ask.
        timeout_s: wall-clock limit, in seconds.

    Returns:
        int32 [N]: the answers, in the order of the cases.

    Raises:
        HvError: anything that stops the firmware.
    """
    where = f"{firmware.elf} on {emulator.name}"
    job = Job(
        firmware=firmware,
        inputs={"vectors.bin": pack_cases(cases)},
        outputs=("answers.bin",),
        timeout_s=timeout_s,
    )
    outcome = emulator.run(job)
    check_exit(outcome.exit_code, where=where)
    answers = output_file(outcome, "answers.bin", where)
    if len(answers) != len(cases) * ANSWER.size:
        raise HvError(f"{len(answers)} bytes answer {len(cases)} cases", where=where)
    return np.frombuffer(answers, "<i4").astype(np.int32)


def _pack_case(case: Case) -> bytes:
    padding = (0,) * (ARGUMENTS - len(case.arguments))
    try:
        return CASE.pack(case.operation, *case.arguments, *padding)
    except struct.error as error:
        raise HvError(f"cannot ask for {case}: {error}") from error
