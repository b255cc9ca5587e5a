"""Unicorn: QEMU's processor cores as a Python package, without the machines around them.

This file is the machine: it maps the board's memories, loads the same ELF file that QEMU runs, and
answers its semihosting calls from files kept in memory. Faults are reported by the emulator itself,
the firmware's own fault handler never runs. Needs no system package: `pip install unicorn`.

Running is as fast as in QEMU. Counting calls Python for each block, about 4 seconds for a million
blocks, and gives the same counts as QEMU's plugin, which takes a tenth of a second.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import importlib.util
import operator
import signal
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
from host_tools.emulators.semihosting import (
    ADP_STOPPED_APPLICATION_EXIT,
    FAILED,
    SYS_EXIT_EXTENDED,
    SemihostingFiles,
)
from host_tools.emulators.unicorn_cores import CORE_FAMILIES

PAGE_BYTES = 4096


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
        family = CORE_FAMILIES[family_of(job.firmware)]
        constants: Any = importlib.import_module(f"unicorn.{family.constants}")
        self._job = job
        self._family = family
        self._constants = constants
        self._error = unicorn.UcError
        self._exit_code: int | None = None
        self._fault = ""
        self._interrupted = False
        files = {name: bytearray(data) for name, data in job.inputs.items()}
        self.host = SemihostingFiles(files=files)
        functions = layer_addresses(job.firmware)
        self.counter = BlockCounter(functions, self._code, family.code) if job.count else None
        mode = functools.reduce(operator.or_, (getattr(unicorn, name) for name in family.modes))
        self._core = unicorn.Uc(getattr(unicorn, family.architecture), mode)
        self._core.ctl_set_cpu_model(getattr(self._constants, model))
        self._map(job.firmware.order.board, unicorn)
        self._entry = self._load(job.firmware.order.board.flash)
        self._core.hook_add(unicorn.UC_HOOK_INTR, self._on_exception)
        if self.counter:
            self._core.hook_add(unicorn.UC_HOOK_BLOCK, self.counter.on_block)

    def run(self) -> int:
        """Runs from reset to the firmware's exit and returns its exit code."""
        flash = self._job.firmware.order.board.flash.origin
        start = self._family.start(self._core.mem_read, flash, self._entry)
        if start.stack_pointer is not None:
            self._write(self._family.stack_pointer, start.stack_pointer)
        with self._stopped_by_interrupt():
            self._run_from(start.pc)
        if self._fault:
            raise self._failure(self._fault)
        if self._exit_code is None:
            raise self._failure(f"it did not finish within {self._job.timeout_s:g} seconds")
        return self._exit_code

    def _run_from(self, pc: int) -> None:
        """Unicorn itself ends at a RISC-V breakpoint; at an Arm one it calls `_on_exception`."""
        deadline_s = time.monotonic() + self._job.timeout_s
        while not self._interrupted and (left_s := deadline_s - time.monotonic()) > 0:
            try:
                self._core.emu_start(pc, FAILED, timeout=max(int(left_s * 1_000_000), 1))
                return
            except self._error as error:
                if not self._is_host_call():
                    raise self._failure(f"the firmware faulted: {error}") from error
            self._answer()
            if self._exit_code is not None or self._fault:
                return
            pc = self._read(self._family.pc)

    @contextmanager
    def _stopped_by_interrupt(self) -> Iterator[None]:
        """Ctrl-C inside one of our callbacks would be lost in the C code that called it."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(_number: int, _frame: object) -> None:
            self._interrupted = True
            self._core.emu_stop()

        before = signal.signal(signal.SIGINT, stop)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)
        if self._interrupted:
            raise KeyboardInterrupt

    def _map(self, board: Board, unicorn: Any) -> None:  # noqa: ANN401
        for memory in (board.flash, board.ram):
            self._core.mem_map(memory.origin, _whole_pages(memory))
        for page in self._family.pages:
            self._core.mem_map(page, PAGE_BYTES)
        flash = board.flash
        if flash.data_origin != flash.origin:  # each for its own purpose, and a fault for the other
            self._core.mem_map(flash.data_origin, _whole_pages(flash), unicorn.UC_PROT_READ)
            self._core.mem_protect(flash.origin, _whole_pages(flash), unicorn.UC_PROT_EXEC)

    def _load(self, flash: Memory) -> int:
        """Writes the program to wherever flash is seen; returns its entry."""
        with self._job.firmware.elf.open("rb") as stream:
            program = ELFFile(stream)
            for segment in program.iter_segments("PT_LOAD"):
                if segment["p_filesz"]:
                    for origin in {flash.origin, flash.data_origin}:
                        address = segment["p_paddr"] - flash.origin + origin
                        self._core.mem_write(address, segment.data())
            return int(program["e_entry"])

    def _code(self, address: int, size_bytes: int) -> bytes:
        return bytes(self._core.mem_read(address, size_bytes))

    def _on_exception(self, core: Any, number: int, _user: object) -> None:  # noqa: ANN401
        if self._is_host_call():
            self._answer()
        else:
            self._fault = f"the firmware raised exception {number}"
        if self._exit_code is not None or self._fault:
            core.emu_stop()

    def _is_host_call(self) -> bool:
        code = self._family.host_call
        place = self._read(self._family.pc) + self._family.host_call_at
        try:
            return bytes(self._core.mem_read(place, len(code))) == code
        except self._error:  # the core is where no memory is
            return False

    def _answer(self) -> None:
        """Does what the firmware asks of the host, and lets it go on after its call."""
        operation = self._read(self._family.first)
        arguments = struct.unpack("<III", self._core.mem_read(self._read(self._family.second), 12))
        if operation == SYS_EXIT_EXTENDED:
            self._exit_code = arguments[1] if arguments[0] == ADP_STOPPED_APPLICATION_EXIT else -1
            return
        call = self.host.calls().get(operation)
        if call is None:
            self._fault = f"the firmware made the unknown semihosting call {operation:#x}"
            return
        self._write(self._family.first, call(self._core, arguments))
        self._write(self._family.pc, self._read(self._family.pc) + self._family.resume_at)

    def _read(self, register: str) -> int:
        return int(self._core.reg_read(getattr(self._constants, register)))

    def _write(self, register: str, value: int) -> None:
        self._core.reg_write(getattr(self._constants, register), value)

    def _failure(self, what: str) -> HvError:
        pc = self._read(self._family.pc)
        return HvError(
            what,
            where=f"{self._job.firmware.elf}, address {pc:#x}",
            hint="a stack overflow (see stack_bytes in board.toml) or an address without memory",
        )


def _whole_pages(memory: Memory) -> int:
    return -(-memory.size_bytes // PAGE_BYTES) * PAGE_BYTES
