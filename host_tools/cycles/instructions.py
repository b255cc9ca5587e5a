"""Thumb instructions as the estimator sees them, decoded by capstone."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any

import capstone
from capstone import arm
from elftools.elf.elffile import ELFFile

from codegen.errors import HvError


class Kind(Enum):
    """What matters for the time an instruction takes."""

    PLAIN = auto()
    LOAD = auto()
    STORE = auto()
    MULTIPLE = auto()  # LDM, STM, PUSH, POP, LDRD, STRD and their like on floating-point registers
    BRANCH = auto()
    CALL = auto()
    INDIRECT = auto()  # also whatever else writes the program counter
    TABLE = auto()  # TBB, TBH: a load and a branch
    MULTIPLY_ACCUMULATE = auto()
    MULTIPLY_LONG = auto()
    DIVIDE = auto()
    FLOAT_MULTIPLY_ACCUMULATE = auto()
    FLOAT_DIVIDE = auto()
    SYSTEM = auto()
    BARRIER = auto()


@dataclass(frozen=True, kw_only=True)
class Instruction:
    """One instruction of a program.

    Attributes:
        address: of its first byte.
        size_bytes: 2 or 4.
        kind: what it does.
        words: of a MULTIPLE, how many words it moves.
        writes_pc: whether it loads the program counter.
        result: of a LOAD, the register it writes; "" otherwise.
        address_registers: of a LOAD or STORE, the registers its address is made of.
        target: of a BRANCH or CALL, where it leads to; None elsewhere.
    """

    address: int
    size_bytes: int
    kind: Kind
    words: int = 0
    writes_pc: bool = False
    result: str = ""
    address_registers: frozenset[str] = frozenset()
    target: int | None = None

    @property
    def end(self) -> int:
        """First address behind it."""
        return self.address + self.size_bytes


_LOADS = frozenset({arm.ARM_INS_LDR, arm.ARM_INS_LDRB, arm.ARM_INS_LDRH, arm.ARM_INS_LDRSB})
_LOADS |= {arm.ARM_INS_LDRSH}
_STORES = frozenset({arm.ARM_INS_STR, arm.ARM_INS_STRB, arm.ARM_INS_STRH})
_LISTS = frozenset(  # a base register, then the registers that are moved
    {
        arm.ARM_INS_LDM,
        arm.ARM_INS_LDMDB,
        arm.ARM_INS_STM,
        arm.ARM_INS_STMDB,
        arm.ARM_INS_VLDMIA,
        arm.ARM_INS_VLDMDB,
        arm.ARM_INS_VSTMIA,
        arm.ARM_INS_VSTMDB,
    }
)
_STACK_LISTS = frozenset({arm.ARM_INS_PUSH, arm.ARM_INS_POP, arm.ARM_INS_VPUSH, arm.ARM_INS_VPOP})
_PAIRS = frozenset({arm.ARM_INS_LDRD, arm.ARM_INS_STRD})
_FLOAT_MOVES = frozenset({arm.ARM_INS_VLDR, arm.ARM_INS_VSTR})

_KINDS = {
    **dict.fromkeys((arm.ARM_INS_B, arm.ARM_INS_CBZ, arm.ARM_INS_CBNZ), Kind.BRANCH),
    arm.ARM_INS_BL: Kind.CALL,
    **dict.fromkeys((arm.ARM_INS_BX, arm.ARM_INS_BLX), Kind.INDIRECT),
    **dict.fromkeys((arm.ARM_INS_TBB, arm.ARM_INS_TBH), Kind.TABLE),
    **dict.fromkeys((arm.ARM_INS_MLA, arm.ARM_INS_MLS), Kind.MULTIPLY_ACCUMULATE),
    **dict.fromkeys(
        (
            arm.ARM_INS_UMULL,
            arm.ARM_INS_SMULL,
            arm.ARM_INS_UMLAL,
            arm.ARM_INS_SMLAL,
            arm.ARM_INS_UMAAL,
        ),
        Kind.MULTIPLY_LONG,
    ),
    **dict.fromkeys((arm.ARM_INS_SDIV, arm.ARM_INS_UDIV), Kind.DIVIDE),
    **dict.fromkeys(
        (
            arm.ARM_INS_VMLA,
            arm.ARM_INS_VMLS,
            arm.ARM_INS_VNMLA,
            arm.ARM_INS_VNMLS,
            arm.ARM_INS_VFMA,
            arm.ARM_INS_VFMS,
            arm.ARM_INS_VFNMA,
            arm.ARM_INS_VFNMS,
        ),
        Kind.FLOAT_MULTIPLY_ACCUMULATE,
    ),
    **dict.fromkeys((arm.ARM_INS_VDIV, arm.ARM_INS_VSQRT), Kind.FLOAT_DIVIDE),
    **dict.fromkeys((arm.ARM_INS_MRS, arm.ARM_INS_MSR), Kind.SYSTEM),
    **dict.fromkeys((arm.ARM_INS_DMB, arm.ARM_INS_DSB, arm.ARM_INS_ISB), Kind.BARRIER),
}


class Code:
    """The instructions of an ELF file."""

    def __init__(self, elf: Path) -> None:
        """Reads the file; instructions are decoded when they are asked for."""
        self._elf = elf
        with elf.open("rb") as stream:
            self._segments = tuple(
                (int(segment["p_vaddr"]), bytes(segment.data()))
                for segment in ELFFile(stream).iter_segments("PT_LOAD")
            )
        self._decoder = capstone.Cs(
            capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
        )
        self._decoder.detail = True
        self._known: dict[tuple[int, int], tuple[Instruction, ...]] = {}

    def between(self, start: int, end: int) -> tuple[Instruction, ...]:
        """Returns the instructions of a straight run.

        Args:
            start: address of the first one.
            end: first address behind the last one.

        Raises:
            HvError: there is no code, or some that capstone does not know.
        """
        if (start, end) not in self._known:
            self._known[start, end] = self._decoded(start, end)
        return self._known[start, end]

    def _decoded(self, start: int, end: int) -> tuple[Instruction, ...]:
        found = tuple(
            self._instruction(decoded)
            for decoded in self._decoder.disasm(self._bytes(start, end), start)
        )
        known_until = found[-1].end if found else start
        if known_until != end:
            raise HvError(
                "this instruction is not known to capstone, so its cycles cannot be estimated",
                where=f"{self._elf}, address {known_until:#x}",
            )
        return found

    def is_wide(self, address: int) -> bool:
        """Whether the instruction at an address has 32 bits (Armv7-M ARM, A5.1)."""
        return self._bytes(address, address + 2)[1] >> 3 >= 0b11101

    def _bytes(self, start: int, end: int) -> bytes:
        for base, data in self._segments:
            if base <= start and end <= base + len(data):
                return data[start - base : end - base]
        raise HvError("no code lies there", where=f"{self._elf}, address {start:#x}")

    def _instruction(self, decoded: Any) -> Instruction:  # noqa: ANN401 - capstone has no types
        plain = Instruction(
            address=int(decoded.address), size_bytes=int(decoded.size), kind=Kind.PLAIN
        )
        registers = self._registers(decoded)
        if decoded.id in _LOADS | _STORES:
            return self._single(plain, decoded, registers)
        if decoded.id in _LISTS | _STACK_LISTS | _PAIRS | _FLOAT_MOVES:
            return _multiple(plain, decoded, registers)
        kind = _KINDS.get(decoded.id, Kind.PLAIN)
        if kind is Kind.PLAIN and registers[:1] == ["pc"] and _writes_first(decoded):
            kind = Kind.INDIRECT
        target = int(decoded.operands[-1].imm) if kind in (Kind.BRANCH, Kind.CALL) else None
        return replace(plain, kind=kind, target=target)

    def _registers(self, decoded: Any) -> list[str]:  # noqa: ANN401
        operands = (o for o in decoded.operands if o.type == arm.ARM_OP_REG)
        return [str(self._decoder.reg_name(operand.reg)) for operand in operands]

    def _single(
        self,
        plain: Instruction,
        decoded: Any,  # noqa: ANN401
        registers: list[str],
    ) -> Instruction:
        is_load = decoded.id in _LOADS
        memory = next(o.mem for o in decoded.operands if o.type == arm.ARM_OP_MEM)
        parts = (register for register in (memory.base, memory.index) if register)
        return replace(
            plain,
            kind=Kind.LOAD if is_load else Kind.STORE,
            writes_pc=is_load and registers[0] == "pc",
            result=registers[0] if is_load else "",
            address_registers=frozenset(str(self._decoder.reg_name(part)) for part in parts),
        )


def _multiple(plain: Instruction, decoded: Any, registers: list[str]) -> Instruction:  # noqa: ANN401
    moved = registers[1:] if decoded.id in _LISTS else registers
    if decoded.id in _PAIRS:
        moved = registers[:2]
    words = sum(2 if register[0] == "d" else 1 for register in moved)
    return replace(plain, kind=Kind.MULTIPLE, words=words, writes_pc="pc" in moved)


def _writes_first(decoded: Any) -> bool:  # noqa: ANN401
    return bool(decoded.operands[0].access & capstone.CS_AC_WRITE)
