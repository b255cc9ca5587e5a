"""The boot ROMs of the RP2040 and RP2350, as their datasheets describe them, and their flash.

Flash cannot be read from `connect` on until it is read by the commands it was read by before. A
model notes in `faults` whoever does, in code or data, and what is called out of order.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flash_models import ALL_ONES, Nor

XIP = 0x1000_0000
ROM_BYTES = 0x4000
RAM = 0x2000_0000
STUBS = 0x200  # in the ROM: of 16 bytes, each returns
RETURN = bytes.fromhex("7047")  # bx lr
PAGE = 256
SECTOR = 4096
ROM_STACK = 256  # a call uses so much of it
CPACR = 0xE000_ED88
NAMES = ("lookup", "IF", "EX", "RE", "RP", "FC")


@dataclass(kw_only=True)
class Rp2(Nor):
    """What both have in common.

    Attributes:
        without: functions that this ROM does not have.
        state: "read", "connected", "serial" (commands are taken), or "flushed".
        cached: what the cache may hold was programmed or erased since.
        registers: offset -> what it holds, of those that say how flash is read.
    """

    base: ClassVar[int]
    usual: ClassVar[dict[int, int]]  # how flash is read after the boot
    serial: ClassVar[dict[int, int]]  # what leaving that sets up
    well_known: ClassVar[dict[int, int]]  # address in the ROM -> a pointer of 16 bits

    without: frozenset[str] = frozenset()
    state: str = "read"
    cached: bool = False
    registers: dict[int, int] = field(init=False)

    def __post_init__(self) -> None:
        """As after the boot."""
        super().__post_init__()
        self.registers = dict(self.usual)

    def attach(self, core: Any) -> None:  # noqa: ANN401
        """The ROM, and who watches over flash."""
        self._core = core
        self._arm: Any = importlib.import_module("unicorn.arm_const")
        unicorn: Any = importlib.import_module("unicorn")
        core.mem_map(0, ROM_BYTES)
        for address, pointer in self.well_known.items():
            core.mem_write(address, pointer.to_bytes(2, "little"))
        for number in range(len(NAMES)):
            core.mem_write(STUBS + 16 * number, RETURN)
        core.hook_add(unicorn.UC_HOOK_CODE, self._enter, None, STUBS, ROM_BYTES)
        for kind in (unicorn.UC_HOOK_CODE, unicorn.UC_HOOK_MEM_READ):
            core.hook_add(kind, self._fetch, None, XIP, self.origin - 1)

    @property
    def is_at_rest(self) -> bool:
        """Whether flash is read as before."""
        unmasked = self._register("PRIMASK") == 0
        return self.state == "read" and self.registers == self.usual and unmasked

    def read_register(self, offset: int) -> int:
        if offset not in self.registers:
            self.faults.append(f"register {offset:#x} was read")
        return self.registers.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        if offset not in self.registers:
            self.faults.append(f"register {offset:#x} was written")
            return
        self.registers[offset] = value
        if self.state == "flushed" and self.registers == self.usual:
            self.state = "read"

    def read_flash(self, offset: int, size: int) -> int:
        self._must_be_readable(self.origin + offset)
        if self.cached:
            self.faults.append(f"{offset:#x} was read from a cache that was not flushed")
        return super().read_flash(offset, size)

    def write_flash(self, offset: int, size: int, _value: int) -> None:
        self.faults.append(f"{size} bytes were written at {offset:#x}")

    def _must_be_readable(self, address: int) -> None:
        if self.state != "read":
            self.faults.append(f"{address:#x} was read in state {self.state!r}")

    def _fetch(self, _core: object, *access: Any) -> None:  # noqa: ANN401
        """Of code: (address, ...); of data: (kind, address, ...)."""
        address = access[0] if access[0] >= XIP else access[1]
        self._must_be_readable(address)

    def _register(self, name: str) -> int:
        return int(self._core.reg_read(getattr(self._arm, f"UC_ARM_REG_{name}")))

    def _enter(self, _core: object, address: int, _size: int, _user: object) -> None:
        number, rest = divmod(address - STUBS, 16)
        if rest or number >= len(NAMES):
            self.faults.append(f"{address:#x} is no function of the ROM")
            return
        functions: dict[str, Callable[[], None]] = {
            "IF": self._connect,
            "EX": self._exit_xip,
            "RE": self._erase,
            "RP": self._program,
            "FC": self._flush,
        }
        name = NAMES[number]
        if name == "lookup":
            self._answer(self.looked_up())
            return
        if self._register("LR") < RAM:
            self.faults.append(f"{name} was called by code in flash")
        if not self._register("PRIMASK") & 1:
            self.faults.append(f"an interrupt may come while {name} runs")
        self.check_core(name)
        functions[name]()
        self._answer(0xDEAD_BEEF)

    def check_core(self, name: str) -> None:
        """What else a function demands of the core."""

    def looked_up(self) -> int:
        """What the ROM's lookup returns, by its arguments."""
        raise NotImplementedError

    def function_of(self, code: int) -> int:
        """The address of a function by its two letters, 0 if there is none."""
        name = code.to_bytes(4, "little").rstrip(b"\0").decode("ascii", "replace")
        known = name in NAMES[1:] and name not in self.without
        return (STUBS + 16 * NAMES.index(name)) | 1 if known else 0

    def _answer(self, value: int) -> None:
        """A function may leave anything in these registers and below the stack pointer."""
        stack = self._register("SP")
        if stack % 8:
            self.faults.append(f"the stack pointer is {stack:#x}")
        self._core.mem_write(stack - ROM_STACK, b"\xa5" * ROM_STACK)
        for name in ("R1", "R2", "R3", "R12"):
            self._core.reg_write(getattr(self._arm, f"UC_ARM_REG_{name}"), 0xDEAD_BEEF)
        self._core.reg_write(self._arm.UC_ARM_REG_R0, value)

    def _go(self, name: str, before: str, after: str) -> None:
        if self.state != before:
            self.faults.append(f"{name} was called in state {self.state!r}")
        self.state = after

    def _connect(self) -> None:
        self._go("IF", "read", "connected")

    def _exit_xip(self) -> None:
        self._go("EX", "connected", "serial")
        self.registers |= self.serial

    def _flush(self) -> None:
        self._go("FC", "serial", "flushed")
        self.cached = False

    def _erase(self) -> None:
        offset, size, block, command = (self._register(f"R{number}") for number in range(4))
        self._go("RE", "serial", "serial")
        if (size, block, command) != (SECTOR, SECTOR, 0x20):
            self.faults.append(f"RE took {size:#x}, {block:#x}, {command:#x}")
        self.cached = True
        self.erase_block(XIP + offset)

    def _program(self) -> None:
        offset, source, size = (self._register(f"R{number}") for number in range(3))
        self._go("RP", "serial", "serial")
        at = XIP + offset - self.origin
        if offset % PAGE or size != PAGE or not 0 <= at <= len(self.content) - PAGE:
            self.faults.append(f"RP took {offset:#x}, {size:#x}")
            return
        if source < RAM:
            self.faults.append(f"RP reads from {source:#x}")
        self.cached = True
        page = bytes(self._core.mem_read(source, PAGE))
        for word in range(0, PAGE, 4):
            value = int.from_bytes(page[word : word + 4], "little")
            if value != ALL_ONES:  # which changes nothing
                self.put_word(at + word, value)


class Rp2040(Rp2):
    """RP2040 Datasheet, "Bootrom Contents" and "SSI"; the registers as boot2.c leaves them."""

    base = 0x1800_0000
    usual: ClassVar = {0x00: 0x001F_0300, 0x04: 0, 0x08: 1, 0x14: 4, 0xF4: 0x0300_0218}
    serial: ClassVar = {0x00: 0x0007_0000, 0x08: 1, 0x14: 6}
    well_known: ClassVar = {0x14: 0x0180, 0x18: STUBS | 1}

    def write_register(self, offset: int, value: int) -> None:
        if offset != 0x08 and self.registers[0x08]:
            self.faults.append(f"register {offset:#x} was written while the SSI is on")
        super().write_register(offset, value)

    def looked_up(self) -> int:
        if self._register("R0") != self.well_known[0x14]:
            self.faults.append("it was looked up in another table")
        return self.function_of(self._register("R1"))


class Rp2350(Rp2):
    """RP2350 Datasheet, 5.4 and 12.14; the registers as its ROM leaves them: quad reads, EBh.

    Attributes:
        moved: a partition table has moved the program: QMI_ATRANS0's base is another one.
    """

    base = 0x400D_0000
    usual: ClassVar = {0x0C: 0x4000_7203, 0x10: 0x0004_92A8, 0x14: 0x0000_00EB}
    serial: ClassVar = {0x0C: 0x6007_020C, 0x10: 0x0000_1000, 0x14: 0x0000_0003}
    well_known: ClassVar = {0x16: STUBS | 1}
    moved = False

    def read_register(self, offset: int) -> int:
        if offset == 0x34:  # ATRANS0: 4 MiB, from where
            return 0x0400_0000 | (0x100 if self.moved else 0)
        return super().read_register(offset)

    def looked_up(self) -> int:
        if self._register("R1") != 4:
            self.faults.append("no function for Arm's Secure state was asked for")
        return self.function_of(self._register("R0"))

    def check_core(self, name: str) -> None:
        enabled = int.from_bytes(self._core.mem_read(CPACR, 4), "little")
        if enabled >> 14 & 3 != 3:
            self.faults.append(f"coprocessor 7 is off, which {name} uses")
