"""Unicorn: QEMU's processor cores as a Python package, without the machines around them.

This file is the machine: it maps the board's memories, loads the same ELF file that QEMU runs, and
answers its semihosting calls from files kept in memory. Faults are reported by the emulator itself,
the firmware's own fault handler never runs. Needs no system package: `pip install unicorn`.

Running is as fast as in QEMU. Counting calls Python for each block, about 4 seconds for a million
blocks, and gives the same counts as QEMU's plugin, which takes a tenth of a second.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import signal
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

from codegen.errors import HvError, ProgramMissing
from host_tools.boards import Board, Memory
from host_tools.emulators.base import (
    Job,
    Outcome,
    counted_layers,
    family_of,
    layer_addresses,
    machine_of,
)
from host_tools.emulators.block_counter import BlockCounter

PAGE_BYTES = 4096
# The start-up code switches the FPU on in this page; without a machine around it, it is memory.
SYSTEM_CONTROL_SPACE = 0xE000_E000

SEMIHOSTING_BREAKPOINT = b"\xab\xbe"  # bkpt 0xAB
ADP_STOPPED_APPLICATION_EXIT = 0x20026
FAILED = 0xFFFF_FFFF

# Semihosting's mode numbers for fopen's "rb" and "wb".
MODE_READ_BINARY = 1
MODE_WRITE_BINARY = 5


@dataclass(frozen=True, kw_only=True)
class Unicorn:
    """The second witness: its own loader and semihosting, and no system package."""

    name: str = "unicorn"
    watches_stores: bool = False
    profiles: bool = False

    def hint(self, _family: str) -> str:
        """Returns how to install the package, which has every family."""
        return "pip install unicorn"

    def version(self, family: str) -> str | None:
        """Returns the package's version, or None."""
        return importlib.metadata.version("unicorn") if self.path(family) else None

    def path(self, _family: str) -> Path | None:
        """Returns the package's folder, or None."""
        package = importlib.util.find_spec("unicorn")
        if package is None or not package.submodule_search_locations:
            return None
        return Path(package.submodule_search_locations[0])

    def run(self, job: Job) -> Outcome:
        """Runs a firmware in this process; see `Emulator.run`.

        Raises:
            HvError: also when asked to watch stores or to profile, which would take minutes here.
        """
        family = family_of(job.firmware)
        if self.version(family) is None:
            raise ProgramMissing("the package unicorn is not installed", hint=self.hint(family))
        if job.watch_stores:
            raise HvError("unicorn does not watch stores", hint="use qemu")
        if job.profile:
            raise HvError("unicorn does not profile", hint="use qemu")
        model = machine_of(self, job.firmware.order.board)
        machine = _Machine(job, model)
        exit_code = machine.run()
        return Outcome(
            exit_code=exit_code,
            files=machine.host.written(job.outputs),
            counts=machine.counter.counts(counted_layers(job.firmware))
            if machine.counter
            else None,
        )


class _Machine:
    """A core, its memories and its host."""

    def __init__(self, job: Job, model: str) -> None:
        # loaded here: the package may be missing, and is slow to load
        unicorn: Any = importlib.import_module("unicorn")
        arm_const: Any = importlib.import_module("unicorn.arm_const")
        self._job = job
        self._arm = arm_const
        self._error = unicorn.UcError
        self._exit_code: int | None = None
        self._fault = ""
        self.host = _Host(files={name: bytearray(data) for name, data in job.inputs.items()})
        self.counter = (
            BlockCounter(layer_addresses(job.firmware), self._code) if job.count else None
        )
        mode = unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS
        self._core = unicorn.Uc(unicorn.UC_ARCH_ARM, mode)
        self._core.ctl_set_cpu_model(getattr(arm_const, model))
        self._load(job.firmware.order.board)
        self._core.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        if self.counter:
            self._core.hook_add(unicorn.UC_HOOK_BLOCK, self.counter.on_block)

    def run(self) -> int:
        """Runs from reset to the firmware's exit and returns its exit code."""
        flash = self._job.firmware.order.board.flash.origin
        stack_top, reset = struct.unpack("<II", self._core.mem_read(flash, 8))
        self._core.reg_write(self._arm.UC_ARM_REG_SP, stack_top)
        try:
            with self._stopped_by_interrupt():
                self._core.emu_start(reset, FAILED, timeout=int(self._job.timeout_s * 1_000_000))
        except self._error as error:
            raise self._failure(f"the firmware faulted: {error}") from error
        if self._fault:
            raise self._failure(self._fault)
        if self._exit_code is None:
            raise self._failure(f"it did not finish within {self._job.timeout_s:g} seconds")
        return self._exit_code

    @contextmanager
    def _stopped_by_interrupt(self) -> Iterator[None]:
        """Ctrl-C inside one of our callbacks would be lost in the C code that called it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        interrupted: list[int] = []

        def stop(number: int, _frame: object) -> None:
            interrupted.append(number)
            self._core.emu_stop()

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        if interrupted:
            raise KeyboardInterrupt

    def _load(self, board: Board) -> None:
        for memory in (board.flash, board.ram):
            self._core.mem_map(memory.origin, _whole_pages(memory))
        self._core.mem_map(SYSTEM_CONTROL_SPACE, PAGE_BYTES)
        with self._job.firmware.elf.open("rb") as stream:
            for segment in ELFFile(stream).iter_segments("PT_LOAD"):
                if segment["p_filesz"]:
                    self._core.mem_write(segment["p_paddr"], segment.data())

    def _code(self, address: int, size_bytes: int) -> bytes:
        return bytes(self._core.mem_read(address, size_bytes))

    def _on_exception(self, core: Any, number: int, _user: object) -> None:  # noqa: ANN401
        pc = core.reg_read(self._arm.UC_ARM_REG_PC)
        if bytes(core.mem_read(pc, 2)) != SEMIHOSTING_BREAKPOINT:
            self._fault = f"the firmware raised exception {number}"
            core.emu_stop()
            return
        operation = core.reg_read(self._arm.UC_ARM_REG_R0)
        block = core.reg_read(self._arm.UC_ARM_REG_R1)
        arguments = struct.unpack("<III", core.mem_read(block, 12))
        if operation == SYS_EXIT_EXTENDED:
            self._exit_code = arguments[1] if arguments[0] == ADP_STOPPED_APPLICATION_EXIT else -1
            core.emu_stop()
            return
        call = self.host.calls().get(operation)
        if call is None:
            self._fault = f"the firmware made the unknown semihosting call {operation:#x}"
            core.emu_stop()
            return
        core.reg_write(self._arm.UC_ARM_REG_R0, call(core, arguments))
        core.reg_write(self._arm.UC_ARM_REG_PC, (pc + 2) | 1)

    def _failure(self, what: str) -> HvError:
        pc = self._core.reg_read(self._arm.UC_ARM_REG_PC)
        return HvError(
            what,
            where=f"{self._job.firmware.elf}, address {pc:#x}",
            hint="a stack overflow (see stack_bytes in board.toml) or an address without memory",
        )


# Operation numbers as Arm's semihosting specification names them.
SYS_OPEN = 0x01
SYS_CLOSE = 0x02
SYS_WRITE = 0x05
SYS_READ = 0x06
SYS_FLEN = 0x0C
SYS_EXIT_EXTENDED = 0x20

_Arguments = tuple[int, int, int]


@dataclass(kw_only=True)
class _OpenFile:
    name: str
    position: int = 0


@dataclass(kw_only=True)
class _Host:
    """The host's side of semihosting: files in memory, and no other file can be reached."""

    files: dict[str, bytearray]
    created: set[str] = field(default_factory=set)
    opened: dict[int, _OpenFile] = field(default_factory=dict)

    def calls(self) -> Mapping[int, Callable[[Any, _Arguments], int]]:
        """Returns what answers each operation; the answer goes into r0."""
        return {
            SYS_OPEN: self._open,
            SYS_CLOSE: self._close,
            SYS_WRITE: self._write,
            SYS_READ: self._read,
            SYS_FLEN: self._length,
        }

    def written(self, names: tuple[str, ...]) -> dict[str, bytes]:
        """Returns those files of `names` that the firmware wrote."""
        return {name: bytes(self.files[name]) for name in names if name in self.created}

    def _open(self, core: Any, arguments: _Arguments) -> int:  # noqa: ANN401
        address, mode, length = arguments
        name = core.mem_read(address, length).decode("utf-8", errors="replace")
        if mode == MODE_WRITE_BINARY:
            self.files[name] = bytearray()
            self.created.add(name)
        elif mode != MODE_READ_BINARY or name not in self.files:
            return FAILED
        handle = len(self.opened) + 1
        self.opened[handle] = _OpenFile(name=name)
        return handle

    def _close(self, _core: Any, arguments: _Arguments) -> int:  # noqa: ANN401
        return 0 if arguments[0] in self.opened else FAILED

    def _write(self, core: Any, arguments: _Arguments) -> int:  # noqa: ANN401
        handle, address, size = arguments
        file = self.opened.get(handle)
        if file is None or file.name not in self.created:
            return size
        self.files[file.name] += core.mem_read(address, size)
        return 0

    def _read(self, core: Any, arguments: _Arguments) -> int:  # noqa: ANN401
        handle, address, size = arguments
        file = self.opened.get(handle)
        if file is None:
            return size
        data = bytes(self.files[file.name][file.position : file.position + size])
        core.mem_write(address, data)
        file.position += len(data)
        return size - len(data)

    def _length(self, _core: Any, arguments: _Arguments) -> int:  # noqa: ANN401
        file = self.opened.get(arguments[0])
        return FAILED if file is None else len(self.files[file.name])


def _whole_pages(memory: Memory) -> int:
    return -(-memory.size_bytes // PAGE_BYTES) * PAGE_BYTES
