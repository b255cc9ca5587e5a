"""What an application's exit code means: the twin of firmware/startup/hv_exit.h."""

from __future__ import annotations

from enum import IntEnum

from codegen.errors import HvError, OutputsDiffer


class Exit(IntEnum):
    """Exit codes of the applications; the names and numbers are those of `hv_exit_t`."""

    DONE = 0
    INPUT_MISSING = 10
    INPUT_SIZE = 11
    INPUT_READ = 12
    OUTPUT_WRITE = 13
    KERNEL_REFUSED = 20
    RUN_DIFFERS = 21
    UNKNOWN_OPERATION = 22
    FAULT = 70
    TRAP = 90


_MEANINGS = {
    Exit.INPUT_MISSING: "the firmware cannot open its input file",
    Exit.INPUT_SIZE: "the firmware's input file is empty or not a whole number of records",
    Exit.INPUT_READ: "the firmware's input file ends early",
    Exit.OUTPUT_WRITE: "the firmware cannot write its output file",
    Exit.KERNEL_REFUSED: "the kernel refused its arguments",
    Exit.RUN_DIFFERS: "a whole run and the layers run one by one gave different results",
    Exit.UNKNOWN_OPERATION: "the firmware does not know an operation in its input file",
}

# Exception numbers of Armv6-M, Armv7-M and Armv8-M (Architecture Reference Manuals, "Exceptions").
_EXCEPTIONS = {
    2: "NMI",
    3: "HardFault",
    4: "MemManage fault",
    5: "BusFault",
    6: "UsageFault",
    7: "SecureFault",
    11: "SVCall",
    12: "DebugMonitor",
    14: "PendSV",
    15: "SysTick",
}

# Causes of traps (The RISC-V Instruction Set Manual, volume II, "Machine Cause Register").
_TRAPS = {
    0: "misaligned instruction",
    1: "instruction fetch without access",
    2: "illegal instruction",
    3: "breakpoint",
    4: "misaligned load",
    5: "load without access",
    6: "misaligned store",
    7: "store without access",
    11: "call of the environment",
}


def describe_exit(code: int) -> str:
    """Returns one sentence about an exit code of the firmware."""
    if code in _MEANINGS:
        return _MEANINGS[Exit(code)]
    exception = _EXCEPTIONS.get(code - Exit.FAULT)
    if exception is not None:
        return f"the firmware stopped with a {exception} (exception {code - Exit.FAULT})"
    trap = _TRAPS.get(code - Exit.TRAP)
    if trap is not None:
        return f"the firmware stopped with a trap: {trap} (cause {code - Exit.TRAP})"
    return f"the firmware ended with exit code {code}, which means nothing here"


def check_exit(code: int, *, where: str) -> None:
    """Returns when the firmware ended well.

    Raises:
        OutputsDiffer: the firmware found that two ways to the same result differ.
        HvError: anything else went wrong.
    """
    if code == Exit.DONE:
        return
    error = OutputsDiffer if code == Exit.RUN_DIFFERS else HvError
    raise error(describe_exit(code), where=where, hint=_hint(code))


def _hint(code: int) -> str:
    if code > Exit.FAULT:
        return "a stack overflow (see stack_bytes in board.toml) or an address without memory"
    if code == Exit.KERNEL_REFUSED:
        return "person, image and arena must fit the kernel: emit the folder again"
    return ""
