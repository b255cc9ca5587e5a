"""A flash driver, compiled as the firmware is, on Unicorn's core with a model of its controller."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from elftools.elf.elffile import ELFFile

from codegen.resources import resource
from host_tools.apps import app_flags, app_sources
from host_tools.boards import Board, linker_script, load_board
from host_tools.build import FIRMWARE_FLAGS, GCC_FLAGS
from host_tools.emulators.unicorn_cores import SYSTEM_CONTROL_SPACE
from host_tools.processes import run_program
from host_tools.sizes import function_addresses
from host_tools.toolchain import Purpose, choose

CLOCK_HZ = 40_000  # as the driver is told: so its longest wait takes few turns
PAGE_BYTES = 4096
BACK = 0x7000_0000  # where functions return to
HANDLED = BACK + 0x100  # where a handler returns to
CALL_LIMIT = 30_000_000  # instructions: a call that takes more never ends
SP = 0x7100_0000
MOST_EXCEPTIONS = 10_000
MODELS_WITHOUT_ONE = {"cortex-m0plus": "UC_CPU_ARM_CORTEX_M0"}
AS_IT_IS: Mapping[str, str] = MappingProxyType({})


class Controller(Protocol):
    """A flash controller and the flash behind it, as the manual describes them."""

    base: int  # of its registers
    exception: bool  # one waits to be taken

    def attach(self, core: Any) -> None:  # noqa: ANN401
        """Adds what it has beside registers and people's blocks to Unicorn's core."""

    def read_register(self, offset: int) -> int:
        """What the core reads there."""

    def write_register(self, offset: int, value: int) -> None:
        """What the core writes there does."""

    def read_flash(self, offset: int, size: int) -> int:
        """What the core reads of the people's blocks."""

    def write_flash(self, offset: int, size: int, value: int) -> None:
        """What the core writes there does."""


SHARED = ("hv_stm32_flash.h",)


@dataclass(frozen=True, kw_only=True)
class Flash:
    """An hv_flash_t, as the driver returns it."""

    base: int
    block_bytes: int
    write_bytes: int
    blocks: int
    program: int
    erase: int
    context: int


def compile_driver(
    board: str, folder: Path, changed: Mapping[str, str] = AS_IT_IS, more: Sequence[Path] = ()
) -> Path:
    """Links a board's storage driver alone, by the board's own linker script.

    Args:
        board: its name.
        folder: for everything that is written.
        changed: what the driver says in place of some of its text: a fault to be found.
        more: sources that use it.
    """
    found = replace(load_board(board), clock_hz=CLOCK_HZ)
    firmware = resource("firmware")
    (folder / "hv_model.h").write_text("#define HV_MODEL_PERSON_BYTES 2048u\n")
    (folder / "link.ld").write_text(linker_script(found))
    toolchain = choose(Purpose(found.core.family), "gcc")
    sources = [
        _with_faults(path, changed, folder)
        for path in _drivers(found)
        if path.stem.startswith(("hv_storage", "hv_board"))
    ]
    elf = folder / f"{board}.elf"
    done = run_program(
        (
            *toolchain.argv,
            *toolchain.target_flags(found.core),
            *(flag for flag in FIRMWARE_FLAGS if not changed or flag != "-Werror"),
            *GCC_FLAGS,
            *app_flags("device", found),
            *("-I", str(folder), "-I", str(firmware / "runtime")),
            *("-isystem", str(firmware / "startup" / "libc")),
            *("-nostdlib", "-Wl,--entry=hv_storage_data", "-T", str(folder / "link.ld")),
            *(str(path) for path in (*sources, *more)),
            *("-o", str(elf)),
        ),
        timeout_s=120,
        folder=folder,
        environment=toolchain.environment(),
    )
    assert done.exit_code == 0, done.output
    return elf


def _drivers(board: Board) -> tuple[Path, ...]:
    """The device's drivers; which one serves the serial port does not matter here."""
    uart = board.uart or load_board("netduinoplus2").uart
    return app_sources("device", replace(board, uart=uart))


def _with_faults(source: Path, changed: Mapping[str, str], folder: Path) -> Path:
    """The driver, or copies of it and of what it shares with others that say something else."""
    if not changed or not source.stem.startswith("hv_storage"):
        return source
    files = (source, *(source.with_name(name) for name in SHARED if name in source.read_text()))
    texts = {file.name: file.read_text() for file in files}
    for right, wrong in changed.items():
        found = sum(text.count(right) for text in texts.values())
        assert found == 1, f"the place of the fault has changed: {right}"
        texts = {name: text.replace(right, wrong) for name, text in texts.items()}
    for name, text in texts.items():
        (folder / name).write_text(text)  # an include looks beside the source first
    return folder / source.name


class DriverCore:
    """The core of a board, its driver's code, and a controller; `call` is the C call."""

    def __init__(self, board: str, elf: Path, controller: Controller) -> None:
        unicorn: Any = importlib.import_module("unicorn")
        self._arm: Any = importlib.import_module("unicorn.arm_const")
        self.error: type[Exception] = unicorn.UcError
        found = load_board(board)
        assert found.storage is not None
        self.storage = found.storage
        self._ram = found.ram.origin
        core = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        model = found.emulators.get("unicorn") or MODELS_WITHOUT_ONE[found.target]
        core.ctl_set_cpu_model(getattr(self._arm, model))
        core.mem_map(found.flash.origin, found.storage.origin - found.flash.origin)
        core.mem_map(found.ram.origin, 16 * PAGE_BYTES)
        core.mem_map(SYSTEM_CONTROL_SPACE, PAGE_BYTES)
        core.mem_map(BACK, PAGE_BYTES)
        core.mem_map(SP - PAGE_BYTES, PAGE_BYTES)
        core.mmio_map(
            found.storage.origin,
            found.storage.size_bytes,
            lambda _core, at, size, _user: controller.read_flash(at, size),
            None,
            lambda _core, at, size, value, _user: controller.write_flash(at, size, value),
            None,
        )
        page = controller.base // PAGE_BYTES * PAGE_BYTES
        within = controller.base - page
        core.mmio_map(
            page,
            PAGE_BYTES,
            lambda _core, at, _size, _user: controller.read_register(at - within),
            None,
            lambda _core, at, _size, value, _user: controller.write_register(at - within, value),
            None,
        )
        with elf.open("rb") as stream:
            for segment in ELFFile(stream).iter_segments("PT_LOAD"):
                if segment["p_filesz"]:
                    for address in {
                        segment["p_paddr"],
                        segment["p_vaddr"],
                    }:  # as start-up copies it
                        core.mem_write(address, segment.data())
        controller.attach(core)
        self.exceptions = 0  # that were taken
        if found.storage.exception:
            (self._handler,) = function_addresses(elf, ("hv_storage_forgives",))
            self._controller = controller
            self._interrupted: Any = None
            core.hook_add(unicorn.UC_HOOK_CODE, self._take_exception)
        self._elf = elf
        self._core = core

    def _take_exception(self, core: Any, address: int, *_rest: object) -> None:  # noqa: ANN401
        """Before an instruction: a handler is entered between two, and gives all registers back."""
        arm = self._arm
        if address == HANDLED:
            assert core.reg_read(arm.UC_ARM_REG_R0) == 1, "the exception was not forgiven"
            core.context_restore(self._interrupted)
            core.reg_write(arm.UC_ARM_REG_PC, core.reg_read(arm.UC_ARM_REG_PC) | 1)
            self._interrupted = None
        elif self._controller.exception and self._interrupted is None:
            self._controller.exception = False
            self.exceptions += 1
            assert self.exceptions < MOST_EXCEPTIONS, "it comes again and again"
            core.reg_write(arm.UC_ARM_REG_PC, address | 1)
            self._interrupted = core.context_save()
            core.reg_write(arm.UC_ARM_REG_LR, HANDLED | 1)
            core.reg_write(arm.UC_ARM_REG_PC, self._handler | 1)

    def flash(self, which: str) -> Flash:
        """What `hv_storage_journal` or `hv_storage_data` returns: through memory, by the ABI."""
        place = self._ram + 8 * PAGE_BYTES
        (function,) = function_addresses(self._elf, (f"hv_storage_{which}",))
        self.call(function, place)
        return Flash(
            **dict(
                zip(
                    Flash.__dataclass_fields__,
                    struct.unpack("<7I", self._core.mem_read(place, 28)),
                    strict=True,
                )
            )
        )

    def program(self, flash: Flash, offset: int, data: bytes) -> int:
        """The hv_status_t; the source lies at an odd address."""
        source = self._ram + 9 * PAGE_BYTES + 1
        self._core.mem_write(source, data)
        return self.call(flash.program, flash.context, offset, source, len(data))

    def erase(self, flash: Flash, block: int) -> int:
        """The hv_status_t."""
        return self.call(flash.erase, flash.context, block)

    def call_named(self, name: str, *arguments: int) -> int:
        """Calls a C function by its name."""
        (function,) = function_addresses(self._elf, (name,))
        return self.call(function, *arguments)

    def call(self, function: int, *arguments: int) -> int:
        """Calls a C function; fails if it does not return."""
        arm = self._arm
        for number, value in enumerate(arguments):
            self._core.reg_write(getattr(arm, f"UC_ARM_REG_R{number}"), value)
        self._core.reg_write(arm.UC_ARM_REG_SP, SP)
        self._core.reg_write(arm.UC_ARM_REG_LR, BACK | 1)
        self._core.emu_start(function | 1, BACK, count=CALL_LIMIT)
        assert self._core.reg_read(arm.UC_ARM_REG_PC) == BACK, "it did not return"
        return int(self._core.reg_read(arm.UC_ARM_REG_R0))
