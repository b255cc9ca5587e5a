"""Flash controllers as their manuals describe them, and what they forbid.

A model notes in `faults` whatever the manual forbids: programming a word twice between two erases,
touching a register while the controller is busy, an access of the wrong size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

ERASED = 0xFF
BUSY_READS = 3  # of the register that says so, for each operation
FOREVER = 1 << 60
ALL_ONES = 0xFFFF_FFFF


@dataclass(kw_only=True)
class Nor:
    """People's blocks: NOR flash at `origin`.

    Attributes:
        protected: writing and erasing change nothing.
        stuck: from now on, an operation never ends.
        faults: what was done that the manual forbids.
        erases: how often each block was erased.
        exception: one waits to be taken.
    """

    origin: int
    block_bytes: int
    blocks: int
    protected: bool = False
    stuck: bool = False
    faults: list[str] = field(default_factory=list)
    erases: dict[int, int] = field(default_factory=dict)
    content: bytearray = field(init=False)
    programmed: set[int] = field(default_factory=set)
    busy: int = 0
    exception: bool = False

    def __post_init__(self) -> None:
        """Flash that was never erased: neither ones nor zeros."""
        self.content = bytearray(b"\x5a" * (self.blocks * self.block_bytes))
        self.programmed = set(range(0, len(self.content), 4))

    def attach(self, core: Any) -> None:  # noqa: ANN401
        """Beside registers and people's blocks there is nothing."""

    def begin(self) -> None:
        """An operation begins."""
        self.busy = FOREVER if self.stuck else BUSY_READS

    def is_busy(self) -> bool:
        """As seen by one read of the register that says so."""
        self.busy = max(self.busy - 1, 0)
        return self.busy > 0

    def refuse_if_busy(self, what: str) -> bool:
        if self.busy:
            self.faults.append(f"{what} while busy")
        return bool(self.busy)

    def read_flash(self, offset: int, size: int) -> int:
        """The core stands still while the controller is busy."""
        if not self.stuck:
            self.busy = 0
        return int.from_bytes(self.content[offset : offset + size], "little")

    def put_word(self, offset: int, value: int) -> None:
        if offset in self.programmed:
            self.faults.append(f"{offset:#x} was programmed twice")
        self.programmed.add(offset)
        if not self.protected:
            old = int.from_bytes(self.content[offset : offset + 4], "little")
            self.content[offset : offset + 4] = (old & value).to_bytes(4, "little")
        self.begin()

    def erase_block(self, address: int) -> None:
        at = address - self.origin
        if at % self.block_bytes or not 0 <= at < len(self.content):
            self.faults.append(f"{address:#x} is not a block of people's")
            return
        if not self.protected:
            self.content[at : at + self.block_bytes] = bytes([ERASED]) * self.block_bytes
            self.programmed -= set(range(at, at + self.block_bytes, 4))
            number = at // self.block_bytes
            self.erases[number] = self.erases.get(number, 0) + 1
        self.begin()


class Nvmc(Nor):
    """nRF51 Series Reference Manual 3.0, section 6; the nRF52's has the same registers."""

    base = 0x4001_E000
    config = 0

    def read_register(self, offset: int) -> int:
        if offset == 0x400:  # READY
            return int(not self.is_busy())
        if offset == 0x504:
            return self.config
        self.faults.append(f"register {offset:#x} was read")
        return 0

    def write_register(self, offset: int, value: int) -> None:
        if self.refuse_if_busy(f"register {offset:#x} was written"):
            return
        if offset == 0x504 and value in (0, 1, 2):  # CONFIG: read, write, erase
            self.config = value
        elif offset == 0x508 and self.config == 2:  # ERASEPAGE
            self.erase_block(value)
        else:
            self.faults.append(f"register {offset:#x} took {value:#x}, CONFIG is {self.config}")

    def write_flash(self, offset: int, size: int, value: int) -> None:
        if self.refuse_if_busy("flash was written"):
            return
        if self.config != 1 or size != 4 or offset % 4:
            self.faults.append(f"{size} bytes at {offset:#x}, CONFIG is {self.config}")
            return
        self.put_word(offset, value)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing can be written by accident."""
        return self.config == 0


class Stm32F4(Nor):
    """ST RM0090, sections 3.6 and 3.9, for sectors of 128 KiB.

    Attributes:
        jammed: the keys came in a wrong order: locked until reset.
        access: FLASH_ACR.
        stale: the caches may hold what an erased sector held.
    """

    base = 0x4002_3C00
    jammed = False
    access = 0
    stale = False
    _control = 1 << 31
    _status = 0
    _first_key = False

    def read_register(self, offset: int) -> int:
        if offset == 0x00:
            return self.access
        if offset == 0x0C:
            return self._status | (int(self.is_busy()) << 16)
        if offset == 0x10:
            return self._control
        self.faults.append(f"register {offset:#x} was read")
        return 0

    def write_register(self, offset: int, value: int) -> None:
        if offset == 0x00:
            self._set_access(value)
        elif offset == 0x04:
            self._take_key(value)
        elif offset == 0x0C:
            self._status &= ~value
        elif offset == 0x10 and not self.refuse_if_busy("FLASH_CR was written"):
            self._set_control(value)
        elif offset != 0x10:
            self.faults.append(f"register {offset:#x} was written")

    def read_flash(self, offset: int, size: int) -> int:
        if self.stale:
            self.faults.append(f"{offset:#x} was read from a cache that holds what was erased")
        return super().read_flash(offset, size)

    def write_flash(self, offset: int, size: int, value: int) -> None:
        if self.refuse_if_busy("flash was written"):
            return
        if self._control & (1 << 31) or not self._control & 1:
            self._status |= 1 << 7  # PGSERR: PG is not set
        elif self._control >> 8 & 3 != 2 or size != 4:
            self._status |= 1 << 6  # PGPERR
        elif self.protected:
            self._status |= 1 << 4  # WRPERR
        else:
            self.put_word(offset, value)

    def _set_access(self, value: int) -> None:
        if value & 3 << 11 and value & 3 << 9:
            self.faults.append("caches that are on were reset")
        if value >> 11 & 3 == 3:
            self.stale = False
        self.access = value

    def _take_key(self, value: int) -> None:
        if self.jammed or not self._control & (1 << 31):
            self.faults.append("a key that cannot help")
        elif value == 0x4567_0123 and not self._first_key:
            self._first_key = True
        elif value == 0xCDEF_89AB and self._first_key:
            self._control &= ~(1 << 31)
            self._first_key = False
        else:
            self.jammed = True

    def _set_control(self, value: int) -> None:
        if self._control & (1 << 31):
            self.faults.append("FLASH_CR was written while locked")
            return
        self._control = value & ~(1 << 16)
        if value & 1 << 16:  # STRT
            sector = value >> 3 & 15
            if value & 0b111 != 0b010 or not 5 <= sector <= 11:
                self.faults.append(f"FLASH_CR started {value:#x}")
            elif self.protected:
                self._status |= 1 << 4
            else:
                self.stale = bool(self.access & 3 << 9)
                self.erase_block(0x0802_0000 + (sector - 5) * 0x2_0000)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing can be written by accident."""
        return self._control == 1 << 31
