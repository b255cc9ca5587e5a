"""Calls one function of a linked program on an emulated Cortex-M4, and counts its instructions."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from host_tools.flash.images import firmware_image
from host_tools.sizes import function_addresses

STEP = 1000  # instructions; a count is exact to that
FLASH, FLASH_BYTES = 0x0800_0000, 0x10_0000
RAM, RAM_BYTES = 0x2000_0000, 0x8_0000
STACK = RAM + 0x1_0000  # it grows down from here, towards the program's own variables
FREE = STACK  # from here on RAM is the caller's
BACK = 0x3000_0000  # where the function returns to

_unicorn: Any = importlib.import_module("unicorn")
_arm: Any = importlib.import_module("unicorn.arm_const")
_ARGUMENTS = (
    _arm.UC_ARM_REG_R0,
    _arm.UC_ARM_REG_R1,
    _arm.UC_ARM_REG_R2,
    _arm.UC_ARM_REG_R3,
)


def call(
    elf: Path, function: str, arguments: Sequence[int], memory: Mapping[int, bytes]
) -> tuple[int, int]:
    """Runs a function until it returns.

    Args:
        elf: the program, linked for FLASH and RAM.
        function: its name.
        arguments: at most four words.
        memory: what lies where, from FREE on.

    Returns:
        What it returned, and how many instructions it took, to STEP.
    """
    machine = _unicorn.Uc(_unicorn.UC_ARCH_ARM, _unicorn.UC_MODE_THUMB | _unicorn.UC_MODE_MCLASS)
    machine.ctl_set_cpu_model(_arm.UC_CPU_ARM_CORTEX_M4)
    machine.mem_map(FLASH, FLASH_BYTES)
    machine.mem_map(RAM, RAM_BYTES)
    machine.mem_map(BACK, 0x1000)
    for segment in firmware_image(elf).segments:
        machine.mem_write(segment.address, segment.data)
    for place, data in memory.items():
        machine.mem_write(place, data)
    for register, value in zip(_ARGUMENTS, arguments, strict=False):
        machine.reg_write(register, value)
    machine.reg_write(_arm.UC_ARM_REG_SP, STACK)
    machine.reg_write(_arm.UC_ARM_REG_LR, BACK | 1)
    (at,) = function_addresses(elf, (function,))
    count = 0
    while at != BACK:
        machine.emu_start(at | 1, BACK, count=STEP)
        at = machine.reg_read(_arm.UC_ARM_REG_PC)
        count += STEP
    return int(machine.reg_read(_arm.UC_ARM_REG_R0)), count
