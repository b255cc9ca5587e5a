"""What Unicorn has to be told of each family of cores."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from codegen.targets import CORTEX_M, RISCV32
from host_tools.emulators.instruction_sets import RISCV_CODE, THUMB_CODE, CodeReader

# The start-up code switches the FPU on in this page; without a machine around it, it is memory.
SYSTEM_CONTROL_SPACE = 0xE000_E000


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a core has in its registers after reset; None leaves the stack pointer alone."""

    pc: int
    stack_pointer: int | None


@dataclass(frozen=True, kw_only=True)
class CoreFamily:
    """A family of cores, in the names of the package's constants.

    Attributes:
        architecture: UC_ARCH_...
        modes: UC_MODE_..., joined.
        constants: the module that has the registers and models.
        pc, stack_pointer, first, second: registers; a host call has its operation in the first and
            the address of its arguments in the second.
        host_call: the code that calls the host.
        host_call_at: where it begins, from the instruction that stops the core, in bytes.
        resume_at: where the core goes on, from the same instruction, in bytes.
        pages: addresses that must be memory besides the board's.
        start: what reset does: read memory (address, size), the flash's address and the program's
            entry -> registers.
        code: how its instructions are read.
    """

    architecture: str
    modes: tuple[str, ...]
    constants: str
    pc: str
    stack_pointer: str
    first: str
    second: str
    host_call: bytes
    host_call_at: int
    resume_at: int
    pages: tuple[int, ...]
    start: Callable[[Callable[[int, int], Any], int, int], Start]
    code: CodeReader


def _start_cortex_m(read: Callable[[int, int], Any], flash: int, _entry: int) -> Start:
    """The vector table begins with the stack pointer and the address of the reset handler."""
    stack_pointer, reset = struct.unpack("<II", read(flash, 8))
    return Start(pc=reset, stack_pointer=stack_pointer)


def _start_riscv(_read: Callable[[int, int], Any], _flash: int, entry: int) -> Start:
    """What a boot ROM wants to see comes before the entry."""
    return Start(pc=entry, stack_pointer=None)


CORE_FAMILIES: Mapping[str, CoreFamily] = {
    CORTEX_M: CoreFamily(
        architecture="UC_ARCH_ARM",
        modes=("UC_MODE_THUMB", "UC_MODE_MCLASS"),
        constants="arm_const",
        pc="UC_ARM_REG_PC",
        stack_pointer="UC_ARM_REG_SP",
        first="UC_ARM_REG_R0",
        second="UC_ARM_REG_R1",
        host_call=bytes.fromhex("abbe"),  # bkpt 0xAB
        host_call_at=0,
        resume_at=2 | 1,  # the lowest bit stays set: Thumb
        pages=(SYSTEM_CONTROL_SPACE,),
        start=_start_cortex_m,
        code=THUMB_CODE,
    ),
    RISCV32: CoreFamily(
        architecture="UC_ARCH_RISCV",
        modes=("UC_MODE_RISCV32",),
        constants="riscv_const",
        pc="UC_RISCV_REG_PC",
        stack_pointer="UC_RISCV_REG_SP",
        first="UC_RISCV_REG_A0",
        second="UC_RISCV_REG_A1",
        # slli x0, x0, 0x1f; ebreak; srai x0, x0, 7
        host_call=bytes.fromhex("1310f001 73001000 13507040"),
        host_call_at=-4,
        resume_at=4,
        pages=(),
        start=_start_riscv,
        code=RISCV_CODE,
    ),
}
