"""Calls one function of a firmware in Unicorn, with a model of the registers it touches.

A model is memory, a word at each address that was named or written, with rules for the few
registers that are more than memory. Every access is written down in its order.
"""

from __future__ import annotations

import functools
import importlib
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from elftools.elf.elffile import ELFFile

from host_tools.build import Firmware
from host_tools.emulators.base import family_of
from host_tools.emulators.unicorn import PAGE_BYTES
from host_tools.emulators.unicorn_cores import CORE_FAMILIES
from host_tools.sizes import function_addresses

# Between the last two, the ESP32-C3 has flash, and no other chip a register that a driver touches.
DEVICES = ((0x1000_0000, PAGE_BYTES), (0x4000_0000, 0x0200_0000), (0x4400_0000, 0x2C00_0000))
LONGEST_CALL_S = 30.0
MODELS_WITHOUT_ONE = {"cortex-m0plus": "UC_CPU_ARM_CORTEX_M0"}


@dataclass(frozen=True)
class Access:
    """One load or store; `before` is what all registers held then."""

    is_store: bool
    address: int
    value: int
    before: dict[int, int]


@dataclass
class Registers:
    """The devices of a chip.

    Attributes:
        words: address -> what it holds.
        loads: address -> what loading it gives, of the words.
        stores: address -> what storing a value there does to the words.
        every_load: what every load gives instead: hardware that never answers.
        log: every access.
    """

    words: dict[int, int] = field(default_factory=dict)
    loads: dict[int, Callable[[dict[int, int]], int]] = field(default_factory=dict)
    stores: dict[int, Callable[[dict[int, int], int], None]] = field(default_factory=dict)
    every_load: int | None = None
    log: list[Access] = field(default_factory=list)

    def load(self, address: int, size_bytes: int) -> int:
        if self.every_load is not None:
            return self.every_load & ((1 << (8 * size_bytes)) - 1)
        rule = self.loads.get(address)
        value = rule(self.words) if rule else self.words.get(address, 0)
        self.log.append(Access(False, address, value, dict(self.words)))
        return value

    def store(self, address: int, value: int) -> None:
        self.log.append(Access(True, address, value, dict(self.words)))
        rule = self.stores.get(address)
        if rule:
            rule(self.words, value)
        else:
            self.words[address] = value

    def stored(self, address: int) -> list[int]:
        return [a.value for a in self.log if a.is_store and a.address == address]


class Caller:
    """A core with a firmware in its memories, and registers around it. It is never reset."""

    def __init__(self, firmware: Firmware, registers: Registers) -> None:
        board = firmware.order.board
        unicorn: Any = importlib.import_module("unicorn")
        self._family = CORE_FAMILIES[family_of(firmware)]
        self._constants: Any = importlib.import_module(f"unicorn.{self._family.constants}")
        self._elf = firmware.elf
        mode = functools.reduce(
            operator.or_, (getattr(unicorn, name) for name in self._family.modes)
        )
        self._core = unicorn.Uc(getattr(unicorn, self._family.architecture), mode)
        model = board.emulators.get("unicorn") or MODELS_WITHOUT_ONE[board.target]
        self._core.ctl_set_cpu_model(getattr(self._constants, model))
        for memory in (board.flash, board.ram):
            for origin in {memory.origin, memory.data_origin}:
                self._core.mem_map(origin, -(-memory.size_bytes // PAGE_BYTES) * PAGE_BYTES)
        for origin, size_bytes in DEVICES:
            if origin != board.flash.origin & ~(PAGE_BYTES - 1):
                self._map(registers, origin, size_bytes)
        with firmware.elf.open("rb") as stream:
            for segment in ELFFile(stream).iter_segments("PT_LOAD"):
                if segment["p_filesz"]:
                    for address in {segment["p_paddr"], segment["p_vaddr"]}:
                        self._core.mem_write(address, segment.data())
        self._stack = board.ram.origin + board.stack_bytes
        self._end = board.ram.origin + board.ram.size_bytes - 64
        self._byte = self._end + 32

    def _map(self, registers: Registers, origin: int, size_bytes: int) -> None:
        def load(_core: object, offset: int, size: int, _user: object) -> int:
            return registers.load(origin + offset, size)

        def store(_core: object, offset: int, _size: int, value: int, _user: object) -> None:
            registers.store(origin + offset, value)

        self._core.mmio_map(origin, size_bytes, load, None, store, None)

    def begin(self) -> None:
        self._call("hv_uart_begin", 0)

    def boot(self, start: int) -> None:
        """From where a boot ROM jumps to until the program's entry."""
        (entry,) = function_addresses(self._elf, ("hv_entry",))
        self._core.emu_start(start, entry, timeout=int(LONGEST_CALL_S * 1_000_000))
        assert self._get(self._family.pc) == entry, "it did not come to the entry"

    def put(self, byte: int) -> bool:
        return self._call("hv_uart_put", byte)

    def get(self) -> int | None:
        found = self._call("hv_uart_get", self._byte)
        return int(self._core.mem_read(self._byte, 1)[0]) if found else None

    def _call(self, name: str, argument: int) -> bool:
        (address,) = function_addresses(self._elf, (name,))
        thumb = 1 if self._family.architecture == "UC_ARCH_ARM" else 0
        returns_to = "UC_ARM_REG_LR" if thumb else "UC_RISCV_REG_RA"
        self._set(self._family.stack_pointer, self._stack)
        self._set(returns_to, self._end | thumb)
        self._set(self._family.first, argument)
        limit = int(LONGEST_CALL_S * 1_000_000)
        self._core.emu_start(address | thumb, self._end, timeout=limit)
        assert self._get(self._family.pc) & ~1 == self._end, f"{name} did not return"
        return bool(self._get(self._family.first) & 0xFF)

    def _set(self, register: str, value: int) -> None:
        self._core.reg_write(getattr(self._constants, register), value)

    def _get(self, register: str) -> int:
        return int(self._core.reg_read(getattr(self._constants, register)))
