"""As much of each family's instructions as counting needs: where they end, and which ones call."""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CodeReader:
    """Reads the code of a family of cores, whose instructions have 16 or 32 bits.

    Attributes:
        is_long: whether an instruction has 32 bits, by its first halfword.
        is_call: whether an instruction is a call, by its halfwords.
    """

    is_long: Callable[[int], bool]
    is_call: Callable[[tuple[int, ...]], bool]

    def count(self, code: bytes) -> int:
        """Returns how many instructions some code holds."""
        return len(self._instructions(code))

    def ends_with_call(self, code: bytes) -> bool:
        """Returns whether its last instruction is a call."""
        last = self._instructions(code)[-1:]
        return bool(last) and self.is_call(last[0])

    def _instructions(self, code: bytes) -> list[tuple[int, ...]]:
        found = []
        position = 0
        while position < len(code):
            (halfword,) = struct.unpack_from("<H", code, position)
            size = 4 if self.is_long(halfword) else 2
            found.append(struct.unpack(f"<{size // 2}H", code[position : position + size]))
            position += size
        return found


def _thumb_is_call(halfwords: tuple[int, ...]) -> bool:
    """A BL, or a BLX with a register (Armv7-M Architecture Reference Manual, A7.7.18, A7.7.19)."""
    first, *rest = halfwords
    if not rest:
        return first & 0xFF87 == 0x4780
    return first & 0xF800 == 0xF000 and rest[0] & 0xD000 == 0xD000


def _riscv_is_call(halfwords: tuple[int, ...]) -> bool:
    """A JAL or JALR that keeps the return address in ra, or C.JAL, C.JALR.

    Source: The RISC-V Instruction Set Manual, volume I, 2.5.1 and 16.4.
    """
    first, *rest = halfwords
    if not rest:
        is_jal = first & 0xE003 == 0x2001
        # rs1 is not 0: that is C.EBREAK; rs2 is: else it is C.ADD
        is_jalr = first & 0xF07F == 0x9002 and first & 0x0F80 != 0
        return is_jal or is_jalr
    keeps_ra = first & 0x0F80 == 0x0080
    return keeps_ra and first & 0x7F in (0x6F, 0x67)


# a halfword whose top five bits are 0b11101, 0b11110 or 0b11111 begins an instruction of 32 bits
# (Armv7-M Architecture Reference Manual, A5.1)
THUMB_CODE = CodeReader(is_long=lambda first: first >> 11 >= 0b11101, is_call=_thumb_is_call)

# one whose two low bits are both set (The RISC-V Instruction Set Manual, volume I, 1.5)
RISCV_CODE = CodeReader(is_long=lambda first: first & 3 == 3, is_call=_riscv_is_call)
