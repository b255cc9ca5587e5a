"""The flash controller of the STM32L4R5, its ECC, and the exception that comes of it."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from flash_models import Nor

BANK_2 = 0x0810_0000
PAGE = 0x1000
TWO_BANKS = 1 << 22
LOCKED = 1 << 31
DETECTED = 1 << 31
CORRECTED = 1 << 30
UNIT = 8
ERASED = b"\xff" * UNIT


@dataclass(kw_only=True)
class Stm32L4(Nor):
    """ST RM0432, sections 3.3 and 3.7, in two-bank mode.

    Attributes:
        jammed: the keys came in a wrong order: locked until reset.
        access: FLASH_ACR.
        options: FLASH_OPTR.
        ecc: FLASH_ECCR.
        torn: units that lost power while they were written: reading one finds two errors.
        cached: the data cache may hold what is not so any more.
        cut_at: the operation that power is lost in, counted from 0.
        operations: that were begun.
        dead: power is lost.
    """

    base = 0x4002_2000
    jammed: bool = False
    access: int = 3 << 9  # both caches are on after reset
    options: int = TWO_BANKS
    ecc: int = 0
    torn: set[int] = field(default_factory=set)
    cached: bool = False
    cut_at: int | None = None
    operations: int = 0
    dead: bool = False
    _control: int = LOCKED
    _status: int = 0
    _first_key: bool = False
    _half: tuple[int, int] | None = None

    def attach(self, core: Any) -> None:  # noqa: ANN401
        """Power comes."""
        self._core = core
        self.access, self.ecc, self._control, self._status = 3 << 9, 0, LOCKED, 0
        self.exception = self.cached = self.dead = self.jammed = False
        self.busy, self.operations, self._half = 0, 0, None

    def _is_cut(self, at: int, size: int) -> bool:
        """Power may be lost: some units of what is written are torn, whatever they then hold."""
        self.operations += 1
        if self.dead or self.operations - 1 != self.cut_at:
            return self.dead
        generator = random.Random(self.operations)
        for unit in range(at, at + size, UNIT):
            kind = generator.randrange(3)
            if kind == 0:
                continue  # as it was
            self.content[unit : unit + UNIT] = generator.randbytes(UNIT) if kind == 1 else ERASED
            self.torn.add(unit)
        self.dead = True
        self._core.emu_stop()
        return True

    def read_register(self, offset: int) -> int:
        if offset == 0x10:
            return self._status | (int(self.is_busy()) << 16)
        known = {0x00: self.access, 0x14: self._control, 0x18: self.ecc, 0x20: self.options}
        if offset not in known:
            self.faults.append(f"register {offset:#x} was read")
        return known.get(offset, 0)

    def write_register(self, offset: int, value: int) -> None:
        if offset == 0x00:
            self._set_access(value)
        elif offset == 0x08:
            self._take_key(value)
        elif offset == 0x10:
            self._status &= ~value
        elif offset == 0x18:
            self.ecc &= ~(value & (DETECTED | CORRECTED))
        elif offset == 0x14 and not self.refuse_if_busy("FLASH_CR was written"):
            self._set_control(value)
        elif offset != 0x14:
            self.faults.append(f"register {offset:#x} was written")

    def read_flash(self, offset: int, size: int) -> int:
        """The bank with people is read after an operation in it; a torn unit is told of once."""
        if self.cached:
            self.faults.append(f"{offset:#x} was read from a cache that holds something else")
        unit = offset // UNIT * UNIT
        if unit in self.torn and not self.ecc & (DETECTED | CORRECTED):
            address = self.origin + unit
            self.ecc = DETECTED | (address >= BANK_2) << 21 | (address & 0xF_FFFF)
            self.exception = True
        return super().read_flash(offset, size)

    def write_flash(self, offset: int, size: int, value: int) -> None:
        if self.refuse_if_busy("flash was written"):
            return
        if self._control & LOCKED or not self._control & 1:
            self._status |= 1 << 7  # PGSERR: PG is not set
        elif size != 4:
            self._status |= 1 << 6  # SIZERR
        elif self._half is None and offset % UNIT == 0:
            self._half = (offset, value)
        elif self._half is None or offset != self._half[0] + 4:
            self._status |= 1 << 5  # PGAERR
            self._half = None
        else:
            self._program(self._half[1], value)

    def _program(self, first: int, second: int) -> None:
        assert self._half is not None
        offset, self._half = self._half[0], None
        self._watch_cache()
        if self._is_cut(offset, UNIT):
            return
        if self.protected:
            self._status |= 1 << 4  # WRPERR
        elif offset in self.torn:
            self.put_word(offset, first & 0x5555_5555)  # not what was wanted
        else:
            self.put_word(offset, first)
            self.put_word(offset + 4, second)

    def erase_block(self, address: int) -> None:
        at = address - self.origin
        if self._is_cut(at, self.block_bytes):
            return
        super().erase_block(address)
        self.torn -= set(range(at, at + self.block_bytes))

    def _watch_cache(self) -> None:
        if self.access & 1 << 10:
            self.faults.append("the data cache is on while flash is written")
        self.cached = True

    def _set_access(self, value: int) -> None:
        if value & 1 << 12 and value & 1 << 10:
            self.faults.append("a cache that is on was reset")
        elif value & 1 << 12:
            self.cached = False
        self.access = value

    def _take_key(self, value: int) -> None:
        if self.jammed or not self._control & LOCKED:
            self.faults.append("a key that cannot help")
        elif value == 0x4567_0123 and not self._first_key:
            self._first_key = True
        elif value == 0xCDEF_89AB and self._first_key:
            self._control &= ~LOCKED
            self._first_key = False
        else:
            self.jammed = True

    def _set_control(self, value: int) -> None:
        if self._control & LOCKED:
            self.faults.append("FLASH_CR was written while locked")
            return
        self._control = value & ~(1 << 16)
        if value & 1 << 16:  # STRT
            if value & 0b111 != 0b010 or not value & 1 << 11:  # PER alone, BKER
                self.faults.append(f"FLASH_CR started {value:#x}")
            elif self.protected:
                self._status |= 1 << 4
            else:
                self._watch_cache()
                self.erase_block(BANK_2 + (value >> 3 & 0xFF) * PAGE)

    @property
    def is_at_rest(self) -> bool:
        """Whether nothing can be written by accident."""
        return self._control == LOCKED and self.access == 3 << 9
